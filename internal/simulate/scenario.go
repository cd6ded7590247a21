// Package simulate runs invented releases: seeded traffic, errors and faults of
// many kinds against a decider that controls its own weight. It measures how
// often the decider rejects a healthy release, how often it misses a harmful
// one, and what that costs. The same seed gives the same outcomes on any number
// of cores.
package simulate

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Scenario describes a release and its environment. Ratios are in percent,
// additions to ratios in percentage points. It is also the format of a scenario
// file.
type Scenario struct {
	Name        string  `yaml:"name"`
	Description string  `yaml:"description"`
	Requests    float64 `yaml:"requests"` // per second, of both versions together

	Interval time.Duration `yaml:"interval"` // the longest time between two observations; default 15s
	Shortest time.Duration `yaml:"shortest"` // the shortest; default 3s, or interval if that is shorter
	Deadline time.Duration `yaml:"deadline"` // when a run without a verdict ends; default 1h
	History  time.Duration `yaml:"history"`  // of stable alone, observed before the release
	Pods     Pods          `yaml:"pods"`

	Metrics map[string]Ratio      `yaml:"metrics"` // by name, such as errors and slow
	Gauges  map[string]GaugeRatio `yaml:"gauges"`  // by name, such as memory
	Events  map[string]EventRatio `yaml:"events"`  // by name, such as client-errors

	Outage    Outage    `yaml:"outage"`
	Bursts    Bursts    `yaml:"bursts"`
	Change    Change    `yaml:"change"`
	ColdStart ColdStart `yaml:"coldStart"`
	Wave      Wave      `yaml:"wave"`
	Gaps      Gaps      `yaml:"gaps"`
	Restarts  float64   `yaml:"restarts"` // per pod and hour; a restart loses the counts that were not yet read
	BadPods   int       `yaml:"badPods"`  // only so many pods of the canary have its ratios; default all
	Routing   *float64  `yaml:"routing"`  // the real share as a multiple of the weight; default 1
	Outside   Outside   `yaml:"outside"`
}

// Pods holds the numbers of pods of each version. If both are 0, the metrics
// have no detail by pod.
type Pods struct {
	Stable int `yaml:"stable"`
	Canary int `yaml:"canary"`
}

// Outside is requests that the gateway does not split, and that are counted: callers inside
// the cluster reach stable alone.
type Outside struct {
	Requests float64 `yaml:"requests"` // per second
	Bad      float64 `yaml:"bad"`      // percent of them, in every metric
}

// Ratio is the ratio of bad requests of one metric, in percent.
type Ratio struct {
	Stable      float64       `yaml:"stable"`
	Canary      float64       `yaml:"canary"`
	Of          *float64      `yaml:"of"`          // the percentage of the requests that the metric counts, such as those of a route; default all
	FromWeight  float64       `yaml:"fromWeight"`  // the weight, in percent, from which the canary is worse; default every weight
	After       time.Duration `yaml:"after"`       // when the canary begins to be worse
	For         time.Duration `yaml:"for"`         // how long it is worse; default to the end
	Leak        float64       `yaml:"leak"`        // points per minute by which the canary gets worse
	LeakAfter   time.Duration `yaml:"leakAfter"`   // when the leak begins
	Drift       float64       `yaml:"drift"`       // points per minute by which both get worse
	StableDrift float64       `yaml:"stableDrift"` // points per minute by which stable alone gets worse
}

// GaugeRatio is a quantity of both versions, such as the memory of a pod. Its logarithm
// varies around the mean, correlated over a minute.
type GaugeRatio struct {
	Canary float64 `yaml:"canary"` // the canary's mean divided by stable's
	Noise  float64 `yaml:"noise"`  // standard deviation of the logarithm of each version
}

// Outage is an outage of something that both versions need.
type Outage struct {
	After  time.Duration `yaml:"after"`
	For    time.Duration `yaml:"for"`
	Points float64       `yaml:"points"` // added to every ratio of both
}

// Bursts groups bad requests into bursts, pod by pod, and keeps the mean.
type Bursts struct {
	Time    float64 `yaml:"time"`    // fraction of the time in which a pod has a burst, 0 to 1
	Part    float64 `yaml:"part"`    // fraction of the bad requests that come in bursts, 0 to 1
	Seconds float64 `yaml:"seconds"` // mean length of a burst; default one interval
}

