package servicename_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/servicename"
)

func texts(names []servicename.Name) []string {
	var all []string
	for _, n := range names {
		all = append(all, n.String())
	}
	return all
}

func TestInVariable(t *testing.T) {
	for _, c := range []struct {
		variable, value string
		want            []string
	}{
		// URLs
		{"SELF", "http://web:80/", []string{"web"}},
		{"SELF", "HTTP://Web/", []string{"web"}},
		{"SELF", "http://web", []string{"web"}},
		{"SELF", "//web:80/x", []string{"web"}},
		{"SELF", "http://web.shop.svc.cluster.local.:80", []string{"web.shop.svc.cluster.local"}},
		{"SELF", "http://web.shop.svc.my.domain/x?y=z", []string{"web.shop.svc.my.domain"}},
		{"SELF", "postgres://user:p%40ss@web:5432/db", []string{"web"}},
		{"SELF", "redis://:secret@web/0", []string{"web"}},
		{"SELF", "jdbc:postgresql://web:5432/db", []string{"web"}},
		{"SELF", "jdbc:sqlserver://web:1433;databaseName=shop", []string{"web"}},
		{"SELF", "jdbc:oracle:thin:@//web:1521/shop", []string{"web"}},
		{"SELF", "jdbc:oracle:thin:@web:1521:shop", []string{"web"}},
		{"DB_URL", "mongodb://u:p@a:27017,web:27017,web.shop/db?x=1,y", []string{"a", "web", "web.shop"}},
		{"SELF", "dns:///web.shop.svc:50051", []string{"web.shop.svc"}},
		{"SELF", "passthrough:///web:50051", []string{"web"}},
		{"SELF", "dns:web:50051", []string{"web"}},
		{"SELF", "https://login.example.com/?back=http://web:8080/x", []string{"web"}},
		{"SELF", "http://login.example.com/?ids=1,web,2", nil},
		{"SELF", "http://web:port/", nil},
		{"SELF", "http://web.example.com/", nil},
		{"SELF", "http://web.shop.io:80/", nil},
		{"SELF", "http://web.internal:80/", []string{"web.internal"}},
		{"SELF", "http://[::1]:80/", nil},
		{"SELF", "http://10.0.0.1:80/", nil},
		{"SELF", "http:///web", nil},
		{"FILE", "file://web/x", nil},
		{"DB", "sqlite://web.db", nil},
		{"STORE", "s3://web/backups", nil},
		{"SOCKET", "unix:///var/run/web.sock", nil},
		// host and port, and lists of them
		{"BROKERS", "a:9092,web:9092", []string{"a", "web"}},
		{"BROKERS", "a:9092 web.shop:9092", []string{"a", "web.shop"}},
		{"TARGET", "web:80/metrics", []string{"web"}},
		{"DSN", "user:pass@tcp(web:3306)/db", []string{"web"}},
		{"DSN", "host=web port=5432 dbname=shop", []string{"web"}},
		{"DSN", "Server=web,1433;Database=shop", []string{"web"}},
		{"DSN", "Server=tcp:web,1433", nil}, // a port after a comma is too rare
		{"CONFIG", `{"upstream": "web:80", "name": "web"}`, []string{"web"}},
		{"CONFIG", `["http://web/"]`, []string{"web"}},
		{"X", "web:99999", nil},
		{"X", "::1", nil},
		{"X", "[fe80::1]:80", nil},
		{"VERSION", "web:latest", nil},
		{"IMAGE", "web:1", nil},
		{"SIDECAR_IMAGES", "web:1,db:2", nil},
		{"WSGI", "web.wsgi:app", nil},
		{"ASGI", "web:app", nil},
		// variables
		{"SELF", "http://web:$(WEB_PORT)/", []string{"web"}},
		{"SELF", "web:${PORT}", []string{"web"}},
		{"SELF", "http://$(WEB):80/", nil},
		{"SELF", "http://$(PREFIX)web:80/", nil},
		{"SELF", "http://web.$(POD_NAMESPACE):80/", []string{"web"}},
		{"SELF", "http://web.$(POD_NAMESPACE).svc.$(DOMAIN):80/", []string{"web.svc"}},
		{"SELF", "http://web.shop.svc.$(DOMAIN):80/", []string{"web.shop.svc"}},
		{"FILE", "web.$(EXTENSION)", nil},
		// a host alone
		{"DB_HOST", "web", []string{"web"}},
		{"DBHOST", "web", []string{"web"}},
		{"upstreamUrl", "web", []string{"web"}},
		{"spring.datasource.url", "web", []string{"web"}},
		{"HOST_NAME", "web", []string{"web"}},
		{"SERVER1", "web", []string{"web"}},
		{"API_ENDPOINTS", "a, web", []string{"a", "web"}},
		{"API_URL", "web/x", nil},
		{"SERVICE_NAME", "web", nil},
		{"SERVER_NAME", "web", nil},
		{"APP_NAME", "web", nil},
		{"DB_NAME", "web", nil},
		{"ALLOWED_HOSTS", "web,localhost", nil},
		{"GHOST", "web", nil},
		{"", "web", nil},
		{"SELF", "web.shop.svc.cluster.local", []string{"web.shop.svc.cluster.local"}},
		{"SELF", "web.shop.svc", []string{"web.shop.svc"}},
		{"SELF", "web.shop", []string{"web.shop"}},
		{"SELF", "web.shop.io", nil},
		{"JAVA_OPTS", "-Ddb.host=web -Dapp.name=api -Xmx1g", []string{"web"}},
		// files, paths, mail addresses and others
		{"FLASK_APP", "web.py", []string{"web.py"}}, // a Service of namespace py
		{"LOG", "/var/log/web.log", nil},
		{"LOG", "/web", nil},
		{"LOG", "./web.log", nil},
		{"LOG", "logs/web.log", nil},
		{"LOG", `C:\web\web.log`, nil},
		{"HOST_PATH", "/web:80", nil},
		{"DB_URL", "/run/web.sock", nil},
		{"ADMIN", "ops@web.shop", nil},
		{"ADMIN_URL", "ops@web", nil},
		{"ADMIN", "mailto:ops@web.shop", nil},
		{"TEXT", "The web is a web of webs.", nil},
		{"EMPTY", "", nil},
		{"ODD", ",,;;==--://@:/$", nil},
	} {
		if diff := cmp.Diff(c.want, texts(servicename.InVariable(c.variable, c.value))); diff != "" {
			t.Errorf("%s=%s: (-want +got)\n%s", c.variable, c.value, diff)
		}
	}
}

