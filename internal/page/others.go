package page

import (
	"fmt"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/simulate/peer"
)

// GhostRules says what the rows of Ghosts are.
const GhostRules = "Argo Rollouts and Flagger are not running here. These are the rules of their documentation's examples, applied to these very requests: the failures of both versions are the real ones, counted at the share that each rule would have given."

// Ghosts shows what other rules would have done.
func Ghosts(ghosts []peer.Ghost) (all []Other) {
	for _, g := range ghosts {
		o := Other{Name: g.Tool, Weight: g.Weight, Failed: g.Failed}
		o.State, o.Tone = Standing(g.Verdict)
		if e := g.Ends; e != nil {
			ends, _ := Standing(e.Verdict)
			o.State = fmt.Sprintf("%s after %.0f min, %.0f bad", ends, e.Seconds/60, e.Failed)
		}
		all = append(all, o)
	}
	return all
}

// Standing says where a verdict leaves a release.
func Standing(v analysis.Verdict) (string, Tone) {
	switch v {
	case analysis.Reject:
		return "rejected", Bad
	case analysis.Promote:
		return "promoted", Good
	case analysis.Hold:
		return "holds", Wait
	case analysis.Continue:
		return "goes on", Plain
	}
	return "not begun", Plain
}

// Usual says how many of the canary's requests the old version would have failed; "" if
// nobody knows.
func Usual(stable, canary Lane) string {
	if stable.Requests == 0 || canary.Requests == 0 {
		return ""
	}
	would := float64(canary.Requests) * float64(stable.Failed) / float64(stable.Requests)
	return fmt.Sprintf("%d requests met the new version. With the old one, about %.1f of them would have been bad.", canary.Requests, would)
}

// Own returns the row of this release among those of other rules.
func Own(name string, weight float64, failed int, phase rollout.Phase, j *rollout.Judged) Other {
	own := Other{Name: name, Own: true, Weight: weight, Failed: float64(failed), State: "has judged nothing yet"}
	switch {
	case phase == rollout.Rejected || phase == rollout.Rejecting:
		own.State, own.Tone = Standing(analysis.Reject)
	case phase == rollout.Promoting || phase == rollout.Retiring || phase == rollout.Promoted:
		own.State, own.Tone = Standing(analysis.Promote)
	case j != nil && j.Verdict == analysis.Promote:
		own.State, own.Tone = "healthy, not promoted yet", Wait
	case j != nil:
		own.State, own.Tone = Standing(j.Verdict)
	}
	return own
}
