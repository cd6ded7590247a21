package rollout

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestTroublesAreBounded: whatever pods wrote, what is stored of it fits, has no secret in
// it, and still has the most telling trouble. Storing it again changes nothing.
func TestTroublesAreBounded(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringN(0, 400, -1), rapid.SampledFrom([]string{
		"password=hunter2hunter2", "Bearer abcdefABCDEF0123456789abcdef", "-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", strings.Repeat("\x00", 500), strings.Repeat("界", 200),
	}))
	trouble := rapid.Custom(func(t *rapid.T) Trouble {
		return Trouble{
			Pod: text.Draw(t, "pod"), Container: text.Draw(t, "container"), Reason: text.Draw(t, "reason"), Message: text.Draw(t, "message"), Ended: text.Draw(t, "ended"),
			ExitCode: rapid.Int().Draw(t, "code"), Restarts: rapid.Int().Draw(t, "restarts"),
			Log: rapid.SliceOfN(text, 0, 12).Draw(t, "log"), Events: rapid.SliceOfN(text, 0, 5).Draw(t, "events"), Unread: text.Draw(t, "unread"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(trouble, 1, 8).Draw(t, "troubles")
		kept := keptTroubles(all)
		stored, err := json.Marshal(kept)
		if err != nil || len(stored) > maxTroubles {
			t.Fatalf("%d bytes, %v", len(stored), err)
		}
		if len(kept) == 0 || kept[0].ExitCode != all[0].ExitCode {
			t.Fatalf("the first trouble is lost: %+v", kept)
		}
		for _, secret := range []string{"hunter2", "abcdefABCDEF0123456789abcdef"} {
			if strings.Contains(string(stored), secret) {
				t.Fatalf("%s in %s", secret, stored)
			}
		}
	})
}

// TestTroublesAreCutAtTheirBeginning: of a long log the last lines are kept, of many
// troubles the first.
func TestTroublesAreCutAtTheirBeginning(t *testing.T) {
	var all []Trouble
	for i := range 6 {
		one := Trouble{Pod: fmt.Sprintf("web-%d", i), Container: "web", Reason: "CrashLoopBackOff", Ended: "Error", ExitCode: i + 1}
		for j := range 10 {
			one.Log = append(one.Log, fmt.Sprintf("%d: %s", j, strings.Repeat("x ", 90)))
			one.Events = append(one.Events, fmt.Sprintf("BackOff %d", j))
		}
		all = append(all, one)
	}
	kept := keptTroubles(all)
	for i, k := range kept {
		if k.ExitCode != i+1 || len(k.Log) < leastLines || !strings.HasPrefix(k.Log[len(k.Log)-1], "9: ") || !slices.Contains(k.Events, "BackOff 9") {
			t.Errorf("trouble %d: %+v", i, k)
		}
	}
	if len(kept) < 2 {
		t.Errorf("only %d troubles are kept", len(kept))
	}
	if again := keptTroubles(kept); !reflect.DeepEqual(again, kept) {
		t.Errorf("kept again: %+v", again)
	}
	if len(all[0].Log) != 10 {
		t.Error("the caller's troubles have changed")
	}
}

// TestSecretOfSeveralLines: a key in a log is masked although each of its lines could be
// harmless.
func TestSecretOfSeveralLines(t *testing.T) {
	kept := keptTroubles([]Trouble{{Pod: "a", Reason: "Error", Log: []string{"loaded", "-----BEGIN PRIVATE KEY-----", "c2VjcmV0", "-----END PRIVATE KEY-----", "panic"}}})
	if got := strings.Join(kept[0].Log, "|"); strings.Contains(got, "c2VjcmV0") || !strings.HasSuffix(got, "panic") {
		t.Error(got)
	}
}

func TestTroubleLines(t *testing.T) {
	for want, trouble := range map[string]Trouble{
		"pod a, container web: it ended with exit code 3 (Error), restarts: 4|  log: panic: no table|  event: BackOff": {Pod: "a", Container: "web", Reason: "CrashLoopBackOff", Ended: "Error", ExitCode: 3, Restarts: 4, Log: []string{"panic: no table"}, Events: []string{"BackOff"}},
		"pod a, container web: it was killed because it used more memory than its limit (OOMKilled, exit code 137)":    {Pod: "a", Container: "web", Reason: "OOMKilled", Ended: "OOMKilled", ExitCode: 137},
		"pod a: Unschedulable: 0/3 nodes|  not read: the events: forbidden":                                            {Pod: "a", Reason: "Unschedulable", Message: "0/3\nnodes", Unread: "the events: forbidden"},
	} {
		if got := strings.Join(trouble.Lines(), "|"); got != want {
			t.Errorf("%s, expected %s", got, want)
		}
	}
}

// TestKeptCanary follows a release that is rejected with its canary kept, and then without.
func TestKeptCanary(t *testing.T) {
	spec := Spec{Limit: 100}
	step := func(s State, f Fact) (State, []Action) { return Next(spec, s, Observation{Time: start, Fact: f}) }
	for _, from := range []State{
		{Schema: Schema, Phase: Deploying, Plan: "a", Verified: Unknown, Held: "not ready", Unready: true},
		{Schema: Schema, Phase: Standing, Plan: "a", Weight: 10, Verified: 10, Proof: SeenOnGateways, Guarded: true},
		{Schema: Schema, Phase: Shifting, Plan: "a", Weight: 50, Peak: 50, Grow: true, Verified: Unknown, Guarded: true},
	} {
		s, actions := step(from, Request{Verb: Reject, Keep: true, Reason: Reason{By: ByPods, Text: "no"}})
		if len(actions) == 0 || actions[0] != (Action{Kind: SetWeight}) || slices.ContainsFunc(actions, func(a Action) bool { return a.Kind == DeleteCanary }) {
			t.Fatalf("%s: %v", from.Phase, actions)
		}
		if s.Parked() {
			t.Errorf("%s: parked before a gateway confirmed it", from.Phase)
		}
		s, actions = step(s, Finished{Proof: SeenOnGateways})
		if !s.Parked() || len(actions) > 0 || s.Guarded || s.Held != "" {
			t.Fatalf("%s: %+v, %v", from.Phase, s, actions)
		}
		if left, actions := step(s, Ended{Cause: Done}); len(actions) > 0 || !left.Parked() {
			t.Errorf("%s: leaving it does %v", from.Phase, actions)
		}
		if _, actions := step(s, Request{Verb: Deploy, Fresh: Fresh{Plan: "b"}}); actions[0].Kind != Refuse {
			t.Errorf("%s: a deployment does %v", from.Phase, actions)
		}
		if left, actions := step(s, Request{Verb: Reject, IfActive: true}); len(actions) > 0 || !left.Parked() {
			t.Errorf("%s: the last step of a pipeline does %v", from.Phase, actions)
		}
		s, actions = step(s, Request{Verb: Reject, Run: Run{Holder: "cleaner"}})
		if len(actions) == 0 || actions[len(actions)-1].Kind != DeleteCanary {
			t.Fatalf("%s: %v", from.Phase, actions)
		}
		if s, _ = step(s, Finished{Proof: SeenOnGateways}); s.Phase != Rejected || s.Kept || s.Reason.By != ByPods {
			t.Errorf("%s: %+v", from.Phase, s)
		}
	}
}

// TestTroublesFollowTheCanary: troubles go when the pods become ready after all, and stay
// with a rejection.
func TestTroublesFollowTheCanary(t *testing.T) {
	step := func(s State, f Fact) State {
		s, _ = Next(Spec{Limit: 100}, s, Observation{Time: start, Fact: f})
		return s
	}
	first := Examined{[]Trouble{{Pod: "a", Reason: "CrashLoopBackOff"}}}
	s := step(State{Schema: Schema, Phase: Deploying, Plan: "a", Verified: Unknown}, first)
	s = step(s, Examined{[]Trouble{{Pod: "b", Reason: "Later"}}})
	if len(s.Troubles) != 1 || s.Troubles[0].Pod != "a" {
		t.Fatalf("%+v", s.Troubles)
	}
	if ready := step(s, Finished{Tested: "x", Proof: SeenOnGateways}); len(ready.Troubles) > 0 {
		t.Errorf("of a ready canary: %+v", ready.Troubles)
	}
	rejected := step(step(s, Request{Verb: Reject}), Finished{Proof: SeenOnGateways})
	if rejected.Phase != Rejected || len(rejected.Troubles) != 1 {
		t.Errorf("%s: %+v", rejected.Phase, rejected.Troubles)
	}
	if next := step(rejected, Request{Verb: Deploy, Fresh: Fresh{Plan: "b"}}); len(next.Troubles) > 0 {
		t.Errorf("of the next release: %+v", next.Troubles)
	}
}

// TestKeptBesideARun: a run that another process tells to reject keeps the canary if that
// process wants it.
func TestKeptBesideARun(t *testing.T) {
	for _, keep := range []bool{true, false} {
		said := ParseStatements(Statements{Rejected: &Statement{Text: "no", Keep: keep}}.Annotations(start), start)
		d := Decide(Spec{Limit: 100}, Course{Plan: "a"}, State{Schema: Schema, Phase: Standing, Plan: "a", Started: start}, Heard{Begun: true, People: People{Statements: said, Status: Current}})
		if r, is := d.Fact.(Request); !is || r.Verb != Reject || r.Keep != keep {
			t.Errorf("keep %v: %+v", keep, d)
		}
	}
}
