package endpoint_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/endpoint"
	"github.com/canarize/canarize/internal/redact"
)

const secret = "s3cr3t-value"

func getenv(name string) string {
	return map[string]string{"TOKEN": secret, "LINES": "a\nb", "ENDED": secret + "\n"}[name]
}

func open(t *testing.T, access metric.Access, token endpoint.Token) *endpoint.Endpoint {
	t.Helper()
	e, err := endpoint.New(access, getenv, token)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCredentials checks which credentials are sent, and that an error answer
// that repeats them all reveals nothing.
func TestCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		access metric.Access
		token  endpoint.Token
		want   string // HEADER: VALUE
	}{
		"bearer from the environment":   {metric.Access{Bearer: metric.Secret{Env: "TOKEN"}}, nil, "Authorization: Bearer " + secret},
		"bearer from a file":            {metric.Access{Bearer: metric.Secret{File: file(t, secret+"\r\n")}}, nil, "Authorization: Bearer " + secret},
		"the end of a line":             {metric.Access{Bearer: metric.Secret{Env: "ENDED"}}, nil, "Authorization: Bearer " + secret},
		"basic":                         {metric.Access{User: "me", Password: metric.Secret{Env: "TOKEN"}}, nil, "Authorization: Basic bWU6czNjcjN0LXZhbHVl"},
		"a header from the environment": {metric.Access{Headers: map[string]metric.Secret{"X-Scope-OrgID": {Env: "TOKEN"}}}, nil, "X-Scope-Orgid: " + secret},
		"a token":                       {metric.Access{}, func(context.Context) (string, error) { return secret, nil }, "Authorization: Bearer " + secret},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				header, value, _ := strings.Cut(c.want, ": ")
				if r.Header.Get(header) != value {
					t.Errorf("sent %v, want %s", r.Header, c.want)
				}
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprintf(w, "%s you sent %v", strings.Repeat(" ", 20_000), r.Header)
			}))
			defer server.Close()
			c.access.Address = server.URL
			answer, err := open(t, c.access, c.token).Get(t.Context(), "query", nil, "*/*")
			if err != nil || answer.Status != http.StatusForbidden || answer.Refused == nil {
				t.Fatalf("%+v, %v", answer, err)
			}
			text := answer.Refused.Error()
			for _, wrong := range []string{secret, "bWU6czNjcjN0LXZhbHVl"} {
				if strings.Contains(text, wrong) {
					t.Error("the error holds the secret:", text)
				}
			}
			for _, right := range []string{"403 Forbidden: you sent", "check the credentials"} {
				if !strings.Contains(text, right) {
					t.Errorf("%q does not contain %q", text, right)
				}
			}
		})
	}
}

