package analysis

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestForeseeLaws checks that a larger share and more harm lead to a decision
// sooner.
func TestForeseeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Default()
		if rapid.Bool().Draw(t, "manual") {
			c.Ramp.Steps = []Step{{Weight: .5}, {Weight: 20}, {Weight: 100}}
		}
		perSecond := rapid.Float64Range(.1, 1e4).Draw(t, "requests per second")
		all := c.Foresee("errors", perSecond, rapid.Float64Range(0, .99).Draw(t, "stable"))
		if want := map[bool]int{true: 3, false: 6}[len(c.Ramp.Steps) > 0]; len(all) != want {
			t.Fatalf("%d weights, want %d", len(all), want)
		}
		for i, f := range all {
			for j, a := range f.Alarms {
				if j > 0 && !(a.Seconds <= f.Alarms[j-1].Seconds) {
					t.Fatalf("at %v %%: %+v after %+v", f.Weight, a, f.Alarms[j-1])
				}
				if i > 0 && !(a.Seconds <= all[i-1].Alarms[j].Seconds*(1+1e-9) || f.Weight == 100) {
					t.Fatalf("%v %%: %+v, and at a smaller weight %+v", f.Weight, a, all[i-1].Alarms[j])
				}
			}
			if !(f.Promotion.Requests > 0) || math.IsInf(f.Promotion.Seconds, 0) {
				t.Fatalf("%+v", f.Promotion)
			}
		}
	})
}
