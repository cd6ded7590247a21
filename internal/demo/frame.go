package demo

import (
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Frame is what a demo looks like at a moment.
type Frame struct {
	Scenario string  `json:"scenario"`
	Seconds  float64 `json:"seconds"` // since it began
	Weight   float64 `json:"weight"`  // of the canary, in percent, as the gateway splits now
	Stable   string  `json:"stable"`  // the version that is stable
	// Phase is that of the last event with a phase.
	Phase  rollout.Phase   `json:"phase"`
	Seen   Seen            `json:"seen"`
	Judged *rollout.Judged `json:"judged,omitempty"` // the judge's last look; nil before
	Others []Ghost         `json:"others"`
	Result *Result         `json:"result,omitempty"` // once the release is over
}

// Frame returns what the demo looks like now.
func (s *Session) Frame() Frame {
	f := Frame{
		Scenario: s.options.Scenario.Name, Seconds: time.Since(s.began).Seconds(), Weight: s.weight(), Stable: s.world.stableVersion(),
		Seen: s.world.clients.now(), Others: s.ghosts.now(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.Phase, f.Judged = s.event.Phase, s.judged
	select {
	case <-s.done:
		r := s.result
		f.Result = &r
	default:
	}
	return f
}

// Rule returns the rule by which the judge judges metrics.
func (s *Session) Rule(metrics []rollout.Metric) *rollout.Rule {
	return rollout.RuleOf(s.course().Analysis, "", metrics)
}
