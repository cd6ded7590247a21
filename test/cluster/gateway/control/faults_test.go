package control

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/test/cluster/gateway/envoy"
	"github.com/canarize/canarize/test/cluster/gateway/envoyconf"
	"github.com/canarize/canarize/test/cluster/gateway/fault"
)

// badExpression is a regular expression that Envoy refuses.
const badExpression = "/x("

// badRegex is a Mapping that freezes Emissary.
func badRegex() map[string]any {
	return mapping("bad", map[string]any{"prefix": badExpression, "prefix_regex": true})
}

// weighed are a stable Mapping and a canary at a weight, beside what else is given.
func (b *testbed) weighed(weight int, more ...map[string]any) []map[string]any {
	return b.with(append(more, mapping("web", nil), mapping("web-canary", map[string]any{"weight": weight}))...)
}

// threshold is the canary's in a configuration; -1 where there is none.
func threshold(a *applied) int {
	if a != nil {
		for _, g := range a.config.Routes {
			for _, r := range g.Routes {
				if r.Mapping == "web-canary" {
					return r.Threshold
				}
			}
		}
	}
	return -1
}

// rejected is how many routes Envoy says that it has refused.
func (b *testbed) rejected() int {
	b.t.Helper()
	n, err := b.envoy.Seen(b.t.Context(), envoy.Routes(envoyconf.StatPrefix, envoyconf.RouteConfigName(b.port)))
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// counters are Envoy's of the configurations it has been given.
func (b *testbed) counters() string {
	b.t.Helper()
	page, err := b.envoy.Get(b.t.Context(), "/stats?filter=^(cluster_manager.cds|listener_manager.lds|http.ingress_http.rds).*(update_|config_reload|version_text)")
	if err != nil {
		b.t.Fatal(err)
	}
	routes := fmt.Sprintf("http.ingress_http.rds.listener-%d", b.port)
	for _, name := range []string{"cluster_manager.cds", "listener_manager.lds", routes} {
		for _, counter := range []string{"update_attempt", "update_success", "update_rejected", "update_time", "version_text"} {
			if !strings.Contains(string(page), name+"."+counter+": ") {
				b.t.Errorf("Envoy has no %s.%s", name, counter)
			}
		}
	}
	return string(page)
}

// wantOnly checks that one version answers everything.
func (b *testbed) wantOnly(what, version string) {
	b.t.Helper()
	if got := b.count(200, request{}); got[version] != 200 {
		b.t.Errorf("%s: answers %v, expected only %s", what, got, version)
	}
}

// TestBadRegexFreezesEverything: a regular expression that Envoy refuses stops every
// change, in silence: no error is posted, and Envoy counts nothing.
func TestBadRegexFreezesEverything(t *testing.T) {
	b := newTestbed(t, "web", "web-canary")
	var log bytes.Buffer
	b.controller.Log = slog.New(slog.NewTextHandler(&log, nil))
	for what, bad := range map[string]map[string]any{
		"prefix":           badRegex(),
		"header":           mapping("bad", map[string]any{"prefix": "/bad", "regex_headers": map[string]any{"x-user": "("}}),
		"query parameter":  mapping("bad", map[string]any{"prefix": "/bad", "regex_query_parameters": map[string]any{"user": "("}}),
		"other namespaces": crd("Mapping", "elsewhere", "bad", map[string]any{"hostname": "*", "prefix": badExpression, "prefix_regex": true, "service": "web"}),
	} {
		b.apply(b.weighed(0)...)
		log.Reset()
		counted := b.counters()
		b.apply(b.weighed(100, bad)...)
		b.wantOnly(what+", weight 100", "web")
		b.apply(b.weighed(50, bad)...)
		b.wantOnly(what+", weight 50", "web")
		shown := b.controller.diagnosed()
		if threshold(shown) != 0 || len(shown.config.Posted) > 0 {
			t.Errorf("%s: the diagnostics say weight %d and errors %v, expected 0 and none", what, threshold(shown), shown.config.Posted)
		}
		if n := strings.Count(log.String(), "no update performed (invalid envoy configuration generated)"); n != 2 {
			t.Errorf("%s: the log says %d times that nothing is updated, expected 2:\n%s", what, n, log.String())
		}
		if got := b.counters(); got != counted {
			t.Errorf("%s: Envoy counts\n%sand before\n%s", what, got, counted)
		}
		b.apply(b.weighed(100)...)
		b.wantOnly(what+", thawed", "web-canary")
	}
}

// TestWithoutValidation: Envoy itself refuses the routes, keeps the old ones and
// counts it, and the diagnostics tell of what Envoy does not do.
func TestWithoutValidation(t *testing.T) {
	b := newTestbed(t, "web", "web-canary")
	module := crd("Module", "emissary", "ambassador", map[string]any{"config": map[string]any{"envoy_validation_timeout": 0}})
	b.apply(b.weighed(0, module)...)
	before := b.rejected()
	b.apply(b.weighed(100, module, badRegex())...)
	b.wantOnly("refused", "web")
	if n := b.rejected(); n != before+1 {
		t.Errorf("Envoy has refused routes %d times, expected %d", n, before+1)
	}
	if got := threshold(b.controller.diagnosed()); got != 100 {
		t.Errorf("the diagnostics say weight %d, expected the 100 that Envoy has refused", got)
	}
	b.apply(b.weighed(100, module)...)
	b.wantOnly("mended", "web-canary")
}

func TestStaleDiagnostics(t *testing.T) {
	b := newTestbed(t, "web", "web-canary")
	b.apply(b.weighed(0)...)
	b.controller.Faults.Set(fault.Faults{Stale: true})
	b.apply(b.weighed(100)...)
	b.wantOnly("Envoy is not stale", "web-canary")
	if got := threshold(b.controller.diagnosed()); got != 0 {
		t.Errorf("stale diagnostics say weight %d, expected 0", got)
	}
	b.controller.Faults.Set(fault.Faults{})
	if got := threshold(b.controller.diagnosed()); got != 100 {
		t.Errorf("diagnostics that are well again say weight %d, expected 100", got)
	}
}

// TestDiagnosticsSwitchedOff: by the Module, as Emissary's chart does.
func TestDiagnosticsSwitchedOff(t *testing.T) {
	const far, near = "10.244.0.9:41000", "127.0.0.1:41000"
	for _, c := range []struct {
		module map[string]any
		client string
		want   bool
	}{
		{object{}, far, true},
		{object{"diagnostics": object{"enabled": true}}, far, true},
		{object{"diagnostics": object{"enabled": false}}, far, false},
		{object{"diagnostics": object{}}, far, false},
		{object{"diagnostics": object{"enabled": false}}, near, true},
		{object{"diagnostics": object{"enabled": false}}, "[::ffff:127.0.0.1]:41000", true},
		{object{"diagnostics": object{"enabled": false, "allow_non_local": true}}, far, true},
	} {
		if got := shows(c.module, c.client); got != c.want {
			t.Errorf("module %v, client %s: shown %v, want %v", c.module, c.client, got, c.want)
		}
	}
}

// running is a controller under test whose Envoy takes everything, in a bubble of
// synctest. Only its configuration is looked at.
func running(t *testing.T, dir string) (b *testbed, start func()) {
	b = &testbed{t: t, port: 8080, source: &list{changes: make(chan struct{}, 1)}}
	b.controller = &Controller{
		Source: b.source, Proxy: &accepting{}, Faults: fault.New(), Log: slog.New(slog.DiscardHandler),
		Site:    envoyconf.Site{Dir: dir, AdminHost: "127.0.0.1", AdminPort: 8001, ByEndpoints: true},
		Options: model.Options{Namespace: "emissary", Complete: true},
	}
	if _, err := b.controller.Prepare(); err != nil {
		t.Fatal(err)
	}
	return b, func() {
		ended := make(chan error)
		ctx := t.Context()
		go func() { ended <- b.controller.Run(ctx) }()
		// A test's context ends just before its cleanups.
		t.Cleanup(func() {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// step waits for a moment of the bubble and checks the weight there is then.
func (b *testbed) step(began time.Time, at time.Duration, want int) {
	b.t.Helper()
	time.Sleep(time.Until(began.Add(at)))
	synctest.Wait()
	if got := threshold(b.controller.current.Load()); got != want {
		b.t.Errorf("after %s: weight %d, want %d", at, got, want)
	}
}

// TestSlowValidation: changes queue. One that is being validated is applied first,
// and those that come meanwhile are then taken together.
func TestSlowValidation(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b, start := running(t, dir)
		b.controller.Faults.Set(fault.Faults{Slow: 5 * time.Second})
		b.source.objects = b.weighed(10)
		began := time.Now()
		start()
		b.step(began, 4*time.Second, -1)
		b.step(began, 6*time.Second, 10)
		b.source.set(b.weighed(50)) // from 6 to 11
		b.step(began, 7*time.Second, 10)
		b.source.set(b.weighed(20))
		b.step(began, 9*time.Second, 10)
		b.source.set(b.weighed(0)) // from 11 to 16
		b.step(began, 12*time.Second, 50)
		b.step(began, 15*time.Second, 50)
		b.step(began, 17*time.Second, 0)
		if got := b.controller.health.took(); got != 5*time.Second {
			t.Errorf("the last reconfiguration took %s, want 5s", got)
		}
	})
}

// TestTooSlowValidation: a validation that is never done in time freezes too.
func TestTooSlowValidation(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b, start := running(t, dir)
		module := crd("Module", "emissary", "ambassador", map[string]any{"config": map[string]any{"envoy_validation_timeout": 2}})
		b.source.objects = b.weighed(10, module)
		began := time.Now()
		start()
		b.step(began, time.Second, 10)
		b.controller.Faults.Set(fault.Faults{Slow: 3 * time.Second}) // again and refused, from 1 to 11
		b.source.set(b.weighed(0, module))
		b.step(began, 20*time.Second, 10)
		if got := b.controller.health.took(); got != 10*time.Second {
			t.Errorf("the last reconfiguration took %s, want five tries of 2s", got)
		}
		b.controller.Faults.Set(fault.Faults{Slow: time.Second})
		b.step(began, 22*time.Second, 0)
	})
}

// TestFreezeAndThaw: what has changed meanwhile is taken when the gateway thaws.
func TestFreezeAndThaw(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b, start := running(t, dir)
		b.source.objects = b.weighed(10)
		began := time.Now()
		start()
		b.step(began, time.Second, 10)
		b.controller.Faults.Set(fault.Faults{Slow: time.Hour}) // which validates nothing by itself
		b.step(began, 2*time.Second, 10)
		b.controller.Faults.Set(fault.Faults{Freeze: true})
		b.source.set(b.weighed(50))
		b.step(began, time.Minute, 10)
		b.controller.Faults.Set(fault.Faults{})
		b.step(began, time.Minute+time.Millisecond, 50)
	})
}

