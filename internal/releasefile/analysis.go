package releasefile

import (
	"time"

	"github.com/canarize/canarize/internal/analysis"
)

// find calls read with the value at a path of names, if there is one.
func find(v value, path []string, read func(value) error) error {
	if len(path) == 0 {
		return read(v)
	}
	return entries(v, func(name string, child value) error {
		if name != path[0] {
			return nil
		}
		return find(child, path[1:], read)
	})
}

func (r *File) readProfile(v value) error {
	return find(v, []string{"spec", "analysis", "profile"}, func(v value) error {
		var profile analysis.Profile
		if err := oneOf(&profile, analysis.Profiles()...).read(v); err != nil {
			return err
		}
		c, err := analysis.ForProfile(profile)
		r.Analysis = c
		return err
	})
}

// analysisForm describes spec.analysis. The defaults come from analysis.ForProfile,
// analysis.DefaultMargin and analysis.DefaultGauge.
func (r *File) analysisForm() form {
	c, profile := &r.Analysis, analysis.BakeProfile
	return object(
		field{"profile", oneOf(&profile, analysis.Profiles()...), "Sets the defaults of the other fields: bake watches for at least 10 minutes, fast for at least 2."},
		field{"alpha", between(&c.Alpha, 1e-9, 0.5), "The chance of ever rejecting a release that is no worse."},
		field{"beta", between(&c.Beta, 1e-9, 0.5), "The chance of promoting a release that is worse by the margin."},
		field{"interval", secondsBetween(&c.Interval, 100*time.Millisecond, longestTime), "The longest time between two observations. The source `emissary` gives the judge shorter ones, of about 10 requests of the canary and at least 3 s."},
		field{"warmup", secondsBetween(&c.Warmup, 0, longestTime), "The time after the canary's first request in which only a catastrophe counts."},
		field{"warmups", mapOf(&c.Warmups, 0, func(to *float64) form { return secondsBetween(to, 0, longestTime) }), "The same by metric name. Default: warmup, and for slow requests and latencies at least 3 minutes, or half of a bake that is shorter than 6."},
		field{"bake", secondsBetween(&c.Bake, 0, longestBake), "How long the canary must have had requests, with somebody watching, before a promotion."},
		field{"deadline", secondsBetween(&c.Deadline, 0, longestBake), "The time from the start of the release until it is inconclusive."},
		field{"overtime", oneOf(&c.Overtime, analysis.Withdraw, analysis.Keep), "What happens to a release that is undecided at its deadline: reject takes the traffic off the canary, hold keeps the share until a person decides."},
		field{"margins", mapOf(&c.Margins, 0, marginForm), "The harm to detect, in percentage points, by metric name."},
		field{"roles", mapOf(&c.Roles, analysis.Decider, roleForm), "By metric name: a decider has to prove that the canary is no worse; a guard, such as a metric of one route, only holds or rejects, and events that are a guard only hold; ignore leaves the metric out. Default: decider, and guard for the events client-errors."},
		field{"gauges", mapOf(&c.Gauges, analysis.DefaultGauge(), gaugeForm), "When a gauge counts as worse, by its name."},
		field{"limits", listOf(&c.Limits, analysis.Limit{Requests: 1000}, limitForm), "Plain limits (SLOs) on the canary alone."},
	).check(r.longEnough).check(r.checked)
}

// checked reports an invalid analysis that no field has reported.
func (r *File) checked(v value) error {
	if err := r.Analysis.Validate(); err != nil {
		return v.errorf("%w", err)
	}
	return nil
}

func roleForm(r *analysis.Role) form { return oneOf(r, analysis.Roles()...) }

func gaugeForm(rule *analysis.GaugeRule) form {
	return object(
		field{"margin", between(&rule.Margin, 0, 100), "The increase over stable that is accepted: 0.1 is 10 %."},
		field{"rejects", boolean(&rule.Rejects), "Whether a drift rejects the release; otherwise it holds it."},
	)
}

// maxRequests is larger than the number of requests of any release.
const maxRequests = 1 << 53

func limitForm(l *analysis.Limit) form {
	return object(
		field{"metric", text(&l.Metric), "The name of a metric."},
		field{"max", limitMax(&l.Max), "The percentage of requests that may be bad."},
		field{"requests", integer(&l.Requests, 1, maxRequests), "The number of requests from which on the limit counts."},
	).requiring("a limit needs a metric", "metric")
}

func limitMax(to *float64) form {
	return number(to).check(func(v value) error {
		if *to < 0 || *to >= 100 {
			return v.errorf("%s is out of range; it must be from 0 to below 100 percent", v.resolved().Value)
		}
		return nil
	})
}

// rampForm describes spec.ramp. With steps, the ramp is manual.
func (r *File) rampForm() form {
	ramp := &r.Analysis.Ramp
	return object(
		field{"budget", between(&ramp.Budget, 0.01, 1e6), "Without steps: how many more bad requests than stable's two intervals may be expected to cost."},
		field{"max", between(&ramp.Max, 1, 100), "Without steps: the largest weight, in percent."},
		field{"holdBudget", between(&ramp.HoldBudget, 1, 1e9), "How many more bad requests than stable's the holds of a release may cost; then a hold takes the weight to 0."},
		field{"steps", listOf(&ramp.Steps, analysis.Step{}, func(s *analysis.Step) form {
			return object(
				field{"weight", number(&s.Weight), "The weight, in percent. Weights must grow."},
				field{"hold", seconds(&s.Hold), "The minimum time at this weight."},
			)
		}).check(growing(&ramp.Steps)), "Weights one after the other, instead of a ramp that follows the evidence."},
	).check(r.checked)
}
