package doctor_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/doctor/doctortest"
	"github.com/canarize/canarize/internal/rollout"
)

var update = flag.Bool("update", false, "write the files that the tests compare with")

const (
	aLiveLock = `{kind: Lease, apiVersion: coordination.k8s.io/v1, metadata: {name: canarize-web, namespace: shop}, spec: {holderIdentity: build 7, leaseDurationSeconds: 30, renewTime: "2026-11-26T11:59:31.000000Z"}}`
	died      = "a process ended while"
)

var phases = []rollout.Phase{
	rollout.None, rollout.Deploying, rollout.Standing, rollout.Shifting, rollout.Promoting, rollout.Retiring, rollout.Rejecting, rollout.Promoted, rollout.Rejected,
}

// unfinished returns what doctor says about a release in a state, and how to mend it.
func unfinished(t testing.TB, s rollout.State, locked bool) (problem, mend string) {
	t.Helper()
	all := seen(t)
	s.Objects = nil
	all.Releases[0].State = s
	all.Objects = slices.DeleteFunc(all.Objects, func(o map[string]any) bool { // no orphans
		name, _ := o["metadata"].(map[string]any)["name"].(string)
		return name == "web-canary"
	})
	if locked {
		doctortest.Add(t, &all, aLiveLock)
	}
	for _, f := range doctor.Examine(all).Findings {
		if f.Check != "release" || problem != "" {
			t.Fatalf("a second finding: %+v", f)
		}
		problem, mend = f.Problem, f.Mend
	}
	return problem, mend
}

// endings are the ways in which a release can be left.
var endings = []struct {
	name   string
	locked bool
	plant  func(*rollout.State)
}{
	{"killed in a run", false, func(s *rollout.State) { s.Guarded = true }},
	{"killed in a step", false, func(*rollout.State) {}},
	{"at work", true, func(s *rollout.State) { s.Guarded = true }},
	{"held", false, func(s *rollout.State) { s.Held = "no share" }},
	{"held, not ready", false, func(s *rollout.State) { s.Held, s.Unready = "0 of 1 pods are available", true }},
	{"held and left", false, func(s *rollout.State) {
		s.Held, s.Left = "no share", &rollout.Left{Cause: rollout.Broken, At: now, Text: "no share"}
	}},
	{"interrupted", false, func(s *rollout.State) { s.Left = &rollout.Left{Cause: rollout.Interrupted, At: now} }},
	{"failed", false, func(s *rollout.State) { s.Left = &rollout.Left{Cause: rollout.Broken, At: now, Text: "no disk"} }},
	{"lock lost", false, func(s *rollout.State) { s.Left = &rollout.Left{Cause: rollout.LockLost, At: now} }},
	{"stopped", false, func(s *rollout.State) { s.Left = &rollout.Left{Cause: rollout.Done, At: now} }},
	{"killed while it waited for an approval", false, func(s *rollout.State) { s.Guarded, s.Awaiting = true, "qa" }},
	{"interrupted while it waited for an approval", false, func(s *rollout.State) {
		s.Awaiting, s.Left = "qa", &rollout.Left{Cause: rollout.Interrupted, At: now}
	}},
	{"waits for an approval", true, func(s *rollout.State) { s.Guarded, s.Awaiting = true, "qa" }},
	{"killed while paused", false, func(s *rollout.State) { s.Guarded, s.Paused = true, &rollout.Statement{Text: "lunch", By: "ann"} }},
	{"paused", true, func(s *rollout.State) { s.Guarded, s.Paused = true, &rollout.Statement{Text: "lunch", By: "ann"} }},
}

