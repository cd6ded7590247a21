package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestGuardExpectsNothing sums over the law of the canary's events and checks that what holds a
// release has no expected gain while the version makes no difference.
func TestGuardExpectsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		canary := int64(rapid.IntRange(1, 500).Draw(t, "the canary's requests"))
		stable := int64(rapid.IntRange(1, 2000).Draw(t, "stable's requests"))
		both := rapid.IntRange(1, 60).Draw(t, "events")
		q := float64(canary) / float64(canary+stable)
		mean := 0.
		for n := range both + 1 {
			j := newJudge(t, func(c *Config) { c.Warmup, c.Ramp.Steps = 0, []Step{{Weight: 20}} })
			j.Observe(Observation{Weight: 20})
			o := errorsOf(15, 20, 0, canary, 0, stable)
			for i := range 2 { // the weight counts as changed in the first interval
				o.Time = float64(15 * (i + 1))
				o.Events = map[string]Events{ClientErrors: {Canary: int64(n * i), Stable: int64((both - n) * i)}}
				j.Observe(o)
			}
			ln := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
			mean += math.Exp(ln(both)-ln(n)-ln(both-n)+float64(n)*math.Log(q)+float64(both-n)*math.Log1p(-q)) * j.s.Events[0].holding()
		}
		if mean > 1+1e-9 {
			t.Fatalf("expected wealth %g", mean)
		}
	})
}

// happening is a release of 100 requests a second in which something happens in a part of the
// requests of each version. It returns the last decision, and how the first hold began.
func happening(t *testing.T, seed uint64, change func(*Config), name string, canary, stable float64) (last, hold Decision) {
	g := gateway{r: rand.New(rand.NewPCG(19, seed)), rate: 100, lag: 2, multiple: 1}
	j := newJudge(t, change)
	last = j.Observe(Observation{})
	g.setTo(0, last.Weight)
	for i := 1; i <= 240; i++ {
		o := g.observe(float64(i-1)*15, float64(i)*15)
		part := func(a *Arm, of float64) int64 { return min(int64(g.poisson(float64(a.Total)*of)), a.Total) }
		o.Events = map[string]Events{name: {Canary: part(o.Metrics["errors"].Canary, canary), Stable: part(o.Metrics["errors"].Stable, stable)}}
		last = j.Observe(o)
		if last.Verdict == Promote && j.s.Events != nil && j.s.Events[0].doubted() {
			t.Errorf("promoted in spite of an evidence of %g and %g", j.s.Events[0].Fewer.value(), j.s.Events[0].More.value())
		}
		if last.Verdict == Reject || last.Verdict == Promote {
			return last, hold
		}
		if last.Cause == Differs && hold.Cause == "" {
			hold = last
		}
		g.setTo(float64(i)*15, last.Weight)
	}
	return last, hold
}

// TestGuards checks what roles do: events that are a guard hold a release in both directions and
// never reject it, and ignored ones do nothing.
func TestGuards(t *testing.T) {
	role := func(name string, r Role) func(*Config) {
		return func(c *Config) { c.Roles = map[string]Role{name: r} }
	}
	for _, c := range []struct {
		name           string
		change         func(*Config)
		metric         string
		canary, stable float64
		want           Verdict
		says           string // in the reason of the hold; "": there is none
	}{
		{"pages are gone", nil, ClientErrors, .03, .01, Hold, "That is more than chance explains"},
		{"a door stands open", nil, ClientErrors, 0, .05, Hold, "client-errors: the canary had 0, but its share of the requests makes "},
		{"few refuse all", nil, ClientErrors, 0, .05, Hold, "That is fewer than chance explains. If it is intended, approve client-errors, or give it the role ignore."},
		{"as many refusals", nil, ClientErrors, .05, .05, Promote, ""},
		{"no refusal", nil, ClientErrors, 0, 0, Promote, ""},
		{"ignored", role(ClientErrors, Ignored), ClientErrors, 0, .05, Promote, ""},
		{"what should happen, by default", nil, "orders", 0, .05, Reject, ""},
		{"a guard", role("orders", Guard), "orders", 0, .05, Hold, "orders: the canary had 0,"},
		{"client errors that should happen", role(ClientErrors, Decider), ClientErrors, 0, .05, Reject, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(20) {
				last, hold := happening(t, seed, c.change, c.metric, c.canary, c.stable)
				if last.Inconclusive && (last.Metric != "" || strings.Contains(last.Reason, "approve")) {
					t.Errorf("after the deadline: %+v", last)
				}
				if last.Verdict != c.want || (c.says == "") != (hold.Cause == "") || !strings.Contains(hold.Reason, c.says) {
					t.Fatalf("seed %d: %s, %q, held: %q", seed, last.Verdict, last.Reason, hold.Reason)
				}
			}
		})
	}
}