func TestInArguments(t *testing.T) {
	for _, c := range []struct {
		arguments []string
		want      []string
	}{
		{[]string{"--upstream=http://web:80/"}, []string{"web"}},
		{[]string{"--upstream", "http://web:80/"}, []string{"web"}},
		{[]string{"-backend", "web:80"}, []string{"web"}},
		{[]string{"--db-host", "web", "serve"}, []string{"web"}},
		{[]string{"--db-host=web"}, []string{"web"}},
		{[]string{"--servers", "a,web"}, []string{"a", "web"}},
		{[]string{"sh", "-c", "until psql -h web -U shop; do sleep 1; done"}, []string{"web"}},
		{[]string{"sh", "-c", `exec app --upstream "web:80" --log /var/log/web.log`}, []string{"web"}},
		{[]string{"wait-for-it", "web.shop:5432", "--", "run"}, []string{"web.shop"}},
		{[]string{"web"}, nil},
		{[]string{"web", "serve"}, nil},
		{[]string{"--name", "web"}, nil},
		{[]string{"--name=web", "--db-host", "--verbose", "web"}, nil},
		{[]string{"--image", "web:1"}, nil},
		{[]string{"uvicorn", "web:app", "--host", "0.0.0.0"}, nil},
		{[]string{"gunicorn", "web.wsgi:application", "-b", ":80"}, nil},
		{[]string{"./web.sh", "/web/run.sh", "web/run.sh"}, nil},
		{nil, nil},
	} {
		if diff := cmp.Diff(c.want, texts(servicename.InArguments(c.arguments))); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", c.arguments, diff)
		}
	}
}

