package readiness_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/readiness"
)

// TestLasting is the table of reasons: which end the wait for a pod in their own time, and
// which go on waiting.
func TestLasting(t *testing.T) {
	const no = time.Duration(-1)
	for _, c := range []struct {
		reason, message string
		restarts        int
		after           time.Duration
		awaits          string
	}{
		{"InvalidImageName", "couldn't parse image name", 0, 5 * time.Second, "does not pass"},
		{"ErrImageNeverPull", "Container image is not present with pull policy of Never", 0, time.Minute, "the image on the node"},
		{"ErrImagePull", `failed to resolve reference "docker.io/library/web:nope": docker.io/library/web:nope: not found`, 0, time.Minute, "the next attempt"},
		{"ErrImagePull", "reading manifest nope in quay.io/a/web: manifest unknown", 0, time.Minute, "the next attempt"},
		{"ErrImagePull", "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed", 0, time.Minute, "the next attempt"},
		{"ErrImagePull", "unexpected status from HEAD request to https://a.azurecr.io/v2/web/manifests/1: 401 Unauthorized", 0, time.Minute, "the next attempt"},
		{"ErrImagePull", "failed to authorize: failed to fetch oauth token: unexpected status: 403 Forbidden", 0, time.Minute, "the next attempt"},
		{"ErrImagePull", "no match for platform in manifest: not found", 0, time.Minute, "the next attempt"},
		{"ImagePullBackOff", `Back-off pulling image "web:nope": ErrImagePull: web:nope: not found`, 0, time.Minute, "the next attempt"},
		{"ErrImagePull", "dial tcp: lookup registry.example.com: no such host", 0, no, "the registry"},
		{"ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", 0, no, "the registry"},
		{"ErrImagePull", "429 Too Many Requests - toomanyrequests: You have reached your pull rate limit; authentication required for more", 0, no, "the registry"},
		{"ErrImagePull", "unexpected status: 503 Service Unavailable: backend not found", 0, no, "the registry"},
		{"ImagePullBackOff", `Back-off pulling image "web:2"`, 0, no, "the registry"},
		{"CreateContainerConfigError", `configmap "settings" not found`, 0, time.Minute, "the configuration"},
		{"CreateContainerConfigError", "couldn't find key password in Secret shop/db", 0, time.Minute, "the configuration"},
		{"CreateContainerConfigError", "failed to sync configmap cache: timed out waiting for the condition", 0, no, "the configuration"},
		{"CrashLoopBackOff", "back-off 20s restarting failed container", 2, no, "up to 3 restarts"},
		{"CrashLoopBackOff", "back-off 40s restarting failed container; connection refused", 3, 5 * time.Second, "up to 3 restarts"},
		{"Unschedulable", "0/3 nodes are available: 3 Insufficient cpu", 0, no, "a node"},
		{"NotReady", "it runs, but is not ready yet", 0, no, "to become ready"},
		{"Evicted", "no disk", 0, no, ""},
		{"SomethingNew", "not found", 9, no, ""},
	} {
		trouble := readiness.Trouble{Pod: "web-1", Container: "web", Reason: c.reason, Message: c.message, Restarts: c.restarts}
		after, lasts := trouble.Lasting()
		if !lasts {
			after = no
		}
		if after != c.after {
			t.Errorf("%s: %s: %s, expected %s", c.reason, c.message, after, c.after)
		}
		if got := trouble.Awaits(); !strings.Contains(got, c.awaits) || c.awaits == "" && got != "" && c.reason != "CrashLoopBackOff" {
			t.Errorf("%s: %s: %q, expected %q in it", c.reason, c.message, got, c.awaits)
		}
	}
}

// TestRemembering checks that the answer of the registry is not forgotten while an older
// kubelet only says that it backs off.
func TestRemembering(t *testing.T) {
	pulled := readiness.Trouble{Pod: "a", Container: "c", Reason: "ErrImagePull", Message: "web:nope: not found"}
	backOff := readiness.Trouble{Pod: "a", Container: "c", Reason: "ImagePullBackOff", Message: "Back-off pulling image"}
	now := backOff.Remembering(pulled)
	for range 3 {
		if _, lasts := now.Lasting(); !lasts || now.Message != "Back-off pulling image; web:nope: not found" {
			t.Fatalf("%+v", now)
		}
		now = backOff.Remembering(now)
	}
	other := pulled
	other.Pod = "b"
	if got := backOff.Remembering(other); got != backOff {
		t.Errorf("of another pod: %+v", got)
	}
}

func versioned(name, created, revision string) map[string]any {
	return map[string]any{"metadata": map[string]any{"name": name, "creationTimestamp": created, "labels": map[string]any{"pod-template-hash": revision}}}
}

