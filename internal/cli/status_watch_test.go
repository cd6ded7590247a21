//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/rollout"
)

// shopState is the state of a release in a phase.
func shopState(phase rollout.Phase, change func(*rollout.State)) rollout.State {
	s := rollout.State{Phase: phase, Started: time.Unix(1, 0), Verified: rollout.Unknown, History: []rollout.Event{{Time: time.Unix(1, 0), Kind: rollout.EventAsked, Phase: phase, Text: "deploy"}}}
	if change != nil {
		change(&s)
	}
	return s
}

// TestWait: the exit code says how a release ended.
func TestWait(t *testing.T) {
	api := kubetest.New()
	serve(t, api)
	putNamespaces(api, "shop")
	for _, c := range []struct {
		name  string
		state rollout.State
		args  string
		code  int
		says  string
	}{
		{"promoted", shopState(rollout.Promoted, nil), "--wait", exitDone, "release shop/web: stable is the new version"},
		{"promoted, watched", shopState(rollout.Promoted, nil), "--watch", exitDone, "1970-01-01T00:00:01Z shop/web: stable is the new version"},
		{"promoted, as JSON", shopState(rollout.Promoted, nil), "--wait -o json", exitDone, `{"release":"web"`},
		{"rejected", shopState(rollout.Rejected, func(s *rollout.State) { s.Reason = &rollout.Reason{By: rollout.ByJudge, Text: "errors are worse"} }), "--wait", exitRejected, "errors are worse"},
		{"rejected, watched", shopState(rollout.Rejected, nil), "--watch", exitRejected, "rejected"},
		{"undecided", shopState(rollout.Rejected, func(s *rollout.State) { s.Reason = &rollout.Reason{By: rollout.ByDeadline} }), "--wait", exitHeld, "rejected"},
		{"held", shopState(rollout.Standing, func(s *rollout.State) { s.Held = "no route" }), "--wait", exitHeld, "no route"},
		{"not ended", shopState(rollout.Standing, nil), "--wait --for 300ms", exitHeld, "the time of --for is over, and the release has not ended"},
		{"not ended, watched", shopState(rollout.Standing, nil), "--watch --for 300ms", exitHeld, "the time of --for is over"},
		{"held, watched", shopState(rollout.Standing, func(s *rollout.State) { s.Held = "no route" }), "--watch --for 300ms", exitHeld, "the time of --for is over"},
	} {
		putRelease(t, api, "shop", "web", c.state)
		code, stdout, stderr := run(t.Context(), t, "", append([]string{"status", "web"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("%s: %d instead of %d\n%s%s", c.name, code, c.code, stdout, stderr)
		}
	}
	if code, _, stderr := run(t.Context(), t, "", "status", "wbe", "--wait"); code != exitInvalid || !strings.Contains(stderr, "perhaps you mean web") {
		t.Errorf("%d, %s", code, stderr)
	}
	for _, args := range []string{"--wait", "--for 1m", "web --wait --for -1s"} {
		if code, _, stderr := run(t.Context(), t, "", append([]string{"status"}, strings.Fields(args)...)...); code != exitInvalid {
			t.Errorf("status %s: %d, %s", args, code, stderr)
		}
	}
}

// TestWaitForChange: a release that ends later ends the wait.
func TestWaitForChange(t *testing.T) {
	api := kubetest.New()
	serve(t, api)
	putNamespaces(api, "shop")
	putRelease(t, api, "shop", "web", shopState(rollout.Standing, nil))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan int)
	var stderr bytes.Buffer
	go func() {
		ended <- Main(t.Context(), []string{"canarize", "status", "web", "--watch"}, Streams{Out: w, Err: &stderr})
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	lines.Scan() // the release is seen as standing
	putRelease(t, api, "shop", "web", shopState(rollout.Rejected, nil))
	if code := <-ended; code != exitRejected {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

// TestUnreadWatch: canarize status --watch | head -1 ends although nothing changes.
func TestUnreadWatch(t *testing.T) {
	api := kubetest.New()
	serve(t, api)
	putNamespaces(api, "shop")
	putRelease(t, api, "shop", "web", shopState(rollout.Standing, nil))
	for _, args := range []string{"status --watch", "status web --watch", "status -A -w -o json", "status web --wait"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan int)
		go func() {
			ended <- Main(t.Context(), append([]string{"canarize"}, strings.Fields(args)...), Streams{Out: w, Err: &bytes.Buffer{}})
		}()
		if !strings.Contains(args, "--wait") {
			bufio.NewScanner(r).Scan()
		}
		r.Close()
		if code := <-ended; code != exitOutside {
			t.Errorf("%s: exit code %d", args, code)
		}
		w.Close()
	}
}
