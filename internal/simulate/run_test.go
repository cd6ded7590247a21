package simulate

import (
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
)

// constant keeps one weight until a time in seconds and then returns a verdict.
type constant struct {
	weight float64
	until  float64
	end    analysis.Verdict
	see    func(analysis.Observation)
}

func (c *constant) Observe(o analysis.Observation) analysis.Decision {
	if c.see != nil {
		c.see(o)
	}
	if o.Time >= c.until {
		return analysis.Decision{Verdict: c.end}
	}
	return analysis.Decision{Verdict: analysis.Continue, Weight: c.weight}
}

func TestBuiltinScenarios(t *testing.T) {
	all, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range all {
		if seen[s.Name] || s.Description == "" {
			t.Errorf("%s: duplicate, or without a description", s.Name)
		}
		seen[s.Name] = true
		if healthy := strings.HasPrefix(s.Description, "healthy"); healthy && s.Harmful() {
			t.Errorf("%s: called healthy, but the canary is worse", s.Name)
		}
		if found, err := Find(s.Name); err != nil || !reflect.DeepEqual(found, s) {
			t.Errorf("Find(%s): %v", s.Name, err)
		}
	}
	if _, err := Find("none"); err == nil || !strings.Contains(err.Error(), "healthy-0.1, healthy-1") {
		t.Errorf("the error %v does not list the names", err)
	}
}

func TestScenarioFileErrors(t *testing.T) {
	const good = "name: x\nrequests: 1\nmetrics: {errors: {stable: 1, canary: 1}}\n"
	if _, err := Parse("f.yml", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                     "no scenario",
		"name: x\n":                            "no metrics",
		"requests: 1\n":                        "no name",
		good + "metric: 1\n":                   "metric",
		good + "requests: 1\n":                 "requests",
		good + "outage: {for: six}\n":          "six",
		good + "interval: 1ms\n":               "interval",
		good + "deadline: 1000000h\n":          "deadline",
		good + "history: -1s\n":                "history",
		good + "pods: {stable: 3}\n":           "both stable and canary",
		good + "gaps: {arm: both}\n":           `unknown version "both"`,
		good + "bursts: {time: 2}\n":           "bursts.time is 2; it must be from 0 to 1",
		good + "routing: -1\n":                 "routing is -1",
		good + "wave: {swing: .nan}\n":         "wave.swing is NaN",
		strings.Replace(good, "1}", "101}", 1): "metrics.errors.canary is 101",
	} {
		if _, err := Parse("f.yml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "f.yml: ") {
			t.Errorf("%q: %v, without %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(builtin))
	f.Add("name: x\nrequests: 1e309\nmetrics: {e: {stable: -.inf}}\n---\n- 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Parse("f", []byte(text))
		for i := range all {
			if err == nil && all[i].check() != nil {
				t.Errorf("accepted %+v", all[i])
			}
		}
	})
}

// TestOutcomesDoNotDependOnCores runs every scenario on one core and on
// several.
func TestOutcomesDoNotDependOnCores(t *testing.T) {
	all, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		decider := func() Decider { return &constant{weight: 10, until: 300, end: analysis.Reject} }
		many, err := Repeat(t.Context(), &s, decider, 8, 1)
		if err != nil {
			t.Fatal(err)
		}
		before := runtime.GOMAXPROCS(1)
		one, err := Repeat(t.Context(), &s, decider, 8, 1)
		runtime.GOMAXPROCS(before)
		if err != nil || !reflect.DeepEqual(one, many) {
			t.Errorf("%s: %v on one core, %v on several, %v", s.Name, one, many, err)
		}
		if other, _ := Repeat(t.Context(), &s, decider, 8, 2); s.Requests > 0 && reflect.DeepEqual(one, other) {
			t.Errorf("%s: another seed gives the same outcomes", s.Name)
		}
	}
}

// TestCountsAddUp checks that every served request appears once, whatever
// happens and also after gaps, unless a restart lost it.
func TestCountsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScenario(t)
		seen := map[string]analysis.Counts{}
		d := &constant{weight: rapid.Float64Range(0, 100).Draw(t, "weight"), until: 900, end: analysis.Promote, see: func(o analysis.Observation) {
			for _, arm := range []*analysis.Arm{o.Metrics["errors"].Canary, o.Metrics["errors"].Stable} {
				if arm == nil {
					continue
				}
				sum := analysis.Counts{}
				for _, c := range arm.Pods {
					sum.Bad, sum.Total = sum.Bad+c.Bad, sum.Total+c.Total
				}
				if arm.Pods != nil && sum != arm.Counts {
					t.Fatalf("pods sum to %v, the arm is %v", sum, arm.Counts)
				}
				if arm.Bad < 0 || arm.Bad > arm.Total {
					t.Fatalf("impossible counts %v", arm.Counts)
				}
				c := seen["all"]
				seen["all"] = analysis.Counts{Bad: c.Bad + arm.Bad, Total: c.Total + arm.Total}
			}
		}}
		outcome := Run(&s, d, 1, uint64(rapid.IntRange(0, 100).Draw(t, "run")))
		if shown := seen["all"].Total; shown > outcome.Served || s.Gaps.Chance == 0 && s.Restarts == 0 && shown != outcome.Served {
			t.Fatalf("%d requests were served, %d shown", outcome.Served, shown)
		}
	})
}

