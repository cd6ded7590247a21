// Package simulate runs releases that never happened: seeded traffic, errors and
// faults of many kinds against a decider that controls its own weight, to learn
// how often it rejects a healthy release, how often it misses a harmful one, and
// what that costs. The same seed gives the same outcomes, with any number of cores.
package simulate

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Scenario is a release and what happens around it. Ratios are in percent, what
// is added to them in percentage points. It is also the form of a scenario file.
type Scenario struct {
	Name        string  `yaml:"name"`
	Description string  `yaml:"description"`
	Requests    float64 `yaml:"requests"` // per second, of both versions together

	Interval time.Duration `yaml:"interval"` // between two observations; default 15s
	Deadline time.Duration `yaml:"deadline"` // when a run without a verdict ends; default 1h
	History  time.Duration `yaml:"history"`  // of stable alone, observed before the release
	Pods     Pods          `yaml:"pods"`

	Metrics map[string]Ratio `yaml:"metrics"` // by name, such as errors and slow

	Outage    Outage    `yaml:"outage"`
	Bursts    Bursts    `yaml:"bursts"`
	Change    Change    `yaml:"change"`
	ColdStart ColdStart `yaml:"coldStart"`
	Wave      Wave      `yaml:"wave"`
	Gaps      Gaps      `yaml:"gaps"`
	Restarts  float64   `yaml:"restarts"` // per pod and hour; each loses what its counters had not shown yet
	BadPod    bool      `yaml:"badPod"`   // only the first pod of the canary has the canary's ratios
	Routing   *float64  `yaml:"routing"`  // the real share as a multiple of the weight; default 1
}

// Pods are the numbers of pods of each version. With 0, both of them, the
// metrics have no detail by pod.
type Pods struct {
	Stable int `yaml:"stable"`
	Canary int `yaml:"canary"`
}

// Ratio is the ratio of bad requests of one metric, in percent.
type Ratio struct {
	Stable      float64       `yaml:"stable"`
	Canary      float64       `yaml:"canary"`
	Leak        float64       `yaml:"leak"`        // points per minute that the canary gets worse
	LeakAfter   time.Duration `yaml:"leakAfter"`   // when it begins
	Drift       float64       `yaml:"drift"`       // points per minute that both get worse
	StableDrift float64       `yaml:"stableDrift"` // points per minute that stable alone gets worse
}

// Outage is an outage of something that both versions need.
type Outage struct {
	After  time.Duration `yaml:"after"`
	For    time.Duration `yaml:"for"`
	Points float64       `yaml:"points"` // added to every ratio of both
}

// Bursts make bad requests come in bursts, pod by pod, with the same mean.
type Bursts struct {
	Time    float64 `yaml:"time"`    // share of the time in which a pod has a burst, 0 to 1
	Part    float64 `yaml:"part"`    // part of the bad requests that come in bursts, 0 to 1
	Seconds float64 `yaml:"seconds"` // mean length of a burst; default one interval
}

// Change is what every change of the weight does to both versions, such as
// connections that are closed.
type Change struct {
	For    time.Duration `yaml:"for"`
	Points float64       `yaml:"points"`
}

// ColdStart is a canary that is worse at first: caches are empty, code is not
// compiled yet. It counts from its first traffic.
type ColdStart struct {
	For    time.Duration `yaml:"for"`
	Points float64       `yaml:"points"`
}

// Wave is the course of the day: traffic, and with Ratios also the ratios of
// both versions, swing by Swing around their means. Every run begins somewhere
// else in the period.
type Wave struct {
	Period time.Duration `yaml:"period"`
	Swing  float64       `yaml:"swing"` // 0 to 1
	Ratios bool          `yaml:"ratios"`
}

