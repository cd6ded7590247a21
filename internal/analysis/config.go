package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Config holds the user's settings of a judge. Times are in seconds, weights in
// percent, margins in percentage points.
type Config struct {
	Alpha float64 // probability of ever rejecting a release that is no worse
	Beta  float64 // probability of promoting a release that is worse by the margin

	Interval float64            // planned time between two observations; the observations carry the real one
	Warmup   float64            // after the canary's first request, during which only a catastrophe counts
	Warmups  map[string]float64 // the same, per metric; else Warmup, and at least three minutes for slow requests
	Bake     float64            // time with requests before the earliest promotion
	Deadline float64            // from the start of the release until it is inconclusive
	Overtime Overtime

	Margins map[string]float64 // smallest harm that must be detected, per metric; else DefaultMargin
	Roles   map[string]Role    // per metric; else Decider
	Ramp    Ramp
	Gauges  map[string]GaugeRule // per gauge; else DefaultGauge
	Limits  []Limit
}

// Overtime determines what happens to the weight of a release that is undecided
// at its deadline.
type Overtime string

// Withdraw sets the canary's weight to 0. Keep leaves the weight unchanged for
// a person to decide.
const (
	Withdraw Overtime = "reject"
	Keep     Overtime = "hold"
)

// Ramp determines how the weight grows. A ramp with steps is manual, one
// without is automatic.
type Ramp struct {
	Steps  []Step
	Budget float64 // automatic: extra bad requests that two intervals may be expected to cost
	Max    float64 // automatic: the largest weight
	// HoldBudget is how many more bad requests than stable's the holds of a release may cost.
	// Then a hold takes the weight to 0.
	HoldBudget float64
}

// Step is a weight and the shortest time for which it is kept.
type Step struct{ Weight, Hold float64 }

// GaugeRule determines when a gauge is worse.
type GaugeRule struct {
	Margin  float64 // accepted relative increase over stable; 0.1 is 10 %
	Rejects bool    // reject the release on a drift instead of holding it
}

// Limit is a fixed limit (SLO) on the canary alone: of at least Requests
// requests, at most Max percent may be bad. Alpha does not cover it.
type Limit struct {
	Metric   string
	Max      float64
	Requests int64
}

// Profile names a set of defaults.
type Profile string

// The profiles. Bake watches for at least ten minutes, Fast for two.
const (
	BakeProfile Profile = "bake"
	FastProfile Profile = "fast"
)

// Profiles lists the known profiles.
func Profiles() []Profile { return []Profile{BakeProfile, FastProfile} }

// Default returns the configuration of BakeProfile.
func Default() Config {
	return Config{
		Alpha: 0.01, Beta: 0.05,
		Interval: 15, Warmup: 30, Bake: 600, Deadline: 3600, Overtime: Withdraw,
		Ramp: Ramp{Budget: 1, Max: 35, HoldBudget: 20},
	}
}

// ForProfile returns Default with the times of a profile.
func ForProfile(p Profile) (Config, error) {
	c := Default()
	switch p {
	case BakeProfile:
	case FastProfile:
		c.Bake, c.Deadline = 120, 1800
	default:
		return c, fmt.Errorf("unknown profile %q; use bake or fast", p)
	}
	return c, nil
}

// DefaultMargin returns the margin of a metric that the configuration does not
// name: one percentage point for slow requests (names that begin with slow or
// latency), half a point for all others.
func DefaultMargin(metric string) float64 {
	if measuresTime(metric) {
		return 1
	}
	return 0.5
}

// slowWarmup is the warm-up in seconds of a metric that measures time and that the
// configuration does not name, at most half of the bake. Empty caches make requests slow for
// minutes, but do not make them fail.
const slowWarmup = 180

// measuresTime reports whether a metric counts slow requests, not errors. It
// decides by the name.
func measuresTime(metric string) bool {
	return strings.HasPrefix(metric, "slow") || strings.HasPrefix(metric, "latency")
}

// DefaultGauge returns the rule of a gauge that the configuration does not
// name.
func DefaultGauge() GaugeRule { return GaugeRule{Margin: 0.1} }