// TestGuardNeverRejects observes any events of a guard beside requests without errors.
func TestGuardNeverRejects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := newJudge(t, func(c *Config) { c.Ramp.Steps = []Step{{Weight: 20}} })
		j.Observe(Observation{Weight: 20})
		for i := 1; i <= 40; i++ {
			o := errorsOf(float64(15*i), 20, 0, 300, 0, 1200)
			o.Events = map[string]Events{ClientErrors: {Canary: rapid.Int64Range(-1, 400).Draw(t, "canary"), Stable: rapid.Int64Range(-1, 1200).Draw(t, "stable")}}
			d := j.Observe(o)
			if d.Verdict == Reject || d.Cause == Source {
				t.Fatalf("%s: %s", d.Verdict, d.Reason)
			}
		}
	})
}

// TestRoleEndsHold checks that a person who gives a guard the role ignore ends its hold, and
// keeps the other evidence.
func TestRoleEndsHold(t *testing.T) {
	observe := func(j *Judge, i int) Decision {
		o := errorsOf(float64(15*i), 20, 0, 300, 0, 1200)
		o.Events = map[string]Events{ClientErrors: {Canary: 0, Stable: 60}}
		return j.Observe(o)
	}
	j := newJudge(t, func(c *Config) { c.Ramp.Steps = []Step{{Weight: 20}} })
	j.Observe(Observation{Weight: 20})
	var d Decision
	for i := 1; i <= 60; i++ {
		d = observe(j, i)
	}
	if d.Cause != Differs {
		t.Fatalf("%s: %s", d.Verdict, d.Reason)
	}
	c := j.config
	c.Roles = map[string]Role{ClientErrors: Ignored}
	later, err := Restore(c, []byte(stateOf(t, j)))
	if err != nil {
		t.Fatal(err)
	}
	if d = observe(later, 61); d.Verdict != Promote {
		t.Errorf("%s: %s", d.Verdict, d.Reason)
	}
}

// TestManyGuards checks that the probability of a hold does not grow with the number of guards.
func TestManyGuards(t *testing.T) {
	const guards = 20
	j := newJudge(t, func(c *Config) {
		c.Roles, c.Ramp.Steps = map[string]Role{}, []Step{{Weight: 20}}
		for g := range guards {
			c.Roles[fmt.Sprint("guard-", g)] = Guard
		}
	})
	j.Observe(Observation{Weight: 20})
	for i := 1; i <= 30; i++ {
		o := errorsOf(float64(15*i), 20, 0, 300, 0, 1200)
		o.Events = map[string]Events{}
		for g := range guards {
			o.Events[fmt.Sprint("guard-", g)] = Events{Canary: 8, Stable: 32}
		}
		o.Events["guard-7"] = Events{Canary: 12, Stable: 32}
		d := j.Observe(o)
		if d.Cause == Differs {
			for _, e := range j.s.Events {
				if e.Name == "guard-7" && e.holding() < guards/j.config.Alpha {
					t.Errorf("held at an evidence of %g", e.holding())
				}
			}
			return
		}
	}
	t.Error("never held")
}

// TestEventsWarmUp checks that events count once they are warm.
func TestEventsWarmUp(t *testing.T) {
	held := func(change func(*Config)) float64 {
		j := newJudge(t, change)
		j.Observe(Observation{Weight: 1})
		for i := 1; i <= 240; i++ {
			o := errorsOf(float64(15*i), 1, 0, 15, 0, 1485)
			o.Events = map[string]Events{ClientErrors: {Canary: 15, Stable: 15}}
			if d := j.Observe(o); d.Cause == Differs {
				return o.Time
			}
		}
		return 3600
	}
	soon := held(nil)
	late := held(func(c *Config) { c.Warmups = map[string]float64{ClientErrors: 300} })
	if soon > 180 || late < 300 {
		t.Errorf("held after %g s, and with a warm-up of 300 s after %g s", soon, late)
	}
}

