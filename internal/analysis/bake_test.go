package analysis

import "testing"

// TestBakeCountsRequests checks that the bake is not over because time has passed: neither
// without requests nor while nobody watched.
func TestBakeCountsRequests(t *testing.T) {
	healthy := func(at float64) Observation { return errorsOf(at, 5, 0, 750, 1, 14250) }
	for name, quiet := range map[string]func(j *Judge) float64{
		"no requests": func(j *Judge) float64 {
			for at := 60.; at <= 900; at += 15 {
				j.Observe(errorsOf(at, 5, 0, 0, 0, 0))
			}
			return 900
		},
		"no requests of the canary": func(j *Judge) float64 {
			for at := 60.; at <= 900; at += 15 {
				j.Observe(errorsOf(at, 5, 0, 0, 1, 1500))
			}
			return 900
		},
		"not measured": func(j *Judge) float64 {
			for at := 60.; at <= 900; at += 15 {
				j.Observe(Observation{Time: at, Weight: 5})
			}
			return 900
		},
		"nobody watched": func(*Judge) float64 { return 3600 },
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge(t, func(c *Config) { c.Ramp.Steps, c.Bake, c.Deadline = []Step{{Weight: 5}}, 600, 1e5 })
			j.Observe(Observation{Weight: 5})
			for at := 15.; at < 60; at += 15 {
				j.Observe(healthy(at))
			}
			begin := quiet(j)
			d, at := Decision{}, 15.
			for ; at <= 900 && d.Verdict != Promote; at += 15 {
				d = j.Observe(healthy(begin + at))
			}
			if d.Verdict != Promote || at < 450 {
				t.Errorf("%s after %g s with requests: %s", d.Verdict, at, d.Reason)
			}
		})
	}
}
