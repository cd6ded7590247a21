package demo

import (
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/simulate/peer"
)

// Result is what became of a release.
type Result struct {
	Scenario string          `json:"scenario"`
	Phase    rollout.Phase   `json:"phase"`
	By       rollout.Decider `json:"by,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Held     string          `json:"held,omitempty"`
	Stable   string          `json:"stable"` // the version that is stable in the end
	Envoy    *Envoy          `json:"envoy,omitempty"`
	// FirstAnswer is when a user first got an answer, Exposed how long the canary had
	// requests after its first failure, and Took how long the release took, all in seconds;
	// -1 if that did not happen.
	FirstAnswer float64 `json:"firstAnswerSeconds"`
	Exposed     float64 `json:"exposedSeconds"`
	Took        float64 `json:"tookSeconds"`
	Seen        Seen    `json:"seen"`
	// Others are what the documented rules of other tools would have done with the same
	// requests.
	Others []peer.Ghost `json:"others"`
	// Problem is why the scenario did not end as its story says; "" if it did.
	Problem string `json:"problem,omitempty"`

	State rollout.State `json:"-"`
	Err   error         `json:"-"` // of the run
}

// sum sums a release up.
func (s *Session) sum(state rollout.State, err error, took time.Duration) Result {
	seen := s.world.clients.now()
	r := Result{
		Scenario: s.options.Scenario.Name, Phase: state.Phase, Held: state.Held, Stable: s.world.stableVersion(), Envoy: s.world.envoy,
		FirstAnswer: -1, Exposed: -1, Took: took.Seconds(), Seen: seen, Others: s.ghosts.end(), State: state, Err: err,
	}
	if state.Reason != nil {
		r.By, r.Reason = state.Reason.By, state.Reason.Text
	}
	if !seen.First.IsZero() {
		r.FirstAnswer = seen.First.Sub(s.began).Seconds()
	}
	if !seen.FirstFailed.IsZero() {
		r.Exposed = seen.LastCanary.Sub(seen.FirstFailed).Seconds()
	}
	if !s.visited {
		r.Problem = s.options.Scenario.Want.problem(r)
	}
	return r
}

// problem says in what a result is not the wanted ending; "" if it is.
func (e Ending) problem(r Result) string {
	stable := "1"
	if e.Phase == rollout.Promoted {
		stable = "2"
	}
	switch {
	case r.Phase != e.Phase:
		return fmt.Sprintf("the release is %s, not %s: %v", r.Phase, e.Phase, r.Err)
	case e.By != "" && r.By != e.By:
		return fmt.Sprintf("the decision is of %q, not of %q: %s", r.By, e.By, r.Reason)
	case e.Held && r.Held == "":
		return "the release is not held"
	case e.Hurt > 0 && r.Seen.Canary.Failed > e.Hurt:
		return fmt.Sprintf("%d requests of the canary failed, more than %d", r.Seen.Canary.Failed, e.Hurt)
	case r.Stable != stable:
		return fmt.Sprintf("stable is version %s, not %s", r.Stable, stable)
	}
	return ""
}

// NextStep is a command that a newcomer tries after the demo.
type NextStep struct{ Command, What string }

// NextSteps returns the commands for one's own manifests.
func NextSteps() []NextStep {
	return []NextStep{
		{"canarize generate -w 10 manifests", "the canary, as YAML"},
		{"canarize plan -I IMAGE manifests", "what a release would do"},
		{"canarize run -I IMAGE manifests", "the release"},
	}
}
