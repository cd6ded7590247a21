//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runs returns how often a measurement is repeated. Measurements take a quarter of an hour
// each and fail no build: they fill the tables of the documentation.
func runs(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("E2E_RUNS"))
	if err != nil || n < 1 {
		t.Skip("a measurement for docs/measured.md; E2E_RUNS=10 repeats it ten times")
	}
	return n
}

// spread returns the median and the range of durations, in seconds.
func spread(all []time.Duration) string {
	slices.Sort(all)
	return fmt.Sprintf("%.1f s (%.1f to %.1f)", all[len(all)/2].Seconds(), all[0].Seconds(), all[len(all)-1].Seconds())
}

// TestReactions measures how soon a bad version gets no requests any more, over several runs.
func TestReactions(t *testing.T) {
	n := runs(t)
	r := running{startReleasing(t), "3m", "{weight: 5, hold: 6s}, {weight: 50, hold: 6s}", "{source: emissary}", "", "", 5, "2"}
	r.stable(t)
	for _, c := range []struct {
		name string
		good int // percent of the answers
		says string
	}{{"all requests fail", 0, "most requests of the canary are bad"}, {"half of them fail", 50, "errors"}, {"40 % of them fail", 60, "errors"}, {"5 % of them fail", 95, "errors"}} {
		var offs []time.Duration
		var bad []int
		for range n {
			o := r.rejected(t, c.name, r.version(t, c.good, usual), c.says)
			offs, bad = append(offs, o.off), append(bad, o.bad)
		}
		slices.Sort(bad)
		fmt.Printf("%s, %d runs: weight 0 in Envoy %s after the first bad answer; %d bad answers (%d to %d)\n", c.name, n, spread(offs), bad[n/2], bad[0], bad[n-1])
	}
}

// TestBadPods measures how soon a version gets no requests any more of which two pods of four
// fail half of theirs.
func TestBadPods(t *testing.T) {
	n := runs(t)
	r := running{startReleasing(t), "10m", "{weight: 5, hold: 6s}, {weight: 50, hold: 60s}", "", "{name: pods, weight: 5, manual: true}", "", 5, "2"}
	r.countPods()
	r.stable(t)
	var offs []time.Duration
	var bad []int
	for range n {
		load := r.load(runRate)
		run := r.startProcess(t, append(r.args(t, r.breakable(t, usual)), "--replicas=same")...)
		run.await(t, "waiting for gate pods")
		pods := strings.Fields(string(r.kube("get", "pods", "-l", "canarize.dev/track=canary", "-o", "jsonpath={.items[*].metadata.name}")))
		for _, pod := range pods[:2] {
			r.failsHalf(t, pod)
		}
		r.verb(t, "approve", "sampleapp", "pods")
		code := run.end(t)
		got := load.end(t)
		if code != 3 {
			t.Fatalf("exit code %d\n%s", code, run.log)
		}
		offs, bad = append(offs, r.routes.since(0, got.first)), append(bad, got.total-got.versions["1"]-got.versions["2"])
		r.alone(t)
	}
	slices.Sort(bad)
	fmt.Printf("two pods of four fail half of their requests, %d runs: weight 0 in Envoy %s after the first bad answer; %d bad answers (%d to %d)\n", n, spread(offs), bad[n/2], bad[0], bad[n-1])
}

// TestInternalCallers measures how soon a release of a good version is held whose stable pods
// also count requests that do not come through the gateway.
func TestInternalCallers(t *testing.T) {
	n := runs(t)
	r := running{startReleasing(t), "3m", "{weight: 5, hold: 60s}", "", "", "", 5, "2"}
	r.countPods()
	r.stable(t)
	ip := strings.Fields(string(r.kube("get", "pods", "-l", "app=sampleapp", "-o", "jsonpath={.items[*].status.podIP}")))[0]
	const inside = 80 // requests per second
	var held []time.Duration
	for range n {
		load, stop := r.load(runRate), stream("http://"+net.JoinHostPort(ip, "8080"), inside)
		run := r.startProcess(t, r.args(t, r.version(t, 100, usual))...)
		run.await(t, "the canary gets 5 %")
		began := time.Now()
		run.await(t, "hold: The canary got ")
		held = append(held, time.Since(began))
		run.signal(t, syscall.SIGINT)
		run.end(t)
		load.end(t)
		stop()
		r.verb(t, "reject", "sampleapp")
		r.alone(t)
	}
	fmt.Printf("%d requests per second to a stable pod beside the gateway, %d runs: held %s after the canary's first share\n", inside, n, spread(held))
}

