package redact

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// canary is a secret that no redacted text may contain.
const canary = "s3cr3t-C4nary"

func TestText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// Addresses.
		{`Get "https://ci.example.com:8443/ok?token=s3cr3t-C4nary&run=7": dial tcp: refused`, `Get "https://ci.example.com:8443/ok?token=…&run=…": dial tcp: refused`},
		{"https://user:s3cr3t-C4nary@host/path", "https://…@host/path"},
		{"https://user:s3cr/3t-C4nary@host/path", "https://…@host/path"},
		{"https://host:8080/path@v1", "https://host:8080/path@v1"},
		{"see https://host/?s3cr3t-C4nary.", "see https://host/?…"},
		{"https://host/cb#access=s3cr3t-C4nary", "https://host/cb#…"},
		{"GET /cb?code=s3cr3t-C4nary&x=1 HTTP/1.1", "GET /cb?code=…&x=… HTTP/1.1"},
		{"postgres://shop:s3cr3t-C4nary@db:5432/shop", "postgres://…@db:5432/shop"},
		// HTTP credentials.
		{"403 Bearer s3cr3t-C4nary is not allowed", "403 Bearer … is not allowed"},
		{"authorization: Basic czNjcjN0LUM0bmFyeQ==\nnext line", "authorization: …\nnext line"},
		{`{"Authorization": "Bearer s3cr3t-C4nary", "a": 1}`, `{"Authorization": "…", "a": 1}`},
		{"X-Api-Key: s3cr3t-C4nary", "X-Api-Key: …"},
		{"the bearer token is missing", "the bearer token is missing"},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s3cr3t-C4nary", "…"},
		// Names.
		{"password=s3cr3t-C4nary, user=x", "password=…, user=x"},
		{`token: "s3cr3t C4nary" and more`, `token: … and more`},
		{`{"client_secret":"s3cr3t-C4nary","n":1}`, `{"client_secret":…,"n":1}`},
		{`{\"password\":\"s3cr3t-C4nary\"}`, `{\"password\":…}`},
		{"AccountKey=s3cr3t-C4nary;x", "AccountKey=…"},
		{"DB_PASSWORD=s3cr3t-C4nary", "DB_PASSWORD=…"},
		{"sig=s3cr3t-C4nary", "sig=…"},
		{"map it: SYSTEM_ACCESSTOKEN: $(System.AccessToken)", "map it: SYSTEM_ACCESSTOKEN: $(System.AccessToken)"},
		{"key: s3cr3t-C4nary", "key: …"},
		{"spec.volumes[0].secret.secretName: Required value", "spec.volumes[0].secret.secretName: Required value"},
		{"monkey: business", "monkey: business"},
		{"Deployment shop/auth-service: 1 of 2 pods are ready", "Deployment shop/auth-service: 1 of 2 pods are ready"},
		{"shop/token=s3cr3t-C4nary", "shop/token=…"},
		// Texts that look like a secret.
		{"-----BEGIN RSA PRIVATE KEY-----\ns3cr3t-C4nary\n-----END RSA PRIVATE KEY-----\nend", "…\nend"},
		{"got c2VjcmV0LUM0bmFyeS1mb3ItdGVzdHM= there", "got … there"},
		{"id 0123456789abcdef0123456789abcdef", "id …"},
		{"registry.example.com/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "registry.example.com/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
		{"registry.example.com/app:0123456789abcdef0123456789abcdef01234567", "registry.example.com/app:0123456789abcdef0123456789abcdef01234567"},
		{"Pod shop/web-canary-7d9f8b6c5d-x2x4z: image cannot be pulled", "Pod shop/web-canary-7d9f8b6c5d-x2x4z: image cannot be pulled"},
		{"open /home/runner/work/shop/manifests/deployment.yml: no such file", "open /home/runner/work/shop/manifests/deployment.yml: no such file"},
		// Secrets in errors of the API server.
		{`Secret "shop" is invalid: data[x]: Invalid value: "s3cr3t-C4nary": it is bad`, `Secret "shop" is invalid: data[x]: Invalid value: …: it is bad`},
		{`failed to create typed patch object (eu/shop; /v1, Kind=Secret): .stringData.pin: expected string, got &value.valueUnstructured{Value:4711}`, `failed to create typed patch object (eu/shop; /v1, Kind=Secret): .stringData.pin: expected string, got …`},
		{`cannot apply {"kind":"Secret","data":{"a":"s3cr3t-C4nary"}}`, `cannot apply {"kind":"Secret","data":…}`},
		{`Deployment "web" is invalid: spec.replicas: Invalid value: -1: must be more`, `Deployment "web" is invalid: spec.replicas: Invalid value: -1: must be more`},
		{"secrets is forbidden: User \"dev\" cannot list resource \"secrets\"", "secrets is forbidden: User \"dev\" cannot list resource \"secrets\""},
		{"", ""},
	} {
		if have := Text(c.text); have != c.want {
			t.Errorf("%s\n became %s\n instead of %s", c.text, have, c.want)
		}
	}
}

