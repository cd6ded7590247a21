//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/test/e2e/site"
)

// TestFaults: the gateway is unwell in every way in which Emissary is.
func TestFaults(t *testing.T) {
	s := site.Start(t, filepath.Join("..", ".."))
	w := world{Site: s, canarize: s.Build("cmd/canarize")}
	s.Kube(nil, "apply", "-f", filepath.Join(s.Root, "manifests"))
	s.AwaitRollout("deployment/sampleapp")
	w.release(t, 0)
	awaitSteady(s)
	for _, step := range []struct {
		name string
		run  func(*testing.T, world)
	}{
		{"frozen by a regular expression", testBadRegex}, {"slow", testSlow}, {"two pods of which one is behind", testBehind},
		{"stale diagnostics", testStale}, {"diagnostics switched off", testSwitchedOff}, {"restarted in the middle of a change", testRestarted}, {"restarted while frozen", testRestartedFrozen},
	} {
		began := time.Now()
		t.Run(step.name, func(t *testing.T) { step.run(t, world{Site: s.For(t), canarize: w.canarize}) })
		fmt.Printf("%s: %.1f s\n", step.name, time.Since(began).Seconds())
	}
}

// badRegex is a Mapping whose regular expression Envoy refuses; it concerns nobody.
const badRegex = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: bad, namespace: kube-public}
spec: {hostname: "*", prefix: "/x(", prefix_regex: true, service: nobody}
`

// weigh writes the weight of the canary's Mapping and does not wait for anything.
func (w world) weigh(weight int) {
	w.Kube(nil, "patch", "mapping", "sampleapp-canary", "--type", "merge", "-p", fmt.Sprintf(`{"spec": {"weight": %d}}`, weight))
}

// answers gives how many of 200 requests to an address each version answers.
func (w world) answers(t *testing.T, url string) map[string]int {
	t.Helper()
	got := requests(t, url, nil, 200)
	if len(got.failed) > 0 {
		return nil
	}
	return got.versions
}

// awaitOnly waits until one version answers every request to an address.
func (w world) awaitOnly(t *testing.T, url, version string) {
	t.Helper()
	w.Await("only version "+version+" from "+url, func() bool { return w.answers(t, url)[version] == 200 })
}

// wantOnly checks that one version answers every request to an address.
func (w world) wantOnly(t *testing.T, what, url, version string) {
	t.Helper()
	if got := w.answers(t, url); got[version] != 200 {
		t.Errorf("%s: answers of %s by version: %v, expected only %s", what, url, got, version)
	}
}

// notUpdated is how often a pod of the gateway has logged that it takes no change.
func (w world) notUpdated(pod string) int {
	logs := w.Kube(nil, "-n", "emissary", "logs", pod)
	return strings.Count(string(logs), "no update performed (invalid envoy configuration generated)")
}

// awaitNotUpdated waits until a pod has refused more than it had.
func (w world) awaitNotUpdated(pod string, before int) {
	w.Await("a change that "+pod+" does not take", func() bool { return w.notUpdated(pod) > before })
}

// testBadRegex: an invalid object in another namespace stops every change, nobody is
// told, and without it everything goes on.
func testBadRegex(t *testing.T, w world) {
	pod := w.GatewayPods(1)[0]
	w.release(t, 0)
	before := w.notUpdated(pod)
	w.Apply([]byte(badRegex))
	w.awaitNotUpdated(pod, before)
	before = w.notUpdated(pod)
	w.weigh(100)
	w.awaitNotUpdated(pod, before)
	w.wantOnly(t, "frozen at weight 0, asked for 100", w.Gateway, "1")
	if got, want := w.Thresholds("/"), "sampleapp-canary 0, sampleapp 100"; got != want {
		t.Errorf("frozen: the diagnostics say %q, expected %q", got, want)
	}
	if page := site.Get(w.Diagnostics + "/metrics"); !strings.Contains(page, "\nenvoy_listener_manager_lds_update_rejected{} 0\n") {
		t.Errorf("frozen: Envoy's counter of refused listeners is not 0 or missing")
	}
	w.Kube(nil, "-n", "kube-public", "delete", "mapping", "bad")
	w.awaitOnly(t, w.Gateway, "2")
}

// testSlow: a weight is in effect no sooner than its validation takes.
func testSlow(t *testing.T, w world) {
	pod := w.GatewayPods(1)[0]
	w.release(t, 0)
	const slow = 3 * time.Second
	w.Slow(pod, slow)
	began := time.Now()
	w.weigh(100)
	w.awaitOnly(t, w.Gateway, "2")
	took := time.Since(began)
	fmt.Printf("validation of %s: the weight is in effect after %.1f s\n", slow, took.Seconds())
	if took < slow {
		t.Errorf("the weight is in effect after %s, before its validation of %s is over", took, slow)
	}
	w.Thaw(pod)
}

// testBehind: of two pods one is frozen, then slow; the other follows.
func testBehind(t *testing.T, w world) {
	w.weigh(0)
	pods := w.GatewayPods(2)
	behind, well := w.PodURL(pods[0], 8080), w.PodURL(pods[1], 8080)
	w.awaitOnly(t, behind, "1")
	w.awaitOnly(t, well, "1")

	before := w.notUpdated(pods[0])
	w.Freeze(pods[0])
	w.weigh(100)
	w.awaitNotUpdated(pods[0], before)
	w.awaitOnly(t, well, "2")
	w.wantOnly(t, "the frozen one of two pods", behind, "1")
	w.Thaw(pods[0])
	w.awaitOnly(t, behind, "2")

	const slow = 3 * time.Second
	w.Slow(pods[0], slow)
	began := time.Now()
	w.weigh(0)
	w.awaitOnly(t, well, "1")
	first := time.Since(began)
	w.awaitOnly(t, behind, "1")
	second := time.Since(began)
	fmt.Printf("two pods, one with a validation of %s: the weight is in effect after %.1f s and %.1f s\n", slow, first.Seconds(), second.Seconds())
	if second < slow {
		t.Errorf("the slow pod has the weight after %s, before its validation of %s is over", second, slow)
	}
	w.Thaw(pods[0])
	w.GatewayPods(1)
}

// testStale: the diagnostics do not follow Envoy.
func testStale(t *testing.T, w world) {
	pod := w.GatewayPods(1)[0]
	w.release(t, 0)
	w.Stale(pod)
	w.weigh(100)
	w.awaitOnly(t, w.Gateway, "2")
	if got, want := w.Thresholds("/"), "sampleapp-canary 0, sampleapp 100"; got != want {
		t.Errorf("stale: the diagnostics say %q, expected %q", got, want)
	}
	w.Thaw(pod)
	w.Await("diagnostics that follow again", func() bool { return w.Thresholds("/") == "sampleapp-canary 100, sampleapp 100" })
}

// switchedOff is what Emissary's chart installs.
const switchedOff = `
apiVersion: getambassador.io/v3alpha1
kind: Module
metadata: {name: ambassador, namespace: emissary}
spec: {config: {diagnostics: {enabled: false}}}
`

// testSwitchedOff: with the Module of Emissary's chart, the diagnostics answer inside
// the pod only, which a port-forward reaches.
func testSwitchedOff(t *testing.T, w world) {
	const page = "/ambassador/v0/diag/?json=true"
	w.Apply([]byte(switchedOff))
	w.Await("no diagnostics", func() bool { return site.Get(w.Diagnostics+page) == "" })
	if site.Get(w.Diagnostics+"/metrics") == "" {
		t.Error("metrics are switched off too")
	}
	if site.Get("http://"+forward(t, w.Site, "8877")+page) == "" {
		t.Error("no diagnostics by port-forward")
	}
	w.Kube(nil, "-n", "emissary", "delete", "module", "ambassador")
	w.Await("diagnostics", func() bool { return site.Get(w.Diagnostics+page) != "" })
}

// testRestarted: when the control plane is killed while it validates, Envoy ends with
// it, and the new one starts with what is asked for then.
func testRestarted(t *testing.T, w world) {
	pod := w.GatewayPods(1)[0]
	w.release(t, 0)
	before := w.restarts(t, pod)
	w.Slow(pod, time.Hour)
	w.weigh(100)
	w.Kill(w.InPod("/gateway")) // which forgets that it is slow
	w.Await("a restarted container", func() bool { return w.restarts(t, pod) > before })
	w.awaitOnly(t, w.Gateway, "2")
}

// restarts is how often the container of a pod of the gateway was started again.
func (w world) restarts(t *testing.T, pod string) int {
	t.Helper()
	n, err := strconv.Atoi(string(w.Kube(nil, "-n", "emissary", "get", "pod", pod, "-o", "jsonpath={.status.containerStatuses[0].restartCount}")))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// testRestartedFrozen: a gateway that starts beside an invalid object has no Envoy, until
// the object is gone.
func testRestartedFrozen(t *testing.T, w world) {
	pod := w.GatewayPods(1)[0]
	before, restarts := w.notUpdated(pod), w.restarts(t, pod)
	w.Apply([]byte(badRegex))
	w.awaitNotUpdated(pod, before)
	w.Kill(w.InPod("/usr/bin/envoy"))
	w.Await("a restarted container", func() bool { return w.restarts(t, pod) > restarts })
	w.awaitNotUpdated(pod, 0) // the logs are those of the new container
	if c, err := net.DialTimeout("tcp", strings.TrimPrefix(w.PodURL(pod, 8080), "http://"), 10*time.Second); err == nil {
		_ = c.Close()
		t.Error("somebody listens for requests, without a valid configuration")
	}
	if site.Get(w.PodURL(pod, 8877)+"/ambassador/v0/check_ready") != "" {
		t.Error("the gateway is ready without a valid configuration")
	}
	w.Kube(nil, "-n", "kube-public", "delete", "mapping", "bad")
	w.Await("answers", func() bool { return w.answers(t, w.Gateway) != nil })
}