// TestBrakeBesideWeight measures whether the brake should come at once beside the weight of 0,
// or only if the gateway has not applied it: on a gateway that is well, and with requests of a
// second in flight at a canary whose pods end at once.
func TestBrakeBesideWeight(t *testing.T) {
	n := runs(t)
	r := startReleasing(t)
	awaitSteady(r.Site)
	for _, app := range []struct{ name, latency, grace string }{{"answers of 20 ms", "20", "30"}, {"answers of 1 s, pods end at once", "1000", "0"}} {
		manifests := r.variant(t, `value: "100"`, fmt.Sprintf("value: \"100\"\n            - {name: LATENCY_MS, value: %q}", app.latency), "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: "+app.grace)
		r.verb(t, "deploy", manifests, "-I", "registry.example.com/app:2")
		r.verb(t, "shift", "sampleapp", "--to", "50") // makes the pods for it
		for _, beside := range []bool{false, true} {
			var lasts []time.Duration
			failed, total := 0, 0
			for range n {
				last, got := r.withdraw(t, beside)
				lasts = append(lasts, last)
				failed, total = failed+got.total-got.versions["1"]-got.versions["2"], total+got.total
			}
			how := "the weight alone"
			if beside {
				how = "the brake at once beside the weight"
			}
			fmt.Printf("%s, %s, %d runs: last answer of the canary %s; %d of %d requests failed\n", app.name, how, n, spread(lasts), failed, total)
		}
		r.verb(t, "reject", "sampleapp")
		r.alone(t)
	}
}

// withdraw gives the canary half of the requests, and takes them off by hand: by the weight,
// and by the brake if beside. It returns when the canary's last answer came.
func (r releasing) withdraw(t *testing.T, beside bool) (time.Duration, answers) {
	t.Helper()
	r.kube("patch", "mapping", "sampleapp-canary", "--type=merge", "-p", `{"spec": {"weight": 50}}`)
	time.Sleep(3 * time.Second) // until Envoy has it
	load := r.load(rate)
	time.Sleep(2 * time.Second)
	began := time.Now()
	r.kube("patch", "mapping", "sampleapp-canary", "--type=merge", "-p", `{"spec": {"weight": 0}}`)
	selector := strings.TrimSpace(string(r.kube("get", "service", "sampleapp-canary", "-o", "jsonpath={.spec.selector}")))
	pods := strings.TrimSpace(string(r.kube("get", "deployment", "sampleapp-canary", "-o", "jsonpath={.spec.replicas}")))
	if beside {
		stable := strings.TrimSpace(string(r.kube("get", "service", "sampleapp", "-o", "jsonpath={.spec.selector}")))
		r.kube("patch", "service", "sampleapp-canary", "--type=json", "-p", fmt.Sprintf(`[{"op": "replace", "path": "/spec/selector", "value": %s}]`, stable))
		r.kube("scale", "deployment/sampleapp-canary", "--replicas=0")
	}
	time.Sleep(6 * time.Second)
	got := load.end(t)
	if beside {
		r.kube("patch", "service", "sampleapp-canary", "--type=json", "-p", fmt.Sprintf(`[{"op": "replace", "path": "/spec/selector", "value": %s}]`, selector))
		r.kube("scale", "deployment/sampleapp-canary", "--replicas="+pods)
		r.kube("rollout", "status", "--timeout=2m", "deployment/sampleapp-canary")
		time.Sleep(3 * time.Second) // until the node knows the pods
	}
	return max(got.came["2"].Sub(began), 0), got
}