// TestEndpointsWaitForNoValidation: pods that come and go reach Envoy while a
// configuration is being validated.
func TestEndpointsWaitForNoValidation(t *testing.T) {
	dir := t.TempDir()
	slice := func(address string) map[string]any {
		return map[string]any{
			"kind":     "EndpointSlice",
			"metadata": map[string]any{"name": "web-1", "namespace": "shop", "labels": map[string]any{serviceName: "web"}},
			"ports":    []any{map[string]any{"name": "", "port": int64(8080)}}, "endpoints": []any{map[string]any{"addresses": []any{address}}},
		}
	}
	service := map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "web", "namespace": "shop"},
		"spec": map[string]any{"ports": []any{map[string]any{"port": int64(80)}}},
	}
	synctest.Test(t, func(t *testing.T) {
		b, start := running(t, dir)
		b.source.objects, b.source.slices = b.weighed(10, service), []map[string]any{slice("10.0.0.1")}
		began := time.Now()
		start()
		b.step(began, time.Second, 10)
		b.controller.Faults.Set(fault.Faults{Slow: time.Minute})
		b.source.set(b.weighed(50, service))
		b.step(began, 3*time.Second, 10)
		b.source.mu.Lock()
		b.source.slices = []map[string]any{slice("10.0.0.2")}
		b.source.mu.Unlock()
		b.source.changes <- struct{}{}
		b.step(began, 5*time.Second, 10)
		files, err := filepath.Glob(filepath.Join(dir, "eds-cluster_web_*.json"))
		if err != nil || len(files) == 0 {
			t.Fatal("no endpoints of web:", err)
		}
		for _, f := range files {
			if text, err := os.ReadFile(f); err != nil || strings.Contains(filepath.Base(f), "canary") == strings.Contains(string(text), "10.0.0.2") {
				t.Errorf("%s while a configuration is validated: %s, %v", filepath.Base(f), text, err)
			}
		}
	})
}

