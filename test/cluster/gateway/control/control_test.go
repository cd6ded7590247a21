package control

import (
	"context"
	"io"
	"log/slog"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/test/cluster/gateway/envoy"
	"github.com/canarize/canarize/test/cluster/gateway/envoyconf"
	"github.com/canarize/canarize/test/cluster/gateway/fault"
)

// accepting is a Proxy that accepts everything and records the times.
type accepting struct{ validated []time.Time }

func (p *accepting) Validate(context.Context, string) error {
	p.validated = append(p.validated, time.Now())
	return nil
}
func (p *accepting) Seen(context.Context, envoy.Discovery) (int, error) { return 0, nil }
func (p *accepting) Await(context.Context, envoy.Discovery, string, int) error {
	return nil
}

// TestOneChangeASecond checks that the first change is applied at once, and later ones within
// a second together.
func TestOneChangeASecond(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &testbed{t: t, port: 8080, source: &list{changes: make(chan struct{}, 1)}}
		weighed := func(weight int) []map[string]any {
			return b.with(mapping("web", nil), mapping("web-canary", map[string]any{"weight": weight}))
		}
		b.source.objects = weighed(0)
		proxy := &accepting{}
		c := &Controller{
			Source: b.source, Proxy: proxy, Site: envoyconf.Site{Dir: dir, AdminHost: "127.0.0.1", AdminPort: 8001},
			Options: model.Options{Namespace: "emissary", Complete: true}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Faults: fault.New(),
		}
		if _, err := c.Prepare(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		began, ended := time.Now(), make(chan error)
		go func() { ended <- c.Run(ctx) }()
		at := func(ms time.Duration, weight int) {
			time.Sleep(time.Until(began.Add(ms * time.Millisecond)))
			b.source.set(weighed(weight))
		}
		at(100, 1)
		at(1100, 10)
		at(1200, 20)
		at(5000, 50)
		time.Sleep(3 * time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		var got []time.Duration
		for _, v := range proxy.validated {
			got = append(got, v.Sub(began))
		}
		if want := []time.Duration{0, time.Second, 2 * time.Second, 5 * time.Second}; !reflect.DeepEqual(got, want) {
			t.Errorf("changes at %v, want %v", got, want)
		}
	})
}

func TestEndpoints(t *testing.T) {
	object := func(kind, name string, labels, fields map[string]any) map[string]any {
		o := map[string]any{"kind": kind, "metadata": map[string]any{"name": name, "namespace": "shop", "labels": labels}}
		for k, v := range fields {
			o[k] = v
		}
		return o
	}
	port := func(name string, number int64) map[string]any { return map[string]any{"name": name, "port": number} }
	endpoint := func(address string, ready any) map[string]any {
		return map[string]any{"addresses": []any{address}, "conditions": map[string]any{"ready": ready}}
	}
	objects := []map[string]any{
		object("Service", "web", nil, map[string]any{"spec": map[string]any{"ports": []any{port("metrics", 8000), port("http", 80)}}}),
	}
	slice := func(name, service string, endpoints ...any) map[string]any {
		return object("EndpointSlice", name, map[string]any{serviceName: service}, map[string]any{
			"ports": []any{port("http", 8080), port("metrics", 8000)}, "endpoints": endpoints,
		})
	}
	slices := []map[string]any{
		slice("web-1", "web", endpoint("10.0.0.1", true), endpoint("10.0.0.2", false), endpoint("10.0.0.3", nil)),
		slice("web-2", "web", endpoint("10.0.0.4", true)),
		slice("other", "other", endpoint("10.0.0.5", true)),
	}
	for _, c := range []struct {
		host string
		port int
		own  string
		want []envoyconf.Endpoint
	}{
		{"web.shop", 80, "emissary", []envoyconf.Endpoint{{Address: "10.0.0.1", Port: 8080}, {Address: "10.0.0.3", Port: 8080}, {Address: "10.0.0.4", Port: 8080}}},
		{"web.shop.svc.cluster.local", 8000, "emissary", []envoyconf.Endpoint{{Address: "10.0.0.1", Port: 8000}, {Address: "10.0.0.3", Port: 8000}, {Address: "10.0.0.4", Port: 8000}}},
		{"web", 80, "shop", []envoyconf.Endpoint{{Address: "10.0.0.1", Port: 8080}, {Address: "10.0.0.3", Port: 8080}, {Address: "10.0.0.4", Port: 8080}}},
		{"web", 80, "emissary", nil},
		{"web.shop", 8080, "emissary", nil},
		{"gone.shop", 80, "emissary", nil},
	} {
		got := endpoints(model.Cluster{Host: c.host, Port: c.port}, objects, slices, c.own)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:%d seen from %s: %v, want %v", c.host, c.port, c.own, got, c.want)
		}
	}
}