func TestURL(t *testing.T) {
	for address, want := range map[string]string{
		"https://host/path?a=" + canary + "&" + canary: "https://host/path?a=…&…",
		"https://host/path?a=b " + canary:              "https://host/path?a=…",
		"https://a:" + canary + "@host":                "https://…@host",
		"host/path?a=" + canary:                        "host/path?a=…",
		"https://host/path":                            "https://host/path",
	} {
		if have := URL(address); have != want {
			t.Errorf("%s: %s, expected %s", address, have, want)
		}
	}
}

func TestError(t *testing.T) {
	if Error(nil) != nil {
		t.Error("nil is an error")
	}
	err := fmt.Errorf("token=%s: %w", canary, fs.ErrNotExist)
	have := Error(err)
	if have.Error() != "token=… file does not exist" && have.Error() != "token=…: file does not exist" || !errors.Is(have, fs.ErrNotExist) {
		t.Error(have)
	}
	if plain := errors.New("refused"); Error(plain) != plain {
		t.Error("another error")
	}
}

func TestKnown(t *testing.T) {
	const secret = `a "quoted" + <secret>/ü`
	encoded, _ := json.Marshal(map[string]string{"said": secret})
	for _, text := range []string{secret, fmt.Sprintf("%q", secret), string(encoded), "a+%22quoted%22+%2B+%3Csecret%3E%2F%C3%BC"} {
		if have := Known("("+text+")", secret); strings.Contains(have, "quoted") {
			t.Errorf("%s: %s", text, have)
		}
	}
	if have := Known("a=1", "1", ""); have != "a=1" {
		t.Error(have)
	}
	found := InURL("https://user:pass-word@host/?a=x%20y&zzzz#f")
	if strings.Join(found, "|") != "pass-word|user|x%20y|x y|zzzz|zzzz" {
		t.Error(found)
	}
	found = InEnvironment([]string{"HOME=/root", "CI_TOKEN=" + canary, "USE_AUTH=true", "AWS_SECRET_ACCESS_KEY=" + canary, "PATH=/bin"})
	if strings.Join(found, "|") != canary+"|"+canary {
		t.Error(found)
	}
}

// FuzzText: a second pass changes nothing, the result is bounded, and no text makes it
// panic.
func FuzzText(f *testing.F) {
	for _, text := range []string{"", "token=a", "https://a:b@c/?d=e#f", "Bearer x", "eyJabcde.f", "key:key:key=a", `password: "a\"`, "://@?#", "secret value: x {data:{a}}", "\xff\xfe://?", "-----BEGIN -----"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		masked := Text(text)
		if again := Text(masked); again != masked {
			t.Errorf("%q, once more: %q", masked, again)
		}
		if len(masked) > 3*len(text) {
			t.Errorf("%d bytes became %d", len(text), len(masked))
		}
	})
}

// TestHidden: Text masks a secret in every place where secrets stand, whatever is around
// it.
func TestHidden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z ,.:]{0,12}`)
		place := rapid.SampledFrom([]string{"token=%s", "password: %s", `"secret":"%s"`, "Bearer %s", "https://h/p?x=%s", "https://u:%s@h/", "Authorization: Basic %s", "https://%s@h/x", "X_KEY=%s"}).Draw(t, "place")
		text := word.Draw(t, "before") + " " + fmt.Sprintf(place, canary) + " " + word.Draw(t, "behind")
		if have := Text(text); strings.Contains(have, canary) {
			t.Fatalf("%s: %s", text, have)
		}
	})
}