// TestSpellings checks the same for a server that encodes the secret in another
// way.
func TestSpellings(t *testing.T) {
	const awkward = `p"a\s/s <ü>&`
	for name, write := range map[string]func(http.ResponseWriter){
		"as it is": func(w http.ResponseWriter) { fmt.Fprint(w, awkward) },
		"quoted":   func(w http.ResponseWriter) { fmt.Fprintf(w, "%q", awkward) },
		"JSON":     func(w http.ResponseWriter) { _ = json.NewEncoder(w).Encode(awkward) },
		"a URL":    func(w http.ResponseWriter) { fmt.Fprint(w, url.QueryEscape(awkward), " ", url.PathEscape(awkward)) },
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			write(w)
		}))
		access := metric.Access{Address: server.URL, User: "me", Password: metric.Secret{File: file(t, awkward)}}
		answer, err := open(t, access, nil).Get(t.Context(), "", nil, "*/*")
		server.Close()
		if err != nil || !strings.Contains(answer.Refused.Error(), redact.Mask) || strings.ContainsAny(answer.Refused.Error(), `<ü&%\`) {
			t.Errorf("%s: %v, %v", name, answer.Refused, err)
		}
	}
}

func TestMissingSecrets(t *testing.T) {
	for says, access := range map[string]metric.Access{
		"environment variable NONE is empty":                {Bearer: metric.Secret{Env: "NONE"}},
		"no such file":                                      {Bearer: metric.Secret{File: "none"}},
		"environment variable LINES has more than one line": {User: "me", Password: metric.Secret{Env: "LINES"}},
		"header X: environment variable NONE":               {Headers: map[string]metric.Secret{"X": {Env: "NONE"}}},
		"is larger than 65536 bytes":                        {Bearer: metric.Secret{File: file(t, strings.Repeat("x", 70_000))}},
	} {
		access.Address = "http://127.0.0.1:1"
		if _, err := open(t, access, nil).Get(t.Context(), "", nil, "*/*"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	failing := func(context.Context) (string, error) { return "", errors.New("log in first") }
	if _, err := open(t, metric.Access{Address: "http://127.0.0.1:1"}, failing).Get(t.Context(), "", nil, "*/*"); err == nil || err.Error() != "127.0.0.1:1: getting a token: log in first" {
		t.Error(err)
	}
}

func TestWrongAddresses(t *testing.T) {
	for address, says := range map[string]string{
		"":                        "expected a URL such as https://",
		"prometheus:9090":         "expected a URL such as https://",
		"ftp://host":              "expected a URL such as https://",
		"http://me:pass@host":     "move them to auth",
		"http://host/?a=b":        "must not contain ?",
		"http://host:pass word/%": "is not a valid URL",
	} {
		_, err := endpoint.New(metric.Access{Address: address}, getenv, nil)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "pass word") || strings.Contains(err.Error(), "me:pass") {
			t.Errorf("%s: %v, want %q", address, err, says)
		}
	}
	for _, files := range []metric.TLS{{CA: "none"}, {CA: file(t, "x")}, {Cert: "none"}} {
		if _, err := endpoint.New(metric.Access{Address: "https://host", TLS: files}, getenv, nil); err == nil {
			t.Errorf("%+v: no error", files)
		}
	}
}

// TestRedirect checks that credentials do not go to another server.
func TestRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer server.Close()
	answer, err := open(t, metric.Access{Address: server.URL}, nil).Get(t.Context(), "", nil, "*/*")
	if err != nil || answer.Refused == nil || !strings.Contains(answer.Refused.Error(), "redirects are not followed") {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestLimits(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		for range endpoint.Limit>>10 + 1 {
			fmt.Fprint(w, strings.Repeat("x", 1<<10))
		}
	}))
	defer server.Close()
	e := open(t, metric.Access{Address: server.URL}, nil)
	if _, err := e.Get(t.Context(), "", nil, "*/*"); err == nil || !strings.Contains(err.Error(), "larger than 32 MiB") {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := e.Get(ctx, "slow", nil, "*/*"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestQueries checks that short queries are part of the URL, that long ones are
// sent as a form, and that both arrive.
func TestQueries(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %d", r.Method, r.URL.Path, len(r.FormValue("query")))
	}))
	defer server.Close()
	e := open(t, metric.Access{Address: server.URL + "/base/"}, nil)
	for length, want := range map[int]string{10: "GET /base/api 10", 20_000: "POST /base/api 20000"} {
		answer, err := e.Get(t.Context(), "api", url.Values{"query": {strings.Repeat("x", length)}}, "*/*")
		if err != nil || string(answer.Body) != want {
			t.Errorf("%s, %v; want %s", answer.Body, err, want)
		}
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	for want, files := range map[string]metric.TLS{
		"":                  {CA: ca},
		"certificate":       {},
		"not other.invalid": {CA: ca, ServerName: "other.invalid"},
	} {
		answer, err := open(t, metric.Access{Address: server.URL, TLS: files}, nil).Get(t.Context(), "", nil, "*/*")
		if want == "" && (err != nil || string(answer.Body) != "ok") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %s, %v", files, answer.Body, err)
		}
	}
}