func TestNewest(t *testing.T) {
	old, now := versioned("old", "2026-01-02T12:00:00Z", "1"), versioned("new", "2026-01-02T12:00:05Z", "2")
	again := versioned("again", "2026-01-02T12:00:01Z", "2")
	for _, c := range []struct {
		pods []map[string]any
		want string
	}{
		{nil, ""},
		{[]map[string]any{old}, "old"},
		{[]map[string]any{old, now, again}, "new again"},
		{[]map[string]any{now, versioned("tie", "2026-01-02T12:00:05Z", "1")}, ""},
	} {
		var names []string
		for _, p := range readiness.Newest(c.pods) {
			names = append(names, p["metadata"].(map[string]any)["name"].(string))
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%q, expected %q", got, c.want)
		}
	}
}

// TestFailures checks what is read of a failing container, and that the most telling comes
// first.
func TestFailures(t *testing.T) {
	one := func(name, status string) map[string]any {
		return object(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: "+name+", uid: u-"+name+"}\nstatus: "+status)
	}
	pods := []map[string]any{
		one("a", "{conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes}]}"),
		one("b", "{containerStatuses: [{name: web, ready: false, state: {running: {}}}]}"),
		one("c", "{containerStatuses: [{name: web, ready: false, state: {waiting: {reason: ImagePullBackOff, message: not found}}}, {name: side, ready: true, state: {running: {}}}]}"),
		one("d", "{containerStatuses: [{name: web, ready: false, restartCount: 4, state: {waiting: {reason: CrashLoopBackOff, message: back-off 40s}}, lastState: {terminated: {exitCode: 3, reason: Error, message: no table}}}]}"),
		one("e", "{conditions: [{type: Ready, status: 'True'}], containerStatuses: [{name: web, ready: true, restartCount: 1, state: {running: {}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]}"),
		one("f", "{conditions: [{type: Ready, status: 'True'}], containerStatuses: [{name: web, ready: true, state: {running: {}}}], initContainerStatuses: [{name: init, ready: true, state: {terminated: {exitCode: 0, reason: Completed}}}]}"),
		one("g", "{containerStatuses: [{name: web, ready: false, state: {waiting: {reason: ContainerCreating}}}]}"),
	}
	describe := func(all []readiness.Failure) string {
		var lines []string
		for _, f := range all {
			lines = append(lines, fmt.Sprintf("%s/%s %s %s %d %q restarts=%d log=%v previous=%v uid=%s", f.Pod, f.Container, f.Reason, f.Ended, f.Code, f.Message, f.Restarts, f.Logged, f.Previous, f.UID))
		}
		return strings.Join(lines, "\n")
	}
	want := []string{
		`d/web CrashLoopBackOff Error 3 "no table" restarts=4 log=true previous=true uid=u-d`,
		`e/web OOMKilled OOMKilled 137 "" restarts=1 log=true previous=true uid=u-e`,
		`c/web ImagePullBackOff  0 "not found" restarts=0 log=false previous=false uid=u-c`,
		`b/web NotReady  0 "it runs, but is not ready" restarts=0 log=true previous=false uid=u-b`,
		`a/ Unschedulable  0 "0/3 nodes" restarts=0 log=false previous=false uid=u-a`,
	}
	if got := describe(readiness.Failures(pods)); got != strings.Join(want[:3], "\n") { // at most three pods
		t.Errorf("%s", got)
	}
	if got := describe(readiness.Failures(pods[:2])); got != strings.Join(want[3:], "\n") {
		t.Errorf("%s", got)
	}
	if got := readiness.Failures(pods[5:]); len(got) > 0 {
		t.Errorf("healthy pods: %+v", got)
	}
	slices.Reverse(pods)
	if got := describe(readiness.Failures(pods)); got != strings.Join(want[:3], "\n") {
		t.Errorf("in another order: %s", got)
	}
}

// TestFailuresAreBounded: at most three pods and two containers of each, whatever fails.
func TestFailuresAreBounded(t *testing.T) {
	states := []string{"{running: {}}", "{waiting: {reason: CrashLoopBackOff}}", "{waiting: {reason: ErrImagePull}}", "{terminated: {exitCode: 1}}"}
	rapid.Check(t, func(rt *rapid.T) {
		var pods []map[string]any
		for i := range rapid.IntRange(0, 6).Draw(rt, "pods") {
			text := fmt.Sprintf("metadata: {name: p%d}\nstatus:\n  containerStatuses:\n", i)
			for j := range rapid.IntRange(1, 4).Draw(rt, "containers") {
				text += fmt.Sprintf("  - {name: c%d, ready: false, state: %s}\n", j, rapid.SampledFrom(states).Draw(rt, "state"))
			}
			pods = append(pods, object(t, text))
		}
		of := map[string]int{}
		for _, f := range readiness.Failures(pods) {
			of[f.Pod]++
		}
		if len(of) != min(len(pods), 3) {
			rt.Fatalf("%d of %d pods", len(of), len(pods))
		}
		for pod, n := range of {
			if n > 2 {
				rt.Fatalf("%d containers of pod %s", n, pod)
			}
		}
	})
}
