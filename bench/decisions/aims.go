package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/canarize/canarize/bench/cell"
	"github.com/canarize/canarize/bench/contender"
	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate"
)

// aim is a row of the last table.
type aim struct {
	what, aim, measured string
	met                 bool
}

func (b *measured) reportAims(out *strings.Builder) {
	out.WriteString("\n### Aims\n\n| canarize | aim | measured | |\n|---|---|---|---|\n")
	aims := b.decisionAims()
	aims = append(aims, b.costAims()...)
	aims = append(aims, b.speedAims()...)
	for _, a := range aims {
		verdict := "missed"
		if a.met {
			verdict = "met"
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", a.what, a.aim, a.measured, verdict)
	}
}

// decisionAims returns the aims for the probabilities of wrong decisions.
func (b *measured) decisionAims() []aim {
	var all []aim
	for _, profile := range []string{contender.Bake, contender.Fast} {
		worst := b.worst(profile, func(s *simulate.Scenario) bool { return !s.Harmful() }, func(s simulate.Summary) float64 { return s.Rejected.High })
		high := b.results[worst][profile].Rejected
		all = append(all, aim{profile + ": healthy releases rejected, upper limit of the worst scenario", "≤ 1.5 %", fmt.Sprintf("%s %% (%s)", cell.Percent(high.High), worst), high.High <= 1.5})
	}
	for _, profile := range []string{contender.Bake, contender.Fast} {
		decided := 0
		for _, name := range []string{"no-traffic", "routing-none"} {
			decided += b.results[name][profile].Rejected.Runs + b.results[name][profile].Promoted.Runs
		}
		all = append(all, aim{profile + ": decisions without traffic", "never", fmt.Sprint(decided), decided == 0})
	}
	for _, profile := range []string{contender.Bake, contender.Fast} {
		worst := b.worst(profile, atMargin, func(s simulate.Summary) float64 { return s.Promoted.Percent })
		missed := b.results[worst][profile].Promoted.Percent
		all = append(all, aim{profile + ": releases promoted that are worse by the margin or more, worst scenario", "≤ 5 %", fmt.Sprintf("%s %% (%s)", cell.Percent(missed), worst), missed <= 5})
	}
	return all
}

// atMargin reports whether a version is worse by the margin or more from the
// start. A decider cannot miss harm that has not begun.
func atMargin(s *simulate.Scenario) bool {
	for name, r := range s.Metrics {
		if s.BadPods == 0 && r.For == 0 && r.After == 0 && (r.Leak > 0 && r.LeakAfter == 0 || r.Canary >= max(2*r.Stable, r.Stable+analysis.DefaultMargin(name))) {
			return true
		}
	}
	return false
}

// worst returns the scenario with the largest value.
func (b *measured) worst(tool string, include func(*simulate.Scenario) bool, value func(simulate.Summary) float64) string {
	worst, most := "", -1.0
	for i := range b.scenarios {
		s := &b.scenarios[i]
		if v := value(b.results[s.Name][tool]); include(s) && v > most {
			worst, most = s.Name, v
		}
	}
	return worst
}

// costAims returns the aims for the cost of a decision in bad requests and in
// time.
func (b *measured) costAims() []aim {
	var all []aim
	for _, c := range []struct {
		scenario string
		limit    float64
	}{{"errors-0.1-1", 15}, {"errors-1-2", 35}, {"errors-0.1-5", 20}, {"slow-0.3-2", 20}, {"slow-0.3-5", 20}, {"crash", 15}, {"leak", 20}} {
		mean := b.results[c.scenario][contender.Bake].Excess
		all = append(all, aim{contender.Bake + ": excess bad requests, " + c.scenario, fmt.Sprintf("≤ %.0f", c.limit), fmt.Sprintf("%.1f ± %.1f", mean.Mean, mean.High-mean.Mean), mean.Mean <= c.limit})
	}
	for _, c := range []struct {
		profile string
		limit   float64
	}{{contender.Bake, 10}, {contender.Fast, 3.5}} {
		for _, scenario := range []string{"healthy-0.1", "healthy-1"} {
			took := "never"
			m := b.results[scenario][c.profile].ToPromote
			if m != nil {
				took = cell.Minutes(m.Minutes)
			}
			all = append(all, aim{c.profile + ": median minutes to promotion, " + scenario, fmt.Sprintf("≤ %v", c.limit), took, m != nil && m.Minutes <= c.limit})
		}
	}
	return all
}

// speedAims returns the aims for requests to an alarm and the cost of an
// update.
func (b *measured) speedAims() []aim {
	var all []aim
	for _, a := range b.alarms {
		ratio := a.requests.Mean / a.bound
		all = append(all, aim{fmt.Sprintf("requests to an alarm against the bound, %s at %v per interval", a.name, a.perInterval), fmt.Sprintf("≤ %v", a.aim), fmt.Sprintf("%.2f", ratio), ratio <= a.aim && a.missed == 0})
	}
	for _, u := range b.updates {
		all = append(all, aim{"one update, " + u.name, "< 5 µs, no allocation", fmt.Sprintf("%s, %d", micros(u.took), u.allocs), u.took < 5*time.Microsecond && u.allocs == 0})
	}
	return all
}