// Gaps are observations that are missing. What is counted in a gap arrives after
// it, since counters go on.
type Gaps struct {
	Chance    float64 `yaml:"chance"`    // that a gap begins in an interval, 0 to 1
	Intervals float64 `yaml:"intervals"` // mean length; default 1
	Arm       string  `yaml:"arm"`       // canary or stable: only that one is missing; default both
}

//go:embed scenarios.yml
var builtin []byte

// Scenarios are the built-in scenarios, healthy ones first.
func Scenarios() ([]Scenario, error) {
	return decode(builtin)
}

// Find is the built-in scenario of a name.
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
	return Scenario{}, fmt.Errorf("scenario %q is not known; name a file, or one of %s", name, strings.Join(names, ", "))
}

// Parse reads the scenarios of a file, one YAML document each. Unknown fields
// and impossible values are errors that say where.
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

// maxIntervals keeps a run in memory and in time.
const maxIntervals = 100_000

func (s *Scenario) check() error {
	if s.Name == "" {
		return errors.New("it has no name")
	}
	if len(s.Metrics) == 0 {
		return errors.New("it has no metrics; give at least one, such as errors: {stable: 0.1, canary: 1}")
	}
	for _, name := range s.metricNames() {
		r := s.Metrics[name]
		if err := within("metrics."+name+".stable", r.Stable, 0, 100); err != nil {
			return err
		}
		if err := within("metrics."+name+".canary", r.Canary, 0, 100); err != nil {
			return err
		}
	}
	if s.Interval < time.Second || s.Deadline < s.Interval || s.Deadline+s.History > maxIntervals*s.Interval || s.History < 0 {
		return fmt.Errorf("interval %s, deadline %s and history %s do not fit: an interval is at least 1s, and a run has 1 to %d of them", s.Interval, s.Deadline, s.History, maxIntervals)
	}
	if (s.Pods.Stable == 0) != (s.Pods.Canary == 0) {
		return errors.New("pods: give both stable and canary, or neither")
	}
	if !slices.Contains([]string{"", "canary", "stable"}, s.Gaps.Arm) {
		return fmt.Errorf("gaps.arm: %q is not known; it is canary, stable, or nothing for both", s.Gaps.Arm)
	}
	for _, c := range []struct {
		field     string
		value     float64
		low, high float64
	}{
		{"requests", s.Requests, 0, 1e6},
		{"pods.stable", float64(s.Pods.Stable), 0, 1000},
		{"pods.canary", float64(s.Pods.Canary), 0, 1000},
		{"bursts.time", s.Bursts.Time, 0, 1},
		{"bursts.part", s.Bursts.Part, 0, 1},
		{"bursts.seconds", s.Bursts.Seconds, 0, 1e6},
		{"wave.swing", s.Wave.Swing, 0, 1},
		{"gaps.chance", s.Gaps.Chance, 0, 1},
		{"gaps.intervals", s.Gaps.Intervals, 0, 1e6},
		{"restarts", s.Restarts, 0, 1e6},
		{"routing", s.multiple(), 0, 100},
	} {
		if err := within(c.field, c.value, c.low, c.high); err != nil {
			return err
		}
	}
	return nil
}

func within(field string, value, low, high float64) error {
	if value >= low && value <= high { // false for NaN
		return nil
	}
	return fmt.Errorf("%s: %v is not between %v and %v", field, value, low, high)
}

// Harmful says whether the canary is a worse version than stable, in the long
// run and not only while it is cold.
func (s *Scenario) Harmful() bool {
	for _, r := range s.Metrics {
		if r.Canary > r.Stable || r.Leak > 0 {
			return true
		}
	}
	return false
}

// metricNames are the names in a fixed order.
func (s *Scenario) metricNames() []string {
	names := make([]string, 0, len(s.Metrics))
	for name := range s.Metrics {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *Scenario) multiple() float64 {
	if s.Routing == nil {
		return 1
	}
	return *s.Routing
}

// rate is the number of requests per second at a time, and ratioScale what the
// course of the day does to ratios; phase is where in the period the run began.
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
