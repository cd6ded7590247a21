package calibrate

import (
	"context"
	"maps"
	"math"

	"github.com/canarize/canarize/internal/analysis"
)

// margins are the margins that are tried, in percentage points. A release that is worse by
// more than the last one should not pass because there is little traffic.
var margins = [...]float64{.05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 4, 5}

const (
	// late is the factor over the bake from which a promotion takes too long.
	late = 1.2
	// leastPromoted is the percentage of releases that have to be promoted.
	leastPromoted = 90
	// tries is the number of releases with which a value is tried, and rounds how often.
	tries  = 200
	rounds = 8
	// spare is the factor over the expected number of requests that a margin has to allow
	// for, as the judge does when it plans its ramp.
	spare = 1.5
)

// fits reports whether releases are promoted in time.
func (r Result) fits(seconds float64) bool {
	return r.ToPromote != nil && r.ToPromote.Minutes*60 <= seconds && r.Promoted.Percent+r.Rejected.Percent >= leastPromoted
}

// fit finds the values with which releases are rejected rarely and promoted in time.
func (c *Calibration) fit(ctx context.Context, s *service, o Options) error {
	c.propose(s)
	config := o.Config
	config.Margins, config.Warmups = clone(config.Margins), clone(config.Warmups)
	changed := false
	for i := range c.Metrics {
		m := &c.Metrics[i]
		if m.Cold != nil && *m.Cold > m.Warmup {
			m.FittedWarmup, changed = *m.Cold, true
			config.Warmups[m.Name] = *m.Cold
		}
	}
	base := c.Now
	if changed {
		var err error
		if base, err = s.pretend(ctx, config, min(tries, o.Runs), o.Seed); err != nil {
			return err
		}
	}
	tried, wider, err := c.hurry(ctx, s, o, config, base)
	if err != nil {
		return err
	}
	if wider {
		config, changed = tried, true
	}
	if c.Now.sure > 100*o.Config.Alpha {
		alpha, err := s.strict(ctx, config, o)
		if err != nil {
			return err
		}
		c.warnFalse(alpha)
		if alpha > 0 {
			config.Alpha, c.FittedAlpha, changed = alpha, alpha, true
		}
	}
	if !changed {
		return nil
	}
	for i := range c.Metrics {
		m := &c.Metrics[i]
		if set, ok := config.Margins[m.Name]; ok {
			m.FittedMargin = set
		}
	}
	fitted, err := s.pretend(ctx, config, o.Runs, o.Seed)
	c.Fitted = &fitted
	return err
}

// hurry widens margins if the releases of base are not promoted in time: within the bake, or
// else at least before the deadline.
func (c *Calibration) hurry(ctx context.Context, s *service, o Options, config analysis.Config, base Result) (analysis.Config, bool, error) {
	bake := late * o.Config.Bake
	if base.fits(bake) {
		return config, false, nil
	}
	tried, ok, err := c.widen(ctx, s, o, config, base, bake)
	switch {
	case err != nil || ok:
		return tried, ok, err
	case base.fits(o.Config.Deadline):
		c.warnf("a promotion takes longer than the bake of %s, and no margin up to %g points makes it fit", inSeconds(o.Config.Bake), margins[len(margins)-1])
		return config, false, nil
	}
	if tried, ok, err = c.widen(ctx, s, o, config, base, o.Config.Deadline); err == nil && !ok {
		c.warnSlow(o.Config)
	}
	return tried, ok, err
}

func clone(m map[string]float64) map[string]float64 {
	if m == nil {
		return map[string]float64{}
	}
	return maps.Clone(m)
}

// widen widens the margins of the metrics that are shown healthy too late in a result, until
// releases are promoted within some seconds.
func (c *Calibration) widen(ctx context.Context, s *service, o Options, config analysis.Config, result Result, seconds float64) (analysis.Config, bool, error) {
	config.Margins = clone(config.Margins)
	for range rounds {
		wider := false
		for _, m := range c.Metrics {
			margin := m.Margin
			if set, ok := config.Margins[m.Name]; ok {
				margin = set
			}
			if !result.slow(m, seconds) {
				continue
			}
			next, ok := above(margin)
			if ok && m.Smallest != nil && *m.Smallest > next && seconds < o.Config.Deadline {
				next = *m.Smallest
			}
			if ok {
				config.Margins[m.Name], wider = next, true
			}
		}
		if !wider {
			return config, false, nil
		}
		var err error
		if result, err = s.pretend(ctx, config, min(tries, o.Runs), o.Seed); err != nil {
			return config, false, err
		}
		if result.fits(seconds) {
			return config, true, nil
		}
	}
	return config, false, nil
}

// slow reports whether a part of a metric is shown healthy too late in half of the
// releases, or in time in too few of them.
func (r Result) slow(m Metric, seconds float64) bool {
	for _, p := range m.Parts {
		st := r.stats[p.Name]
		if st == nil || len(st.passed) == 0 {
			continue
		}
		inTime := 0
		for _, minutes := range st.passed {
			if minutes*60 <= seconds {
				inTime++
			}
		}
		if 100*inTime < leastPromoted*len(st.passed) {
			return true
		}
	}
	return false
}

// above returns the next larger margin that is tried.
func above(margin float64) (float64, bool) {
	for _, m := range margins {
		if m > margin {
			return m, true
		}
	}
	return margin, false
}

// strict returns a smaller alpha with which releases are rejected as rarely as alpha
// promises, or 0.
func (s *service) strict(ctx context.Context, config analysis.Config, o Options) (float64, error) {
	promised := config.Alpha
	for _, factor := range []float64{.1, .01, .001} {
		config.Alpha = promised * factor
		if config.Validate() != nil {
			return 0, nil
		}
		result, err := s.pretend(ctx, config, o.Runs, o.Seed)
		if err != nil || result.Rejected.Percent <= 100*promised {
			return config.Alpha, err
		}
	}
	return 0, nil
}

// propose computes, for every metric, the smallest margin with which a promotion should
// fit into the bake.
func (c *Calibration) propose(s *service) {
	for i := range c.Metrics {
		m := &c.Metrics[i]
		weight, requests := s.inBake(m.Warmup)
		for _, margin := range margins {
			if len(m.Parts) > 0 && spare*m.toPromote(s.config, margin, weight) <= requests {
				m.Smallest = &margin
				break
			}
		}
	}
}

// raises is the number of intervals in which the ramp grows to its largest weight.
const raises = 6

// inBake returns the weight at which the evidence of health is won, and how many requests
// the canary gets there, or at the steps of a manual ramp, within the bake.
func (s *service) inBake(warmup float64) (weight, requests float64) {
	left := s.config.Bake - warmup
	steps := s.config.Ramp.Steps
	if len(steps) == 0 {
		weight = s.config.Ramp.Max
		return min(weight, 99), s.perSecond * weight / 100 * max(0, left-raises*s.config.Interval)
	}
	for i, step := range steps {
		seconds := min(step.Hold, max(left, 0))
		if i == len(steps)-1 {
			seconds = max(left, step.Hold)
		}
		left -= seconds
		weight = step.Weight
		requests += s.perSecond * step.Weight / 100 * seconds
	}
	return math.Min(weight, 99), requests
}