func anyScenario(t *rapid.T) Scenario {
	s := Scenario{Name: "any", Interval: 15 * time.Second, Deadline: 15 * time.Minute}
	s.Requests = rapid.Float64Range(0, 200).Draw(t, "requests")
	if pods := rapid.IntRange(0, 5).Draw(t, "pods"); pods > 0 {
		s.Pods = Pods{Stable: pods, Canary: rapid.IntRange(1, 5).Draw(t, "canary pods")}
	}
	percent := rapid.Float64Range(0, 100)
	s.Metrics = map[string]Ratio{"errors": {Stable: percent.Draw(t, "stable"), Canary: percent.Draw(t, "canary"), Leak: percent.Draw(t, "leak")}}
	chance := rapid.Float64Range(0, 0.9)
	s.Gaps = Gaps{Chance: chance.Draw(t, "gaps"), Intervals: 3, Arm: rapid.SampledFrom([]string{"", "canary", "stable"}).Draw(t, "arm")}
	s.Bursts = Bursts{Time: chance.Draw(t, "bursts"), Part: chance.Draw(t, "part")}
	s.Restarts = rapid.SampledFrom([]float64{0, 30}).Draw(t, "restarts")
	s.Outage = Outage{After: time.Minute, For: 3 * time.Minute, Points: percent.Draw(t, "outage")}
	s.ColdStart = ColdStart{For: 40 * time.Second, Points: percent.Draw(t, "cold")}
	return s
}