// Change describes the effect of every weight change on both versions, for
// example from closed connections.
type Change struct {
	For    time.Duration `yaml:"for"`
	Points float64       `yaml:"points"`
}

// ColdStart makes the canary worse at first, as with empty caches and code that
// is not compiled yet. It begins with the canary's first traffic.
type ColdStart struct {
	For     time.Duration `yaml:"for"`
	Points  float64       `yaml:"points"`
	Metrics []string      `yaml:"metrics"` // the affected ones; default all
}

// Wave is the daily cycle: the traffic, and with Ratios also the ratios of both
// versions, swing by Swing around their means. Every run starts at another
// point of the period.
type Wave struct {
	Period time.Duration `yaml:"period"`
	Swing  float64       `yaml:"swing"` // 0 to 1
	Ratios bool          `yaml:"ratios"`
}

// Gaps are missing observations. Counters continue during a gap, so its counts
// arrive after it.
type Gaps struct {
	Chance    float64 `yaml:"chance"`    // probability that a gap begins in an interval, 0 to 1
	Intervals float64 `yaml:"intervals"` // mean length; default 1
	Arm       string  `yaml:"arm"`       // the missing version, canary or stable; default both
}

//go:embed scenarios.yml
var builtin []byte

// Scenarios returns the built-in scenarios, healthy ones first.
func Scenarios() ([]Scenario, error) {
	return decode(builtin)
}

// Find returns the built-in scenario with this name.
func Find(name string) (Scenario, error) {
	all, err := Scenarios()
	if err != nil {
		return Scenario{}, err
	}
	names := make([]string, len(all))
	for i, s := range all {
		if s.Name == name {
			return s, nil
		}
		names[i] = s.Name
	}
	return Scenario{}, fmt.Errorf("unknown scenario %q; name a file, or one of %s", name, strings.Join(names, ", "))
}