func (c Config) margin(metric string) float64 {
	if m, ok := inherited(c.Margins, metric); ok {
		return m / 100
	}
	return DefaultMargin(metric) / 100
}

// warmup returns the warm-up of a metric; slow says that it measures time.
func (c Config) warmup(metric string, slow bool) float64 {
	if w, ok := inherited(c.Warmups, metric); ok {
		return w
	}
	if slow {
		return max(c.Warmup, min(slowWarmup, c.Bake/2))
	}
	return c.Warmup
}

// WarmupOf returns the warm-up of a metric in seconds. histogram says that its source
// counts durations.
func (c Config) WarmupOf(metric string, histogram bool) float64 {
	return c.warmup(metric, histogram || measuresTime(metric))
}

// MarginOf returns the margin of a metric in percentage points.
func (c Config) MarginOf(metric string) float64 { return 100 * c.margin(metric) }

// RoleOf returns the role of a metric; events reports that it counts events.
func (c Config) RoleOf(metric string, events bool) Role {
	if events {
		return c.eventsRole(metric)
	}
	return cmp.Or(c.Roles[metric], Decider)
}

func (c Config) gauge(name string) GaugeRule {
	if g, ok := c.Gauges[name]; ok {
		return g
	}
	return DefaultGauge()
}

// Validate returns an error that names a setting out of its range, and the
// range.
func (c Config) Validate() error {
	for _, s := range []struct {
		name              string
		value, least, max float64
	}{
		{"alpha", c.Alpha, 1e-9, 0.5},
		{"beta", c.Beta, 1e-9, 0.5},
		{"interval", c.Interval, 0.1, 86400},
		{"warmup", c.Warmup, 0, 86400},
		{"bake", c.Bake, 0, 30 * 86400},
		{"deadline", c.Deadline, c.Bake, 30 * 86400},
		{"ramp.budget", c.Ramp.Budget, 0.01, 1e6},
		{"ramp.max", c.Ramp.Max, 1, 100},
		{"ramp.holdBudget", c.Ramp.HoldBudget, 1, 1e9},
	} {
		if !(s.value >= s.least && s.value <= s.max) {
			return fmt.Errorf("%s is %v; it must be from %v to %v", s.name, s.value, s.least, s.max)
		}
	}
	if c.Overtime != Withdraw && c.Overtime != Keep {
		return fmt.Errorf("overtime is %q; it must be %s or %s", c.Overtime, Withdraw, Keep)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Margins)) {
		if m := c.Margins[name]; !(m > 0 && m < 100) {
			return fmt.Errorf("margins.%s is %v; it must be above 0 and below 100 percentage points", name, m)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Roles)) {
		if r := c.Roles[name]; !slices.Contains(Roles(), r) {
			return fmt.Errorf("roles.%s is %q; it must be %s, %s or %s", name, r, Decider, Guard, Ignored)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Warmups)) {
		if w := c.Warmups[name]; !(w >= 0 && w <= 86400) {
			return fmt.Errorf("warmups.%s is %v; it must be from 0 to 86400", name, w)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Gauges)) {
		if m := c.Gauges[name].Margin; !(m >= 0 && m <= 100) {
			return fmt.Errorf("gauges.%s.margin is %v; it must be from 0 to 100, where 0.1 means 10 %% more than stable", name, m)
		}
	}
	for i, l := range c.Limits {
		if l.Metric == "" || !(l.Max >= 0 && l.Max < 100) || l.Requests < 1 {
			return fmt.Errorf("limits[%d]: give a metric, a max from 0 to below 100 percent and at least 1 request", i)
		}
	}
	return c.Ramp.validate()
}

func (r Ramp) validate() error {
	last := 0.0
	for i, s := range r.Steps {
		if !(s.Weight > last && s.Weight <= 100) {
			return fmt.Errorf("ramp.steps[%d]: the weight is %v; weights must increase, up to 100", i, s.Weight)
		}
		if !(s.Hold >= 0) || math.IsInf(s.Hold, 1) {
			return fmt.Errorf("ramp.steps[%d]: the hold is %v seconds; it must be 0 or more", i, s.Hold)
		}
		last = s.Weight
	}
	return nil
}