// TestLongRunMeans holds a weight for 2,000 intervals and compares the results
// with the scenario, to within five standard deviations.
func TestLongRunMeans(t *testing.T) {
	triple := 3.0
	base := Scenario{Name: "x", Requests: 100, Interval: 15 * time.Second, Deadline: 30_000 * time.Second, Metrics: map[string]Ratio{"errors": {Stable: 1, Canary: 3}}}
	for _, c := range []struct {
		name          string
		change        func(*Scenario)
		share, canary float64
		spread        float64 // of the counts, beyond that of independent requests
	}{
		{"plain", func(*Scenario) {}, 0.1, 0.03, 1},
		{"pods", func(s *Scenario) { s.Pods = Pods{Stable: 7, Canary: 2} }, 0.1, 0.03, 1},
		{"triple", func(s *Scenario) { s.Routing = &triple }, 0.3, 0.03, 1},
		{"bad pod", func(s *Scenario) { s.Pods, s.BadPods = Pods{Stable: 7, Canary: 4}, 1 }, 0.1, 0.015, 1},
		{"bursts", func(s *Scenario) {
			s.Pods, s.Bursts = Pods{Stable: 20, Canary: 5}, Bursts{Time: 0.05, Part: 0.8, Seconds: 30}
		}, 0.1, 0.03, 30},
	} {
		s := base
		c.change(&s)
		var canary, stable analysis.Counts
		Run(&s, &constant{weight: 10, until: 1e9, see: func(o analysis.Observation) {
			if o.Time > 15 {
				a, b := o.Metrics["errors"].Canary, o.Metrics["errors"].Stable
				canary.Bad, canary.Total = canary.Bad+a.Bad, canary.Total+a.Total
				stable.Bad, stable.Total = stable.Bad+b.Bad, stable.Total+b.Total
			}
		}}, 5, 5)
		near(t, c.name+": share", float64(canary.Total), float64(canary.Total+stable.Total), c.share, 1)
		near(t, c.name+": canary", float64(canary.Bad), float64(canary.Total), c.canary, c.spread)
		near(t, c.name+": stable", float64(stable.Bad), float64(stable.Total), 0.01, c.spread)
	}
}

func near(t *testing.T, what string, successes, n, p, spread float64) {
	t.Helper()
	if z := (successes - n*p) / math.Sqrt(n*p*(1-p)*spread); math.Abs(z) > 5 {
		t.Errorf("%s: %v of %v instead of %v, %.1f standard deviations away", what, successes, n, p, z)
	}
}

// TestExcess compares the cost of a decision with a mean computed by hand.
func TestExcess(t *testing.T) {
	s := Scenario{Name: "x", Requests: 1000, Interval: 15 * time.Second, Deadline: time.Hour, Metrics: map[string]Ratio{"errors": {Stable: 1, Canary: 3}}}
	for _, c := range []struct {
		verdict analysis.Verdict
		want    float64
	}{
		// 10 % of 1000 requests/s for 600 s, 2.5 s late at both ends, 2 %
		// worse.
		{analysis.Reject, 1000 * 0.1 * 600 * 0.02},
		{analysis.Promote, 1000*0.1*597.5*0.02 + 1000*1800*0.02},
		{analysis.Hold, 1000 * 0.1 * 597.5 * 0.02},
	} {
		s.Deadline = 10 * time.Minute
		outcomes, err := Repeat(t.Context(), &s, func() Decider { return &constant{weight: 10, until: 600, end: c.verdict} }, 50, 1)
		if err != nil {
			t.Fatal(err)
		}
		mean := 0.0
		for _, o := range outcomes {
			mean += o.Excess / 50
			if o.Verdict != c.verdict || o.Minutes != 10 {
				t.Errorf("%+v instead of %s after 10 minutes", o, c.verdict)
			}
		}
		if math.Abs(mean-c.want) > c.want*0.01 {
			t.Errorf("%s: %.0f instead of %.0f", c.verdict, mean, c.want)
		}
	}
}

// TestHistory checks that the history has only stable's requests, lies before
// time 0, and does not count as served.
func TestHistory(t *testing.T) {
	s := Scenario{Name: "x", Requests: 100, Interval: 15 * time.Second, Deadline: time.Minute, History: time.Minute, Metrics: map[string]Ratio{"errors": {Stable: 1, Canary: 3}}}
	var lines []string
	Run(&s, &constant{weight: 10, until: 1e9, see: func(o analysis.Observation) {
		p := o.Metrics["errors"]
		lines = append(lines, fmt.Sprint(o.Time, o.Weight, p.Canary != nil && p.Canary.Total > 0, p.Stable != nil && p.Stable.Total > 0))
	}}, 1, 1)
	want := []string{"-60 0 false true", "-45 0 false true", "-30 0 false true", "-15 0 false true", "0 0 false false", "15 10 true true", "30 10 true true", "45 10 true true", "60 10 true true"}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("%q instead of %q", lines, want)
	}
}
