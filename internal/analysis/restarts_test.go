package analysis

import (
	"strings"
	"testing"
)

// TestRestarts checks that a canary whose containers restart is held although no request
// fails, that one whose restarts stable shares is promoted, and that a single restart decides
// nothing.
func TestRestarts(t *testing.T) {
	for _, c := range []struct {
		name           string
		canary, stable int64 // pods
		every          int   // intervals between two restarts of the canary
		shared         bool  // stable's pods restart as often
		want           Cause
		verdict        Verdict
	}{
		{"one of ten pods", 1, 10, 8, false, Crashing, Hold},
		{"three of ten pods", 3, 10, 4, false, Crashing, Hold},
		{"stable restarts, too", 1, 10, 8, true, "", Promote},
		{"a single restart", 1, 10, 1000, false, "", Promote},
		{"no restart", 2, 2, 0, false, "", Promote},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJudge(t, nil)
			observe := split(.1, .1)
			held := 0
			d, n := play(j, 120, func(i int, w float64) Observation {
				o := observe(i, w)
				o.Restarts = &Restarts{CanaryPods: c.canary, StablePods: c.stable}
				if c.every > 0 && i%c.every == min(5, c.every-1) {
					o.Restarts.Canary, o.Restarts.Why = 1, "OOMKilled"
				}
				if c.shared {
					o.Restarts.Stable = int64(i*10/8 - (i-1)*10/8)
				}
				if j.Standing().Cause == Crashing && held == 0 {
					held = i - 1
				}
				return o
			})
			if d.Verdict != c.verdict || d.Cause != c.want {
				t.Errorf("%s %s after %d intervals: %s", d.Verdict, d.Cause, n, d.Reason)
			}
			if c.want == Crashing && (held == 0 || held > 5*c.every || !strings.Contains(d.Reason, "OOMKilled")) {
				t.Errorf("held from interval %d on: %s", held, d.Reason)
			}
		})
	}
}