// Parse reads the scenarios of a file, one YAML document each. It returns an
// error with the position for unknown fields and impossible values.
func Parse(file string, text []byte) ([]Scenario, error) {
	all, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

func decode(text []byte) ([]Scenario, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var all []Scenario
	for {
		s := Scenario{Interval: 15 * time.Second, Deadline: time.Hour}
		err := decoder.Decode(&s)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if s.Shortest == 0 {
			s.Shortest = min(shortest, s.Interval)
		}
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("scenario %q: %w", s.Name, err)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, errors.New("no scenario; write at least a name, requests and metrics")
	}
	return all, nil
}

// shortest is the usual shortest time between two observations.
const shortest = 3 * time.Second

// maxIntervals limits the memory and time of a run.
const maxIntervals = 100_000

func (s *Scenario) check() error {
	if s.Name == "" {
		return errors.New("no name; give it one")
	}
	if len(s.Metrics) == 0 {
		return errors.New("no metrics; give at least one, such as errors: {stable: 0.1, canary: 1}")
	}
	if err := s.checkMeasured(); err != nil {
		return err
	}
	if s.Shortest < time.Second || s.Shortest > s.Interval {
		return fmt.Errorf("shortest is %s; it must be from 1s to the interval, %s", s.Shortest, s.Interval)
	}
	if s.Interval < time.Second || s.Deadline < s.Interval || s.Deadline+s.History > maxIntervals*s.Interval || s.History < 0 {
		return fmt.Errorf("interval %s, deadline %s and history %s do not fit together: the interval must be at least 1s, and a run must have 1 to %d intervals", s.Interval, s.Deadline, s.History, maxIntervals)
	}
	if (s.Pods.Stable == 0) != (s.Pods.Canary == 0) {
		return errors.New("pods: give both stable and canary, or neither")
	}
	if !slices.Contains([]string{"", "canary", "stable"}, s.Gaps.Arm) {
		return fmt.Errorf("gaps.arm: unknown version %q; give canary, stable, or nothing for both", s.Gaps.Arm)
	}
	for _, c := range []struct {
		field     string
		value     float64
		low, high float64
	}{
		{"requests", s.Requests, 0, 1e6},
		{"pods.stable", float64(s.Pods.Stable), 0, 1000},
		{"pods.canary", float64(s.Pods.Canary), 0, 1000},
		{"badPods", float64(s.BadPods), 0, float64(s.Pods.Canary)},
		{"bursts.time", s.Bursts.Time, 0, 1},
		{"bursts.part", s.Bursts.Part, 0, 1},
		{"bursts.seconds", s.Bursts.Seconds, 0, 1e6},
		{"wave.swing", s.Wave.Swing, 0, 1},
		{"gaps.chance", s.Gaps.Chance, 0, 1},
		{"gaps.intervals", s.Gaps.Intervals, 0, 1e6},
		{"restarts", s.Restarts, 0, 1e6},
		{"routing", s.multiple(), 0, 100},
		{"outside.requests", s.Outside.Requests, 0, 1e6},
		{"outside.bad", s.Outside.Bad, 0, 100},
	} {
		if err := within(c.field, c.value, c.low, c.high); err != nil {
			return err
		}
	}
	return nil
}

// checkMeasured checks the metrics, gauges and events, in the order of their names.
func (s *Scenario) checkMeasured() error {
	for _, name := range s.metricNames() {
		r := s.Metrics[name]
		if err := within("metrics."+name+".stable", r.Stable, 0, 100); err != nil {
			return err
		}
		if err := within("metrics."+name+".canary", r.Canary, 0, 100); err != nil {
			return err
		}
		if err := within("metrics."+name+".of", 100*r.of(), 0, 100); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Gauges)) {
		g := s.Gauges[name]
		if err := within("gauges."+name+".canary", g.Canary, 0.001, 1000); err != nil {
			return err
		}
		if err := within("gauges."+name+".noise", g.Noise, 0, 10); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Events)) {
		e, often := s.Events[name], 0.
		if e.Client.Requests > 0 {
			often = 1
		}
		for _, c := range []struct {
			field            string
			value, low, high float64
		}{
			{"stable", e.Stable, 0, 100}, {"canary", e.Canary, 0, 100}, {"client.requests", e.Client.Requests, 0, 1e6},
			{"client.every", e.Client.Every.Seconds(), often, 1e9}, {"client.for", e.Client.For.Seconds(), 0, 1e9},
		} {
			if err := within("events."+name+"."+c.field, c.value, c.low, c.high); err != nil {
				return err
			}
		}
	}
	return nil
}

func within(field string, value, low, high float64) error {
	if value >= low && value <= high { // false for NaN
		return nil
	}
	return fmt.Errorf("%s is %s; it must be from %s to %s", field, plain(value), plain(low), plain(high))
}

// plain formats a number without an exponent.
func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// of returns the fraction of the requests that a metric counts.
func (r Ratio) of() float64 {
	if r.Of == nil {
		return 1
	}
	return *r.Of / 100
}

// Harmful reports whether the canary is worse than stable in the long run, and
// not only for a time.
func (s *Scenario) Harmful() bool {
	for _, r := range s.Metrics {
		if r.Canary > r.Stable && r.For == 0 || r.Leak > 0 {
			return true
		}
	}
	for _, g := range s.Gauges {
		if g.Canary > 1 {
			return true
		}
	}
	for _, e := range s.Events {
		if e.Canary != e.Stable {
			return true
		}
	}
	return false
}

// metricNames returns the names of the metrics in a fixed order.
func (s *Scenario) metricNames() []string { return slices.Sorted(maps.Keys(s.Metrics)) }

func (s *Scenario) multiple() float64 {
	if s.Routing == nil {
		return 1
	}
	return *s.Routing
}

// rate returns the number of requests per second at a time, and ratioScale the
// factor of the daily cycle on ratios. phase is the point of the period where
// the run started.
func (s *Scenario) rate(t, phase float64) float64 {
	return s.Requests * s.swing(t, phase)
}

func (s *Scenario) ratioScale(t, phase float64) float64 {
	if !s.Wave.Ratios {
		return 1
	}
	return s.swing(t, phase)
}

func (s *Scenario) swing(t, phase float64) float64 {
	if s.Wave.Period <= 0 {
		return 1
	}
	return 1 + s.Wave.Swing*math.Sin(2*math.Pi*(t/s.Wave.Period.Seconds()+phase))
}
