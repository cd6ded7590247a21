package calibrate

import (
	"fmt"
	"math"

	"github.com/canarize/canarize/internal/analysis"
)

// spreads is the spread from which the pods of a service are said to differ.
const spreads = 1.5

// warn adds what a user should know about the past.
func (c *Calibration) warn(s *service) {
	for _, m := range c.Metrics {
		for _, p := range m.Parts {
			switch {
			case !p.Counted:
				c.warnf("%s: no request was counted in this time; correct its selectors", p.Name)
			case p.Usual == 0 && !m.latency:
				c.warnf("%s: no request was bad in this time; if some were, correct its bad selector", p.Name)
			}
		}
		if m.Spread >= spreads {
			c.warnf("%s: the pods differ %.1f times as much as chance explains: %s", m.Name, m.Spread, s.whyDifferent(m))
		}
		if m.Starts == 0 {
			c.warnf("%s: no pod started in this time, 10 minutes before its end or earlier, so nothing is known about its warm-up; the present one is kept", m.Name)
		}
	}
	if ended := c.Now.Releases - c.Now.CutShort; ended < c.Now.Releases/2 {
		c.warnf("only %d of %d releases ended before the history or their pods did; choose a longer time", ended, c.Now.Releases)
	}
	if alpha := 100 * s.config.Alpha; c.Now.Rejected.Percent > alpha && c.Now.sure <= alpha && c.Now.limits == 0 {
		c.warnf("%.1f %% of the releases are rejected, more than alpha promises (%g %%), but at few times; a longer history would show whether that is chance", c.Now.Rejected.Percent, alpha)
	}
	if c.Now.limits > 0 {
		c.warnf("%d releases were rejected by a limit of spec.analysis.limits that stable itself exceeds; raise it", c.Now.limits)
	}
	if s.past.Step.Seconds() > s.config.Interval {
		c.warnf("the pods are scraped less often than once in an interval of %s, so an interval has %s", inSeconds(s.config.Interval), s.past.Step)
	}
}

// whyDifferent says what the pods' differences may come from.
func (s *service) whyDifferent(m Metric) string {
	for _, of := range s.counters(m) {
		if pod, own, others := s.worst(of); pod != "" {
			return fmt.Sprintf("pod %s is worse all the time, with %.3g %% against %.3g %% of the others. A canary like it is rejected; find out what is wrong with it", pod, 100*own, 100*others)
		}
	}
	return "bad requests come in bursts. The judge then needs more of them; a canary of several pods helps"
}

func (c *Calibration) warnf(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// warnSlow says why no margin lets releases be promoted in time.
func (c *Calibration) warnSlow(config analysis.Config) {
	weight := config.Ramp.Max
	if steps := config.Ramp.Steps; len(steps) > 0 {
		weight = steps[len(steps)-1].Weight
	}
	widest := margins[len(margins)-1]
	for _, m := range c.Metrics {
		needed := m.toPromote(config, widest, math.Min(weight, 99))
		if perSecond := c.PerSecond * weight / 100; c.Now.slow(m, config.Deadline) && needed > perSecond*config.Deadline/2 {
			c.warnf("%s: even a margin of %g points does not lead to a promotion before the deadline: it needs about %.0f requests of the canary, and at a weight of %g %% there are %.2g a second. A later deadline or a larger weight helps", m.Name, widest, needed, weight, perSecond)
			return
		}
	}
	c.warnf("less than %d %% of the releases are promoted before the deadline, and no margin up to %g points helps: there are enough requests, but they differ too much between pods or times", leastPromoted, widest)
}

// toPromote returns how many requests a promotion is expected to need with a margin.
func (m Metric) toPromote(config analysis.Config, margin, weight float64) (needed float64) {
	config.Margins = map[string]float64{m.Name: margin}
	for _, p := range m.Parts {
		needed = max(needed, config.ToPromote(m.Name, p.Usual/100, weight))
	}
	return needed
}

// warnFalse says that releases are rejected more often than alpha promises.
func (c *Calibration) warnFalse(alpha float64) {
	text := "no smaller alpha helps; let the canary have more pods, or leave out the metric that rejects"
	if alpha > 0 {
		text = fmt.Sprintf("an alpha of %g keeps the promise here, and finds harm later", alpha)
	}
	c.warnf("%.1f %% of the releases are rejected, more than alpha promises (%g %%): %s", c.Now.Rejected.Percent, 100*c.Alpha, text)
}