// TestEveryEnding compares what doctor says about every phase and ending with a file.
func TestEveryEnding(t *testing.T) {
	var out strings.Builder
	for _, e := range endings {
		for _, braked := range []bool{false, true} {
			for _, phase := range phases {
				s := rollout.State{Phase: phase, Weight: 10, Verified: 10, Run: rollout.Run{Holder: "build 7"}, Braked: braked, Cut: braked}
				if braked || phase == rollout.Retiring || phase == rollout.Rejecting {
					s.Weight, s.Verified = 0, rollout.Unknown
				}
				e.plant(&s)
				problem, mend := unfinished(t, s, e.locked)
				brake := ""
				if braked {
					brake = ", braked"
				}
				fmt.Fprintf(&out, "%s%s, %s\n", e.name, brake, phase)
				if problem != "" {
					fmt.Fprintf(&out, "    %s\n      %s\n", problem, mend)
				}
			}
		}
	}
	file := filepath.Join("testdata", "endings.txt")
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != out.String() {
		t.Errorf("%s differs; see it after go test ./internal/doctor -update:\n%s", file, out.String())
	}
}

// TestNoCauseAgainstTheRecord draws records and checks that doctor names only causes that
// the record has, says everything once, and says what to do.
func TestNoCauseAgainstTheRecord(t *testing.T) {
	causes := map[rollout.EndCause]string{rollout.Interrupted: "was interrupted at", rollout.Broken: "failed at", rollout.LockLost: "lost the lock at", rollout.Done: "stopped at"}
	rapid.Check(t, func(rt *rapid.T) {
		yes := rapid.Bool()
		s := rollout.State{
			Phase: rapid.SampledFrom(phases).Draw(rt, "phase"), Weight: rapid.IntRange(0, 100).Draw(rt, "weight"), Verified: rapid.IntRange(rollout.Unknown, 100).Draw(rt, "verified"),
			Guarded: yes.Draw(rt, "guarded"), Braked: yes.Draw(rt, "braked"), Run: rollout.Run{Holder: "build 7"},
		}
		if yes.Draw(rt, "held") {
			s.Held, s.Unready = "no share", yes.Draw(rt, "unready")
		}
		if yes.Draw(rt, "left") {
			s.Left = &rollout.Left{Cause: rapid.SampledFrom([]rollout.EndCause{rollout.Interrupted, rollout.Broken, rollout.LockLost, rollout.Done}).Draw(rt, "cause"), At: now, Text: rapid.SampledFrom([]string{"", "no disk"}).Draw(rt, "text")}
		}
		if yes.Draw(rt, "awaiting") {
			s.Awaiting = "qa"
		}
		if yes.Draw(rt, "paused") {
			s.Paused = &rollout.Statement{Text: "lunch"}
		}
		locked := yes.Draw(rt, "locked")
		problem, mend := unfinished(t, s, locked)
		unexplained := s.Phase.Active() && s.Held == "" && s.Left == nil && s.Awaiting == "" && s.Paused == nil && !locked
		switch {
		case strings.Contains(problem, died) && !unexplained:
			rt.Fatalf("it invents a death: %s", problem)
		case unexplained && (s.Guarded || s.Phase != rollout.Standing) && !strings.Contains(problem, died):
			rt.Fatalf("a process died, but doctor says %q", problem)
		case strings.Contains(problem, "no process works on it") && locked:
			rt.Fatalf("a process works on it: %s", problem)
		case s.Phase.Active() && s.Held != "" && strings.Count(problem, s.Held) != 1:
			rt.Fatalf("the hold is not named once: %q", problem)
		case s.Phase.Active() && s.Held == "" && s.Left != nil && !locked && !strings.Contains(problem, causes[s.Left.Cause]+" "+now.Format(time.RFC3339)):
			rt.Fatalf("it does not say how the process left: %q", problem)
		case s.Phase.Active() && s.Braked && !locked && strings.Count(problem, "did not apply a weight of 0") != 1:
			rt.Fatalf("it does not say that the release is braked: %q", problem)
		case (problem == "") != (mend == ""):
			rt.Fatalf("problem %q, advice %q", problem, mend)
		}
		for cause, words := range causes {
			if strings.Contains(problem, words) && (s.Left == nil || s.Left.Cause != cause) {
				rt.Fatalf("the record has no such ending: %s", problem)
			}
		}
	})
}
