package report

import (
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// TestAbandoned: status first says that a run was killed, since when, and what to do.
func TestAbandoned(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	dead := &Worker{Holder: "run 7 on agent-3", Renewed: at}
	for name, tt := range map[string]struct {
		state  rollout.State
		worker *Worker
		says   string // "" if the status does not mention it
	}{
		"killed":                {rollout.State{Phase: rollout.Standing, Weight: 50, Guarded: true}, dead, "nobody works on it since 2026-01-02T03:04:05Z (run 7 on agent-3 was killed), and nobody watches the canary's 50 %"},
		"killed and held":       {rollout.State{Phase: rollout.Shifting, Weight: 50, Guarded: true, Held: "no"}, dead, "nobody watches the canary's 50 %"},
		"killed at 0 %":         {rollout.State{Phase: rollout.Standing, Guarded: true, Proof: rollout.SeenOnGateways}, dead, "the canary gets no traffic"},
		"not verified at 0 %":   {rollout.State{Phase: rollout.Standing, Verified: rollout.Unknown, Guarded: true}, dead, "the canary's weight is 0, but no gateway has confirmed it"},
		"without a lock":        {rollout.State{Phase: rollout.Standing, Weight: 5, Guarded: true}, &Worker{}, "nobody works on it, and"},
		"alive":                 {rollout.State{Phase: rollout.Standing, Weight: 50, Guarded: true}, &Worker{Holder: "x", Alive: true}, ""},
		"step by step":          {rollout.State{Phase: rollout.Standing, Weight: 50}, dead, ""},
		"over":                  {rollout.State{Phase: rollout.Promoted, Guarded: true}, dead, ""},
		"locks may not be read": {rollout.State{Phase: rollout.Standing, Weight: 50, Guarded: true}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := StatusOf("eu", "shop", tt.state)
			s.Worker = tt.worker
			if got := s.Sentence(); tt.says == "" && strings.Contains(got, "nobody") || !strings.Contains(got, tt.says) {
				t.Errorf("%s", got)
			}
		})
	}
}

// TestWhoDecided: a release that ended before there were measurements names the reason
// for its end, and no other judge.
func TestWhoDecided(t *testing.T) {
	for by, says := range map[rollout.Decider]string{
		rollout.ByPods: "the canary's pods did not become ready", rollout.ByGate: "a gate refused the release",
		rollout.ByPerson: "a person decided", rollout.ByRequest: "the people who ran the steps",
	} {
		s := rollout.State{Phase: rollout.Rejected, Reason: &rollout.Reason{By: by}}
		text := string(Markdown(Of("eu", "shop", s, time.Now(), "test"), MarkdownOptions{Escape: func(s string) string { return s }}))
		if !strings.Contains(text, says) {
			t.Errorf("%s: %s", by, text)
		}
	}
	s := rollout.State{
		Phase: rollout.Rejected, Mixed: true, Started: time.Unix(1, 0),
		Passed: []rollout.Approval{{Gate: "sign-off", By: "ann@example.com", At: time.Unix(1_700_000_000, 0)}},
	}
	text := string(Markdown(Of("eu", "shop", s, time.Now(), "test"), MarkdownOptions{Escape: func(s string) string { return s }}))
	for _, want := range []string{"stable may run the new version", "| 2023-11-14 22:13:20 UTC | ann@example.com | approved sign-off |"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q: %s", want, text)
		}
	}
}

// TestHeldByMetric checks that the status of a release that a metric holds says so, and how a
// person ends the hold.
func TestHeldByMetric(t *testing.T) {
	s := StatusOf("eu", "shop", rollout.State{Phase: rollout.Standing, Weight: 20, Judged: &rollout.Judged{Look: rollout.Look{Weight: 20}, Metric: "client-errors"}})
	if !strings.Contains(s.Sentence(), "held because of client-errors") || !strings.Contains(s.Sentence(), "canarize approve") {
		t.Error(s.Sentence())
	}
}
