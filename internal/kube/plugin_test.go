package kube

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

// hangingPlugin returns a cluster in memory whose credential plugin answers only when
// the test lets it.
func hangingPlugin(t *testing.T, options Options) (c *Cluster, server *kubetest.API, starts *atomic.Int32, answer chan error) {
	t.Helper()
	c, server = newFake(t, options)
	warmUp(t, c)
	starts, answer = new(atomic.Int32), make(chan error)
	direct := c.http.Transport
	c.plugin = &plugin{command: "kubelogin", next: roundTripper(func(r *http.Request) (*http.Response, error) {
		starts.Add(1)
		if err := <-answer; err != nil {
			return nil, err
		}
		return direct.RoundTrip(r)
	})}
	c.http.Transport = c.plugin
	return c, server, starts, answer
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A call ends with its context although the credential plugin hangs. The error names
// the plugin, and retries do not start the plugin again.
func TestPluginHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delays := &lines{began: time.Now()}
		c, _, starts, answer := hangingPlugin(t, Options{Delayed: delays.add})
		killed := errors.New("killed")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Minute, killed)
		defer cancel()
		began := time.Now()
		_, err := c.Persistent().Fresh(ctx, aMapping)
		if !errors.Is(err, killed) || !strings.Contains(err.Error(), "credential plugin kubelogin") || time.Since(began) != 20*time.Minute {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if n := starts.Load(); n != 1 {
			t.Errorf("the plugin was started %d times at once", n)
		}
		if text := delays.text(); !strings.HasPrefix(text, "3 s: waiting for the API server fake:6443: GET ConfigMap shop/web, for 3 s: the credential plugin kubelogin has not answered yet\n33 s: ") {
			t.Error(text)
		}
		close(answer)
		if _, err := c.Fresh(t.Context(), aMapping); err != nil {
			t.Error("after its answer:", err)
		}
	})
}

// A plugin that does not answer times out with an error of its own, after enough time
// for a login.
func TestPluginIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _, answer := hangingPlugin(t, Options{})
		began := time.Now()
		_, err := c.Fresh(t.Context(), aMapping)
		if err == nil || !strings.Contains(err.Error(), "the credential plugin kubelogin of the kubeconfig has not answered for 3m0s") || time.Since(began) != pluginTimeout {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		close(answer)
	})
	synctest.Test(t, func(t *testing.T) {
		c, server, starts, answer := hangingPlugin(t, Options{})
		time.AfterFunc(pluginTimeout-time.Second, func() { close(answer) })
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, err := c.Fresh(t.Context(), aMapping); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if starts.Load() != 3 || server.Count("GET /api/v1/namespaces/shop/configmaps/web") != 3+1 {
			t.Errorf("started %d times, %d requests", starts.Load(), server.Count("GET"))
		}
	})
}

// A failure of the plugin is a client error: permanent, unless a canary has traffic.
func TestPluginFails(t *testing.T) {
	for command, words := range map[string]string{
		"no-such-kubelogin": "executable no-such-kubelogin not found",
		"false":             "executable false failed with exit code 1",
	} {
		for _, patient := range []bool{false, true} {
			tries := 0
			ctx, cancel := context.WithCancel(t.Context())
			c, err := New(&rest.Config{Host: "https://localhost:1", ExecProvider: &api.ExecConfig{
				Command: command, APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: api.NeverExecInteractiveMode,
			}}, Options{
				Patient: func() bool { return patient },
				Backoff: func(n int, _ time.Duration) time.Duration {
					if tries = n; n == 12 {
						cancel()
					}
					return 0
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Get(ctx, aMapping)
			cancel()
			if err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "the credential plugin "+command) || (tries == 12) != patient || !patient && tries != 0 {
				t.Errorf("%s, patient %v: retried %d times: %v", command, patient, tries, err)
			}
			if c.Requests() != 0 {
				t.Errorf("%d requests were sent", c.Requests())
			}
		}
	}
}

// A client error is not retried.
func TestClientErrorsAreFinal(t *testing.T) {
	secure, plain := httptest.NewUnstartedServer(http.NotFoundHandler()), httptest.NewServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	gibberish := listen(t, "220 mail.example.com ESMTP\r\n")
	for name, c := range map[string]struct{ host, words string }{
		"unknown authority": {secure.URL, "certificate"},
		"no TLS":            {strings.Replace(plain.URL, "http:", "https:", 1), "HTTP response to HTTPS client"},
		"not even HTTP":     {"https://" + gibberish, "does not look like a TLS handshake"},
	} {
		tries := 0
		cluster, err := New(&rest.Config{Host: c.host}, Options{Backoff: func(int, time.Duration) time.Duration {
			tries++
			return 0
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = cluster.Get(t.Context(), aMapping)
		if err == nil || !strings.Contains(err.Error(), c.words) || tries != 0 {
			t.Errorf("%s: retried %d times: %v", name, tries, err)
		}
	}
	for _, host := range []string{"ftp://example.com", "https://exa mple.com"} {
		if _, err := New(&rest.Config{Host: host}, Options{}); err == nil || !strings.Contains(err.Error(), "in the kubeconfig") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// A host that does not resolve, or that refuses connections, is an error after all
// attempts.
func TestUnreachableHostFailsAfterAllAttempts(t *testing.T) {
	for _, host := range []string{"https://no-such-host.invalid", "https://localhost:1"} {
		tries := 0
		c, err := New(&rest.Config{Host: host}, Options{Backoff: func(int, time.Duration) time.Duration {
			tries++
			return 0
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.Get(t.Context(), aMapping); err == nil || !strings.Contains(err.Error(), "given up after 8 attempts") || tries != 7 {
			t.Errorf("%s: retried %d times: %v", host, tries, err)
		}
	}
}

// listen accepts connections and writes a line to each.
func listen(t *testing.T, line string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(line))
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}
