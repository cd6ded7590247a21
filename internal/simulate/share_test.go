package simulate

import (
	"testing"

	"github.com/canarize/canarize/internal/analysis"
)

// TestShareDependentHarm checks that harm which begins at a large share, or late, is not
// promoted.
func TestShareDependentHarm(t *testing.T) {
	for name, most := range map[string]float64{"share-20": 80, "share-20-slow-traffic": 40, "leak-8": 60} {
		s, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		const runs = 200
		judge := func() Decider {
			judge, err := analysis.New(analysis.Default())
			if err != nil {
				t.Fatal(err)
			}
			return judge
		}
		outcomes, err := Repeat(t.Context(), &s, judge, runs, 3)
		if err != nil {
			t.Fatal(err)
		}
		promoted, excess := 0, 0.
		for _, o := range outcomes {
			if o.Verdict == analysis.Promote {
				promoted++
			}
			excess += o.Excess / runs
		}
		t.Logf("%s: %d of %d promoted, %.1f bad requests", name, promoted, runs, excess)
		if promoted > runs/20 || excess > most {
			t.Errorf("%s: %d of %d promoted, %.1f bad requests, want at most %d and %g", name, promoted, runs, excess, runs/20, most)
		}
	}
}
