//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// rate is the load during releases.
const rate = 500 // requests a second

// TestRelease releases on its own site. Each verb is a process of its own with the Role
// that `canarize rbac` prints.
func TestRelease(t *testing.T) {
	r := startReleasing(t)
	for _, step := range []struct {
		name string
		run  func(*testing.T, releasing)
	}{
		{"reject", testReject}, {"interrupt", testInterrupt}, {"not taken", testNotTaken}, {"crash", testCrash}, {"release", testReleasePath},
	} {
		began := time.Now()
		t.Run(step.name, func(t *testing.T) {
			r := r
			r.Site = r.For(t)
			step.run(t, r)
		})
		fmt.Printf("%s: %.1f s\n", step.name, time.Since(began).Seconds())
	}
}

// checkAll checks that no request failed, and prints the counts.
func (r releasing) checkAll(t *testing.T, what string, got answers) {
	t.Helper()
	fmt.Printf("%s: %d requests, %d failed, answers by version %v\n", what, got.total, got.total-got.versions["1"]-got.versions["2"], got.versions)
	if len(got.failed) > 0 {
		t.Errorf("%s: requests failed from %s to %s: %v\n%s", what, got.first.Format(time.TimeOnly), got.last.Format(time.TimeOnly), got.failed, r.troubled())
	}
	if got.versions["1"] == 0 || got.versions["2"] == 0 {
		t.Errorf("%s: answers by version %v, expected both", what, got.versions)
	}
}

// troubled returns Envoy's last log lines about requests that did not end normally.
func (r releasing) troubled() string {
	const most = 10 // lines
	var lines []string
	for line := range strings.Lines(string(r.Kube(nil, "-n", "emissary", "logs", "deployment/emissary-ingress"))) {
		if strings.HasPrefix(line, "troubled request") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-most):], "")
}

// testReject rejects a release at each of its steps. At the last one somebody has edited the
// stable Mapping before, so that Emissary drops it and the canary gets everything.
func testReject(t *testing.T, r releasing) {
	before := r.objects()
	load := r.load(rate)
	for _, weights := range [][]int{nil, {5}, {5, 50}} {
		took := r.deploy(t, "2")
		at := 0
		for _, at = range weights {
			r.verb(t, "shift", "sampleapp", "--to", fmt.Sprint(at))
		}
		r.stands(t, "standing", at)
		if at == 50 {
			r.kube("patch", "mapping", "sampleapp", "--type", "merge", "-p", `{"spec": {"cluster_idle_timeout_ms": 3500}}`)
			time.Sleep(2 * time.Second) // until the gateway has applied it
		}
		began := time.Now()
		rejected := r.verb(t, "reject", "sampleapp")
		off := r.routes.since(0, began)
		fmt.Printf("deploy %.1f s, reject at %d %%: traffic off after %.1f s, done after %.1f s\n", took.Seconds(), at, off.Seconds(), rejected.Seconds())
		r.stands(t, "rejected", 0)
		r.nothingLeft(t, before)
	}
	r.alone(t)
	r.checkAll(t, "deploy and reject, at 0, 5 and 50 %", load.end(t))
}

// testReleasePath promotes version 2, with a Mapping that changes a field that has to be the
// same in both Mappings.
func testReleasePath(t *testing.T, r releasing) {
	before := r.objects()
	manifests := r.variant(t, "cluster_idle_timeout_ms: 3000", "cluster_idle_timeout_ms: 2500")
	load := r.load(rate)
	fmt.Printf("deploy: %.1f s\n", r.verb(t, "deploy", manifests, "-I", "registry.example.com/app:2").Seconds())
	time.Sleep(time.Second) // the canary must get no request in that time
	if n := r.Counted(canaryStats); n > 0 {
		t.Errorf("%d requests reached the canary before its first step", n)
	}
	for _, weight := range []int{5, 25, 50} {
		took := r.verb(t, "shift", "sampleapp", "--to", fmt.Sprint(weight))
		r.stands(t, "standing", weight)
		fmt.Printf("shift to %d %%: %.1f s\n", weight, took.Seconds())
	}
	fmt.Printf("promote: %.1f s\n", r.verb(t, "promote", "sampleapp", "--force-conflicts").Seconds())
	r.stands(t, "promoted", 0)
	if got := string(r.kube("get", "mapping", "sampleapp", "-o", "jsonpath={.spec.cluster_idle_timeout_ms}")); got != "2500" {
		t.Errorf("stable's Mapping has an idle timeout of %s ms after the promotion", got)
	}
	r.nothingLeft(t, before)
	r.alone(t)
	r.checkAll(t, "deploy, 5, 25, 50 %, promote", load.end(t))
	if got := requests(t, r.Gateway, nil, 1000); got.versions["2"] != 1000 {
		t.Errorf("after the promotion: %v, failed %v", got.versions, got.failed)
	}
}
