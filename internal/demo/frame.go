package demo

import (
	"time"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/simulate/peer"
)

// Frame describes a demo at one moment. Once the release is over, it does not change any more.
type Frame struct {
	Seconds float64       // since it began, or that the release took
	Weight  float64       // of the canary, in percent, as the gateway splits now
	Stable  string        // the version that is stable
	Phase   rollout.Phase // named by the last event that names one
	Seen    Seen
	Judged  *rollout.Judged // the judge's last look; nil before
	Others  []peer.Ghost
	Result  *Result // once the release is over
}

// Frame returns what the demo looks like now.
func (s *Session) Frame() Frame {
	f := Frame{
		Seconds: time.Since(s.began).Seconds(), Weight: float64(s.weight()), Stable: s.world.stableVersion(),
		Seen: s.world.clients.now(), Others: s.ghosts.now(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.Phase, f.Judged = s.phase, s.judged
	select {
	case <-s.done:
		r := s.result
		f.Result, f.Seconds, f.Seen, f.Others = &r, r.Took, r.Seen, r.Others
	default:
	}
	return f
}

// Rule returns the rule by which the judge judges metrics.
func (s *Session) Rule(metrics []rollout.Metric) *rollout.Rule {
	return rollout.RuleOf(s.course().Analysis, "", metrics)
}
