package releasefile

import "github.com/canarize/canarize/internal/analysis"

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
		field{"profile", oneOf(&profile, analysis.Profiles()...), "The defaults of the others: bake watches for 10 minutes at least, fast for 2."},
		field{"alpha", number(&c.Alpha), "The chance of ever rejecting a release that is no worse."},
		field{"beta", number(&c.Beta), "The chance of promoting a release that is worse by the margin."},
		field{"interval", seconds(&c.Interval), "Between two observations."},
		field{"warmup", seconds(&c.Warmup), "After the canary's first request; only a catastrophe counts then."},
		field{"bake", seconds(&c.Bake), "From the begin of the release to the earliest promotion."},
		field{"deadline", seconds(&c.Deadline), "From the begin of the release until it is inconclusive."},
		field{"overtime", oneOf(&c.Overtime, analysis.Withdraw, analysis.Keep), "What becomes of a release that is undecided at its deadline: reject takes the traffic from the canary, hold leaves the share for a person to decide."},
		field{"margins", mapOf(&c.Margins, 0, number), "The harm that has to be found, in percentage points, by the name of a metric."},
		field{"gauges", mapOf(&c.Gauges, analysis.DefaultGauge(), gaugeForm), "When a gauge is worse, by its name."},
		field{"limits", listOf(&c.Limits, analysis.Limit{Requests: 1000}, limitForm), "Plain limits (SLOs) on the canary alone."},
	).check(r.checked)
}

// checked reports an invalid analysis, with its line in the file.
func (r *File) checked(v value) error {
	if err := r.Analysis.Validate(); err != nil {
		return v.errorf("%w", err)
	}
	return nil
}

func gaugeForm(rule *analysis.GaugeRule) form {
	return object(
		field{"margin", number(&rule.Margin), "The increase over stable that is accepted: 0.1 is 10 %."},
		field{"rejects", boolean(&rule.Rejects), "Whether a drift rejects the release; otherwise it holds it."},
	)
}

// maxRequests is larger than the number of requests of any release.
const maxRequests = 1 << 53

func limitForm(l *analysis.Limit) form {
	return object(
		field{"metric", text(&l.Metric), "The name of a metric."},
		field{"max", number(&l.Max), "Percent of the requests that may be bad."},
		field{"requests", integer(&l.Requests, 1, maxRequests), "Requests from which on it counts."},
	)
}

// rampForm describes spec.ramp. With steps, the ramp is manual.
func (r *File) rampForm() form {
	ramp := &r.Analysis.Ramp
	return object(
		field{"budget", number(&ramp.Budget), "Without steps: bad requests more than stable's that two intervals may be expected to cost."},
		field{"max", number(&ramp.Max), "Without steps: the largest weight, in percent."},
		field{"steps", listOf(&ramp.Steps, analysis.Step{}, func(s *analysis.Step) form {
			return object(
				field{"weight", number(&s.Weight), "In percent. Weights have to grow."},
				field{"hold", seconds(&s.Hold), "How long it is kept at least."},
			)
		}), "Weights one after the other, instead of a ramp that follows the evidence."},
	).check(r.checked)
}
