package servicename_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/servicename"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, c := range []struct {
		host string
		want servicename.Name
	}{
		{"web", servicename.Name{Service: "web"}},
		{"Web.Shop", servicename.Name{Service: "web", Namespace: "shop"}},
		{"web.shop.svc", servicename.Name{Service: "web", Namespace: "shop", Domain: "svc"}},
		{"web.shop.svc.cluster.local", servicename.Name{Service: "web", Namespace: "shop", Domain: "svc.cluster.local"}},
		{"web.shop.svc.cluster.local.", servicename.Name{Service: "web", Namespace: "shop", Domain: "svc.cluster.local"}},
		{"web.shop.svc.my", servicename.Name{Service: "web", Namespace: "shop", Domain: "svc.my"}},
		{"svc.svc.svc.svc", servicename.Name{Service: "svc", Namespace: "svc", Domain: "svc.svc"}},
		{long, servicename.Name{Service: long}},
	} {
		if got, ok := servicename.Parse(c.host); !ok || got != c.want {
			t.Errorf("%q: %+v, %v", c.host, got, ok)
		}
	}
	for _, host := range []string{
		"", ".", "web.", "web.shop.", "web.shop.svc.", "web..shop", ".web", "web.shop.io", "web.shop.cluster.local", "web-0.web.shop.svc.cluster.local",
		"10.0.0.1", "::1", "[::1]", "web:80", "web/x", "a@web", "-web", "web-", "w_b", "wéb", "*", "*.shop", "web.shop.svc..local", "a" + long, "we b", "localhost",
		strings.Repeat("a.", 3) + "svc." + strings.Repeat(long+".", 4) + "a", "web.shop.svc." + strings.Repeat(long[1:]+".", 4) + "a",
	} {
		if got, ok := servicename.Parse(host); ok {
			t.Errorf("%q: %+v, expected none", host, got)
		}
	}
}

// TestParseFormatted: a name that is written is read as the same name.
func TestParseFormatted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := servicename.Name{Service: word(t, "service")}
		if rapid.Bool().Draw(t, "qualified?") {
			n.Namespace = word(t, "namespace")
			n.Domain = rapid.SampledFrom([]string{"", "svc", "svc.cluster.local", "svc." + word(t, "domain")}).Draw(t, "domain")
		}
		if got, ok := servicename.Parse(n.String()); !ok || got != n {
			t.Errorf("%q: %+v, %v", n, got, ok)
		}
	})
}

// FuzzParse checks that the name of a Service is read as itself, and that nothing else
// than the case and a dot at the end is lost.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"web", "Web.Shop", "web.shop.svc.cluster.local.", "web.shop.io", "10.0.0.1", "a..b", "-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		n, ok := servicename.Parse(host)
		if !ok {
			return
		}
		if n.String() != strings.TrimSuffix(strings.ToLower(host), ".") {
			t.Errorf("%q came back as %q", host, n)
		}
		if again, ok := servicename.Parse(n.String()); !ok || again != n {
			t.Errorf("%q: %+v, again %+v", host, n, again)
		}
	})
}

func TestParseAddress(t *testing.T) {
	for _, c := range []struct {
		source string
		want   servicename.Address
		canary string
	}{
		{"web", servicename.Address{Host: "web"}, "web-canary"},
		{"web:8080", servicename.Address{Host: "web", Port: "8080"}, "web-canary:8080"},
		{"https://web.shop:443", servicename.Address{Scheme: "https", Host: "web.shop", Port: "443"}, "https://web-canary.shop:443"},
		{"web.web.svc.web", servicename.Address{Host: "web.web.svc.web"}, "web-canary.web.svc.web"},
		{"HTTP://Web:080", servicename.Address{Scheme: "HTTP", Host: "Web", Port: "080"}, "HTTP://web-canary:080"},
		{"web.shop.svc.cluster.local.:80", servicename.Address{Host: "web.shop.svc.cluster.local.", Port: "80"}, "web-canary.shop.svc.cluster.local.:80"},
	} {
		got, err := servicename.ParseAddress(c.source)
		if err != nil || got != c.want || got.String() != c.source || got.WithService("web-canary").String() != c.canary {
			t.Errorf("%q: %+v %v, with another name %q", c.source, got, err, got.WithService("web-canary"))
		}
	}
	for _, source := range []string{
		"", ".", "web:", ":80", "web:http", "web:65536", "web/path", "a@b", "127.0.0.1:80", "[::1]:80", "web..x", "://web", "//web", "a://b://c", " web", "web:80:80",
	} {
		if got, err := servicename.ParseAddress(source); err == nil {
			t.Errorf("%q: got %+v, want an error", source, got)
		}
	}
}

// FuzzParseAddress checks that an address is written back byte for byte, and that another
// name of the Service changes nothing else.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"web", "web:80", "https://web.other:8443", "web.default.svc.cluster.local", "HTTP://Web", "127.0.0.1", "[::1]:80",
		"web:", ":80", "web.", "a/b", "web:080", "", "x://", "wéb",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		a, err := servicename.ParseAddress(source)
		if err != nil {
			return
		}
		if got := a.String(); got != source {
			t.Errorf("%q came back as %q", source, got)
		}
		name, _, _ := strings.Cut(a.Host, ".")
		if got, want := a.WithService("x").String(), strings.Replace(source, name, "x", 1); a.Scheme == "" && got != want {
			t.Errorf("%q with another name: %q, want %q", source, got, want)
		}
		again, err := servicename.ParseAddress(a.WithService("x").String())
		if err != nil || again != a.WithService("x") {
			t.Errorf("%q with another name does not parse: %+v %v", source, again, err)
		}
	})
}
