//go:build integration

package integration

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/rollout"
)

// crashed is the status of a pod whose container has crashed so often that nobody waits for
// it any more.
const crashed = "{phase: Running, containerStatuses: [{name: web, image: a, imageID: '', restartCount: 3, ready: false, state: {waiting: {reason: CrashLoopBackOff, message: back-off}}, lastState: {terminated: {containerID: 'c://1', exitCode: 3, reason: Error}}}]}"

// crashLoop starts a run whose canary crashes, and plays its pod: status, log and events.
func (u *users) crashLoop(t *testing.T, more ...string) (*exec.Cmd, *transcript) {
	t.Helper()
	k := u.startKubelet(t, u.namespace)
	lines := "token=abcdef0123456789abcdef\n"
	for i := range 20 {
		lines += fmt.Sprintf("line %d\n", i)
	}
	k.wrote("shop-canary-1", "web", lines+"panic: no such table: orders\n")
	cmd, heard := u.start(t, append(u.run(t, crashingTag, ""), append(more, "--timeout", "90s")...))
	labels := u.canaryLabels(t)
	u.pod(t, "shop-canary-1", u.namespace, labels, crashed)
	uid := u.get(t, u.ref("", "Pod", "shop-canary-1"))["metadata"].(map[string]any)["uid"]
	u.apply(t, fmt.Sprintf(`apiVersion: v1
kind: Event
metadata: {name: shop-canary-1.1}
involvedObject: {apiVersion: v1, kind: Pod, namespace: %s, name: shop-canary-1, uid: %s}
type: Warning
reason: Unhealthy
message: "Readiness probe failed: HTTP probe failed with statuscode: 503"
lastTimestamp: "2026-01-02T12:00:00Z"
`, u.namespace, uid))
	return cmd, heard
}

// canaryLabels waits for the canary's Deployment and returns the labels of its pods, as YAML.
func (u *users) canaryLabels(t *testing.T) string {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		d, err := u.dynamic.Resource(deployments).Namespace(u.namespace).Get(t.Context(), "shop-canary", metav1.GetOptions{})
		if err != nil {
			continue
		}
		labels, _, _ := unstructured.NestedStringMap(d.Object, "spec", "template", "metadata", "labels")
		var all []string
		for key, value := range labels {
			all = append(all, fmt.Sprintf("%q: %q", key, value))
		}
		slices.Sort(all)
		return "{" + strings.Join(all, ", ") + "}"
	}
	t.Fatal("the canary was not created within a minute")
	return ""
}

var causes = []string{"given up after 3 restarts", "what the canary's pods said", "pod shop-canary-1, container web: it ended with exit code 3 (Error), restarts: 3", "log: panic: no such table: orders", "event: Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503"}

// testRunCrashLoop checks that a crash loop ends in its own time, and that its cause is told
// and kept when the canary is gone.
func testRunCrashLoop(t *testing.T, s shop, u *users) {
	began := time.Now()
	cmd, heard := u.crashLoop(t)
	s.ended(t, cmd, heard, 3)
	t.Logf("rejected after %s\n%s", time.Since(began).Round(time.Second), heard)
	for _, text := range causes {
		if !strings.Contains(heard.String(), text) {
			t.Errorf("%q is not in\n%s", text, heard)
		}
	}
	for _, text := range []string{"kubectl describe", "abcdef0123456789abcdef", "line 10\n"} {
		if strings.Contains(heard.String(), text) {
			t.Errorf("%q is in\n%s", text, heard)
		}
	}
	s.check(t, "v1", -1)
	if got := s.status(t); got.Phase != rollout.Rejected || len(got.Troubles) != 1 || len(got.Troubles[0].Log) != 10 {
		t.Errorf("%+v", got.Troubles)
	}
	if o := s.expect(t, 0, []string{"report", "shop", "-o", "markdown"}); !strings.Contains(o.out, "no such table: orders") {
		t.Error(o.out)
	}
}

// testRunKept checks that --keep leaves the canary without traffic until it is rejected again.
func testRunKept(t *testing.T, s shop, u *users) {
	cmd, heard := u.crashLoop(t, "--keep")
	s.ended(t, cmd, heard, 3)
	if !strings.Contains(heard.String(), "the canary is kept without traffic") {
		t.Errorf("%s", heard)
	}
	s.check(t, "v1", 0)
	s.expect(t, 2, s.deploy(t, "v2"), "canarize reject shop")
	s.do(t, reject)
	s.check(t, "v1", -1)
}