// started is an Envoy that answers once it has been started.
type started struct{ times int }

func (s *started) Ready(context.Context) bool                  { return s.times > 0 }
func (s *started) Get(context.Context, string) ([]byte, error) { return nil, nil }

// TestColdStart: with an invalid object Envoy is not started, so that the pod is not
// ready, and after half a minute not alive either.
func TestColdStart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b, start := running(t, dir)
		var proxy started
		b.controller.Start = func(context.Context) error { proxy.times++; return nil }
		b.controller.Faults.Set(fault.Faults{Freeze: true})
		b.source.objects = b.weighed(10)
		handler := b.controller.Handler(&proxy, time.Now())
		began := time.Now()
		start()
		probes := func(at time.Duration, alive, ready int) {
			t.Helper()
			time.Sleep(time.Until(began.Add(at)))
			synctest.Wait()
			for probe, want := range map[string]int{"check_alive": alive, "check_ready": ready} {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/ambassador/v0/"+probe, nil))
				if w.Code != want {
					t.Errorf("after %s: %s gives %d, want %d", at, probe, w.Code, want)
				}
			}
		}
		probes(time.Second, http.StatusOK, http.StatusServiceUnavailable)
		probes(29*time.Second, http.StatusOK, http.StatusServiceUnavailable)
		probes(31*time.Second, http.StatusServiceUnavailable, http.StatusServiceUnavailable)
		if proxy.times != 0 {
			t.Error("Envoy was started without a valid configuration")
		}
		b.controller.Faults.Set(fault.Faults{})
		probes(32*time.Second, http.StatusOK, http.StatusOK)
		b.source.set(b.weighed(50))
		b.step(began, 35*time.Second, 50)
		if proxy.times != 1 {
			t.Errorf("Envoy was started %d times, want once", proxy.times)
		}
	})
}
