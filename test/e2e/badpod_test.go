//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// moody has a pod's errors depend on an annotation, which its container reads when it
// starts: so that one pod of many can be made bad.
const moody = `valueFrom: {fieldRef: {fieldPath: "metadata.annotations['success-rate']"}}`

// testRunBadPod: one bad pod of three is no bad version. It is named, nothing is
// promoted meanwhile, and when it has been replaced the release goes on.
func testRunBadPod(t *testing.T, r running) {
	r.Apply(r.Run(nil, r.Root, r.canarize, "rbac", "-n", r.namespace, "--pod-metrics"))
	r.metrics = `{source: pods, port: 8000, ratios: {errors: {bad: 'requests_total{custom_status="bad"}', total: requests_total}}}`
	r.steps = "{weight: 75}" // of 4 pods, which makes 3
	before := r.objects()
	load := r.load(runRate)
	run := r.startProcess(t, r.args(t, r.variant(t, `value: "100"`, moody))...)
	r.routes.await(t, 75)
	pod := strings.Fields(string(r.kube("get", "pods", "-l", "canarize.dev/track=canary", "-o", "jsonpath={.items[*].metadata.name}")))[0]
	r.kube("annotate", "pod", pod, "success-rate=20")
	r.Kill(r.InPodOf(pod, "/app"))
	run.await(t, "It is "+pod)
	r.kube("delete", "pod", pod, "--wait=false")
	code := run.end(t)
	got := load.end(t)
	fmt.Printf("one bad pod of three: named, and after it was deleted exit code %d; %d of %d requests bad\n", code, sum(got.failed), got.total)
	if code != 0 || !strings.Contains(run.log.String(), "promote") || strings.Contains(run.log.String(), "reject") {
		t.Errorf("exit code %d\n%s", code, run.log)
	}
	r.nothingLeft(t, before)
	r.stable(t)
}
