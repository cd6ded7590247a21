package peer

import (
	"math"
	"testing"

	"github.com/canarize/canarize/internal/analysis"
)

func counts(total, bad int64) analysis.Counts { return analysis.Counts{Bad: bad, Total: total} }

// TestGhosts: the others have their own weights, and go on with a version that nobody meets
// any more.
func TestGhosts(t *testing.T) {
	g := &Ghosts{began: -1, rules: []rule{fixed{20}}, all: []Ghost{{Tool: "other"}}}
	g.Observe(0, Counted{Stable: counts(100, 0)})
	g.Observe(1, Counted{Stable: counts(190, 0), Canary: counts(10, 5)})
	if g.all[0].Failed != 0 || g.all[0].Weight != 20 {
		t.Errorf("its weight begins with the canary: %+v", g.all[0])
	}
	g.Observe(2, Counted{Stable: counts(280, 0), Canary: counts(20, 10)})
	if g.all[0].Failed != 10 { // 20 % of 100 requests, of which half fail
		t.Errorf("%+v", g.all[0])
	}
	g.Observe(3, Counted{Stable: counts(380, 0), Canary: counts(20, 10)})
	if g.all[0].Failed != 20 {
		t.Errorf("no request met the canary: %+v", g.all[0])
	}
}

// TestGhostsEnd: Flagger's rules see more than 1 % of errors at every tick, and give up after
// the fifth; with a good version they promote at their largest weight.
func TestGhostsEnd(t *testing.T) {
	for failed, want := range map[int64]GhostEnd{
		50: {Verdict: analysis.Reject, Seconds: 360, Failed: 360 * 100 * .05 * .5},
		0:  {Verdict: analysis.Promote, Seconds: 600},
	} {
		g := &Ghosts{began: -1, rules: []rule{NewFlagger()}, all: []Ghost{{Tool: "Flagger"}}}
		for second := range int64(3) {
			g.Observe(float64(second), Counted{Stable: counts(50*(second+1), 0), Canary: counts(50*(second+1), failed/2*(second+1))})
		}
		e := g.End()[0].Ends
		if e == nil || e.Verdict != want.Verdict || math.Abs(e.Seconds-want.Seconds) > 60 || math.Abs(e.Failed-want.Failed) > want.Failed/5 {
			t.Errorf("%d %% fail: %+v, not %+v", failed, e, want)
		}
	}
}

// fixed keeps a weight.
type fixed struct{ weight float64 }

func (f fixed) Observe(analysis.Observation) analysis.Decision {
	return analysis.Decision{Verdict: analysis.Continue, Weight: f.weight}
}
