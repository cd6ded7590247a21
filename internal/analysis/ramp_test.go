package analysis

import (
	"fmt"
	"testing"
)

// TestManualRamp checks that a step lasts its time, and that the first step
// also lasts through the warm-up.
func TestManualRamp(t *testing.T) {
	j := newJudge(t, func(c *Config) { c.Warmup, c.Ramp.Steps = 60, []Step{{1, 60}, {10, 120}, {50, 900}} })
	var seen []float64
	healthy := split(1, 1)
	d, at := play(j, 100, func(i int, w float64) Observation {
		if len(seen) == 0 || seen[len(seen)-1] != w {
			seen = append(seen, w)
		}
		return healthy(i, w)
	})
	if fmt.Sprint(seen) != "[1 10 50]" || d.Verdict != Promote || at != 6+8+60 {
		t.Errorf("weights %v, %s after %d intervals", seen, d.Verdict, at)
	}
}

// TestManualRampInDoubt checks that the weight of a suspicious canary is not
// raised, although its step has lasted long enough.
func TestManualRampInDoubt(t *testing.T) {
	j := newJudge(t, func(c *Config) {
		c.Warmup = 15
		c.Ramp.Steps = []Step{{5, 30}, {50, 900}}
	})
	half := split(50, 1)
	d, at := play(j, 20, func(i int, w float64) Observation {
		if w != 5 {
			t.Errorf("%g %% in interval %d", w, i)
		}
		return half(i, w)
	})
	if d.Verdict != Reject || at > 5 {
		t.Errorf("%s after %d intervals", d.Verdict, at)
	}
}