// word draws a DNS label that is no part of the names of Services.
func word(t *rapid.T, what string) string {
	return rapid.StringMatching(`[a-z]([-a-z0-9]{0,6}[a-z0-9])?`).Filter(func(s string) bool { return s != "svc" }).Draw(t, what)
}

// TestAddressesAreFound: an address names its Service, whatever stands around it.
func TestAddressesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := servicename.Name{Service: word(t, "service")}
		if rapid.Bool().Draw(t, "qualified?") {
			n.Namespace = word(t, "namespace")
			n.Domain = rapid.SampledFrom([]string{"", "svc", "svc.cluster.local", "svc.my.domain"}).Draw(t, "domain")
		}
		format := rapid.SampledFrom([]string{
			"http://%s", "https://%s:443/x/y?z=1", "%s:80", "amqp://me:secret@%s:5672", "jdbc:mysql://%s:3306/db", "other:1,%s:2",
			"-Dx.url=%s -Dy=z", "--upstream %s --verbose", "grpc %s:1", "http://$(OTHER):80,http://%s/",
		}).Draw(t, "format")
		text := fmt.Sprintf(format, n)
		if rapid.Bool().Draw(t, "upper case?") && !strings.Contains(format, "$") {
			text = strings.ToUpper(text)
		}
		for _, found := range [][]servicename.Name{servicename.InVariable("X", text), servicename.InArguments([]string{text}), servicename.InArguments(strings.Fields(text))} {
			if !contains(found, n) {
				t.Errorf("%q names %v, expected %v", text, texts(found), n)
			}
		}
	})
}

func contains(all []servicename.Name, n servicename.Name) bool {
	for _, a := range all {
		if a == n {
			return true
		}
	}
	return false
}

// TestOthersAreNoServices: a path, a mail address and a host outside name no Service. A
// file name names one only in a namespace with the name of its extension.
func TestOthersAreNoServices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		service := word(t, "service")
		extension := rapid.SampledFrom([]string{"py", "log", "js", "conf", "sock", "example"}).Draw(t, "extension")
		format := rapid.SampledFrom([]string{
			"%[1]s.%[2]s", "/var/log/%[1]s.%[2]s", "./%[1]s", "%[1]s/%[1]s.%[2]s", `C:\%[1]s.%[2]s`, "file:///%[1]s/%[1]s.%[2]s",
			"%[1]s@%[1]s.%[2]s", "https://%[1]s.example.%[2]s/", "%[1]s.example.com:80", "%[1]s.eu.example.com", "https://www.example.com/%[1]s",
			"%[1]s", "%[1]s:latest", "10.0.0.1:80", "[::1]:80",
		}).Draw(t, "format")
		text := strings.TrimSuffix(fmt.Sprintf(format, service, extension), "%!(EXTRA string="+service+", string="+extension+")")
		for _, n := range append(servicename.InVariable("LOG", text), servicename.InArguments([]string{"run", text})...) {
			if n.Namespace != extension {
				t.Errorf("%q names %v", text, n)
			}
		}
	})
}

// FuzzFind checks that no text makes the parser panic, and that every Service that is
// found is in the text.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{"http://web:80/", "a:1,web:80", "user:pass@tcp(web:3306)/db", "--x=://@:$(A).$(B)", "web.$(NS).svc.$(D)", "-=,://"} {
		f.Add("DB_HOST", seed)
	}
	f.Fuzz(func(t *testing.T, variable, text string) {
		for _, n := range append(servicename.InVariable(variable, text), servicename.InArguments(strings.Fields(text))...) {
			if !strings.Contains(strings.ToLower(text), n.Service) {
				t.Errorf("%s=%q names %v", variable, text, n)
			}
		}
	})
}