// TestGaugesWarmUp checks that a gauge counts at once, and after its warm-up if it has one.
func TestGaugesWarmUp(t *testing.T) {
	held := func(change func(*Config)) float64 {
		j := newJudge(t, change)
		j.Observe(Observation{Weight: 1})
		for i := 1; i <= 240; i++ {
			o := errorsOf(float64(15*i), 1, 0, 15, 0, 1485)
			o.Gauges = map[string]Gauge{"memory": {Canary: 2, Stable: 1}}
			if d := j.Observe(o); d.Cause == Drift {
				return o.Time
			}
		}
		return 3600
	}
	soon := held(nil)
	late := held(func(c *Config) { c.Warmups = map[string]float64{"memory": 300} })
	if soon > 240 || late < 300+soon-60 || late > 300+soon+60 {
		t.Errorf("held after %g s, and with a warm-up of 300 s after %g s", soon, late)
	}
}

// TestApprove checks that a person ends the hold of events or a gauge, also for a judge that is
// stored, and that an approval prevents no rejection.
func TestApprove(t *testing.T) {
	release := func(change func(*Config), events Events, gauge float64) (hold, last Decision, news bool) {
		j := newJudge(t, func(c *Config) {
			c.Ramp.Steps = []Step{{Weight: 20}}
			if change != nil {
				change(c)
			}
		})
		j.Observe(Observation{Weight: 20})
		for i := 1; i <= 120; i++ {
			o := errorsOf(float64(15*i), 20, 0, 300, 0, 1200)
			o.Events = map[string]Events{"e": events}
			o.Gauges = map[string]Gauge{"g": {Canary: gauge, Stable: 1}}
			last = j.Observe(o)
			if last.Verdict == Reject || last.Verdict == Promote {
				return hold, last, news
			}
			if i == 60 {
				hold = last
				stored, err := Restore(j.config, []byte(stateOf(t, j)))
				if err != nil {
					t.Fatal(err)
				}
				if stored.Standing().Metric != hold.Metric {
					t.Errorf("%q is stored, not %q", stored.Standing().Metric, hold.Metric)
				}
				if news = j.Approve(hold.Metric); j.Approve(hold.Metric) || j.Approve("other") {
					t.Error("an approval is news twice")
				}
				if j, err = Restore(j.config, []byte(stateOf(t, j))); err != nil {
					t.Fatal(err)
				}
			}
		}
		return hold, last, news
	}
	guard := func(c *Config) { c.Roles = map[string]Role{"e": Guard} }
	for _, c := range []struct {
		name   string
		change func(*Config)
		events Events
		gauge  float64
		metric string
		want   Verdict
	}{
		{"fewer of a guard", guard, Events{0, 60}, 1, "e", Promote},
		{"more of a guard", guard, Events{40, 60}, 1, "e", Promote},
		{"more", nil, Events{40, 60}, 1, "e", Promote},
		{"a gauge", nil, Events{15, 60}, 2, "g", Promote},
		{"a gauge and a guard", guard, Events{40, 60}, 2, "g", Hold},
	} {
		t.Run(c.name, func(t *testing.T) {
			hold, last, news := release(c.change, c.events, c.gauge)
			if hold.Verdict != Hold || hold.Metric != c.metric || !strings.HasPrefix(hold.Reason, c.metric+": ") || !news || last.Verdict != c.want {
				t.Errorf("held: %+v; then %s: %s", hold, last.Verdict, last.Reason)
			}
		})
	}
	j := newJudge(t, func(c *Config) { c.Ramp.Steps = []Step{{Weight: 20}} })
	j.Observe(Observation{Weight: 20})
	for i := 1; i <= 60; i++ {
		o := errorsOf(float64(15*i), 20, 0, 300, 0, 1200)
		o.Events = map[string]Events{"orders": {0, 60}}
		if j.Approve("orders"); j.Observe(o).Verdict == Reject {
			return
		}
	}
	t.Error("fewer orders are approved")
}
