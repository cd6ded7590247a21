package kube

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

// refusing makes the server refuse every request for objects.
func refusing(a *kubetest.API, code int, text string) {
	a.Intercept(func(r *http.Request) (*http.Response, error) {
		if !strings.Contains(r.URL.Path, "/namespaces/") {
			return nil, nil
		}
		return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader(text))}, nil
	})
}

// Every write reports at once that a namespace is gone or is being deleted; it does not
// report a missing object.
func TestNamespaceGone(t *testing.T) {
	object := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "web", "namespace": "shop"}}
	writes := map[string]func(context.Context, *Cluster) error{
		"apply": func(ctx context.Context, c *Cluster) error {
			_, err := c.Apply(ctx, []map[string]any{object}, Write{})
			return err
		},
		"save": func(ctx context.Context, c *Cluster) error {
			_, err := c.Save(ctx, "shop", "web", Record{Data: map[string]string{"a": "b"}})
			return err
		},
		"save over": func(ctx context.Context, c *Cluster) error {
			_, err := c.Save(ctx, "shop", "web", Record{Version: "7", Data: map[string]string{"a": "b"}})
			return err
		},
		"lock": func(ctx context.Context, c *Cluster) error {
			_, err := c.Acquire(ctx, "shop", "web", Lock{Holder: "build 1"})
			return err
		},
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, api := newFake(t, Options{})
				warmUp(t, c)
				api.Intercept(func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodPost || r.Method == http.MethodPatch {
						return kubetest.Answer(404, kubetest.Status(404, "NotFound", "namespaces", "shop")), nil
					}
					return nil, nil
				})
				began := time.Now()
				if err := write(t.Context(), c); err == nil || !strings.Contains(err.Error(), "the namespace shop does not exist") || errors.Is(err, ErrChanged) || time.Since(began) > time.Second {
					t.Errorf("%v after %s", err, time.Since(began))
				}
			})
		})
	}
}

// The deletion of a CRD is reported. When the CRD is back, its objects are found again.
func TestKindGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		route := Ref{Group: "getambassador.io", Kind: "Mapping", Namespace: "shop", Name: "web"}
		path := "/apis/getambassador.io/v3alpha1/namespaces/shop/mappings/web"
		api.Put(path, map[string]any{"apiVersion": "getambassador.io/v3alpha1", "kind": "Mapping", "metadata": map[string]any{"name": "web", "namespace": "shop"}, "spec": map[string]any{}})
		if err := c.SetNumber(t.Context(), route, "weight", 5, Write{}); err != nil {
			t.Fatal(err)
		}
		refusing(api, 404, "404 page not found\n")
		err := c.Persistent().SetNumber(t.Context(), route, "weight", 0, Write{})
		if !IsNotFound(err) || !strings.Contains(err.Error(), "the cluster does not serve Mapping of getambassador.io") {
			t.Error(err)
		}
		if o, err := c.Get(t.Context(), route); o != nil || err != nil {
			t.Errorf("%v, %v", o, err)
		}
		api.Intercept(nil)
		if err := c.SetNumber(t.Context(), route, "weight", 0, Write{}); err != nil {
			t.Error("when it is back:", err)
		}
	})
}

// A kind that is installed later is found, with one discovery in 30 s.
func TestKindComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newFake(t, Options{})
		api.Intercept(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/apis" {
				return kubetest.Answer(200, map[string]any{"kind": "APIGroupList", "groups": []any{}}), nil
			}
			return nil, nil
		})
		kind := Ref{Group: "getambassador.io", Kind: "Mapping", Namespace: "shop"}
		list := func() error {
			_, _, err := c.resource(t.Context(), kind, "")
			return err
		}
		for range 5 {
			if err := list(); !IsNotFound(err) {
				t.Fatal(err)
			}
		}
		if n := api.Count("GET /apis"); n != 1 {
			t.Errorf("%d requests", n)
		}
		api.Intercept(nil)
		time.Sleep(rediscoverAfter)
		if err := list(); err != nil {
			t.Error(err)
		}
	})
}

// The error of a page that does not end in time, or that announces a size over the
// limit, names the size.
func TestLongPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endless := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, ContentLength: -1, Body: &endlessBody{r.Context()}}, nil
		})}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("no answer within 10s"))
		defer cancel()
		_, err := GetPage(ctx, endless, "http://pod/metrics", "text/plain", 32<<20)
		if err == nil || !strings.HasPrefix(err.Error(), "its page was incomplete after 10.0 MiB: no answer within 10s;") {
			t.Error(err)
		}
		declared := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, ContentLength: 40 << 20, Body: io.NopCloser(strings.NewReader(""))}, nil
		})}
		_, err = GetPage(t.Context(), declared, "http://pod/metrics", "text/plain", 32<<20)
		if err == nil || !strings.HasPrefix(err.Error(), "its page has 40.0 MiB, but the limit is 32.0 MiB;") {
			t.Error(err)
		}
	})
}

// endlessBody returns a MiB a second until its request ends.
type endlessBody struct{ ctx context.Context }

func (b *endlessBody) Read(p []byte) (int, error) {
	n := min(len(p), 64<<10)
	return n, Pause(b.ctx, time.Second*time.Duration(n)/(1<<20))
}

func (b *endlessBody) Close() error { return nil }
