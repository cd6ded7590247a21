//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/releasefile"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/wiring"
)

// sample returns the parts of the sample application's plan that metric sources use.
func sample() rollout.Plan {
	pair := func(group, kind string) rollout.Pair {
		id := func(name string) manifest.ID {
			return manifest.ID{Group: group, Kind: kind, Namespace: "default", Name: name}
		}
		return rollout.Pair{Stable: id("sampleapp"), Canary: id("sampleapp-canary")}
	}
	return rollout.Plan{
		Workloads: []rollout.Workload{{Pair: pair("apps", "Deployment")}},
		Routes:    []rollout.Route{{Pair: pair("getambassador.io", "Mapping"), Name: "sampleapp"}},
	}
}

// sources returns a release file for each metric source.
func (w world) sources() map[metric.SourceName]string {
	const own = "ratios: {errors: {bad: 'requests_total{custom_status=\"bad\"}', total: requests_total}}"
	return map[metric.SourceName]string{
		metric.Emissary:   "{source: emissary}",
		metric.Pods:       "{source: pods, port: 8000, " + own + "}",
		metric.Prometheus: "{source: prometheus, address: '" + w.Prometheus + "', " + own + "}",
	}
}

// counted holds the bad requests and all requests of both versions.
type counted struct{ canary, stable analysis.Counts }

func (c *counted) add(a *analysis.Arm, to *analysis.Counts) {
	if a != nil {
		to.Bad, to.Total = to.Bad+a.Bad, to.Total+a.Total
	}
}

// engine connects to the cluster until the test ends.
func (w world) engine(t *testing.T) wiring.Hub {
	t.Helper()
	engine, err := wiring.Connect(wiring.Options{Target: kube.Target{Kubeconfig: w.Kubeconfig}, Emissary: wiring.Emissary{Namespace: "emissary"}, Emit: func(rollout.Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	return engine
}

// reader opens the source of a spec.metrics.
func (w world) reader(t *testing.T, engine wiring.Hub, spec string) *metric.Reader {
	t.Helper()
	release, err := releasefile.Parse("release.yml", []byte("apiVersion: canarize.dev/v1alpha1\nkind: Release\nspec: {metrics: "+spec+"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := engine.OpenMetrics(t.Context(), sample(), release.Metrics, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	return source.Reader(time.Now())
}

// read adds the counts since the last time, and returns what was not measured.
func (c *counted) read(t *testing.T, r *metric.Reader) (troubles []string) {
	out := r.Read(t.Context(), time.Now(), metric.Weight{Percent: 50})
	pair := out.Observation.Metrics["errors"]
	c.add(pair.Canary, &c.canary)
	c.add(pair.Stable, &c.stable)
	return out.Troubles
}

// testMetrics checks that the gateway's Envoy, the pods, and Prometheus each count every
// request of the clients, and every bad one, by version.
func testMetrics(t *testing.T, w world) {
	w.release(t, 50)
	w.Kube(nil, "set", "env", "deployment/sampleapp-canary", "SUCCESS_RATE=80")
	w.AwaitRollout("deployment/sampleapp-canary")
	w.Await("Prometheus to have bad requests of both pods of the canary", func() bool {
		requests(t, w.Gateway, nil, 40)
		return w.Query(`count(requests_total{job="sampleapp-canary",custom_status="bad"} > 0)`) == "2"
	})
	engine := w.engine(t)
	time.Sleep(3 * time.Second) // three scrapes
	readers := map[metric.SourceName]*metric.Reader{}
	for name, text := range w.sources() {
		readers[name] = w.reader(t, engine, text)
		if out := readers[name].Read(t.Context(), time.Now(), metric.Weight{Percent: 50}); len(out.Troubles) > 0 {
			t.Errorf("%s: %q", name, out.Troubles)
		}
	}
	const n = 2000
	seen := requests(t, w.Gateway, nil, n)
	bad := int64(n - seen.versions["1"] - seen.versions["2"])
	want := counted{canary: analysis.Counts{Bad: bad, Total: int64(seen.versions["2"]) + bad}, stable: analysis.Counts{Total: int64(seen.versions["1"])}}
	before := engine.Requests()
	for name, reader := range readers {
		var have counted
		began := time.Now()
		for deadline := began.Add(20 * time.Second); have != want && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
			have.read(t, reader)
		}
		if have != want {
			t.Errorf("%s: counted %+v, clients %+v", name, have, want)
		}
		fmt.Printf("%-10s  canary %d bad of %d, stable %d of %d, after %.1f s\n", name, have.canary.Bad, have.canary.Total, have.stable.Bad, have.stable.Total, time.Since(began).Seconds())
	}
	fmt.Printf("requests to the API server meanwhile: %d\n", engine.Requests()-before)
	w.losePrometheus(t, readers[metric.Prometheus])
	w.release(t, 50) // without bad requests
}

// losePrometheus kills Prometheus and checks that its source reports an error, and that the
// counts of the time between are there afterwards. It kills Prometheus twice, because the
// kubelet starts a container again at once, and after ten seconds the second time: longer than
// the three scrapes after which a target is gone.
func (w world) losePrometheus(t *testing.T, reader *metric.Reader) {
	w.Kill(w.InPod("/prometheus"))
	w.Await("Prometheus to be back", func() bool { return reader.Read(t.Context(), time.Now(), metric.Weight{Percent: 50}).Troubles == nil })
	w.Kill(w.InPod("/prometheus"))
	out := reader.Read(t.Context(), time.Now(), metric.Weight{Percent: 50})
	if !out.Ready || len(out.Observation.Metrics) > 0 || len(out.Troubles) != 1 || !strings.HasPrefix(out.Troubles[0], "prometheus ") {
		t.Errorf("Prometheus is away: %+v", out)
	}
	const n = 500
	requests(t, w.Gateway, nil, n)
	var have counted
	var troubles []string
	for deadline := time.Now().Add(time.Minute); have.canary.Total+have.stable.Total < n && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		troubles = have.read(t, reader)
	}
	if have.canary.Total+have.stable.Total != n {
		t.Errorf("counted %+v of %d requests; at last %q", have, n, troubles)
	}
	fmt.Printf("Prometheus killed: %q; afterwards every one of %d requests counted\n", out.Troubles[0], n)
}
