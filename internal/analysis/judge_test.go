package analysis

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
)

// play sends observations to a judge every 15 seconds, at the weight that it
// recommends, until its verdict is final or the observations end.
func play(j *Judge, intervals int, observe func(i int, weight float64) Observation) (Decision, int) {
	d := j.Observe(Observation{})
	for i := 1; i <= intervals; i++ {
		o := observe(i, d.Weight)
		o.Time, o.Weight = float64(15*i), d.Weight
		if d = j.Observe(o); d.Verdict == Reject || d.Verdict == Promote {
			return d, i
		}
	}
	return d, intervals
}

// split returns observations of 1,500 requests without chance: the fraction of
// a bad request carries over to the next interval.
func split(canaryPercent, stablePercent float64) func(int, float64) Observation {
	var owed [2]float64
	return func(_ int, weight float64) Observation {
		n := math.Round(15 * weight)
		owed[0] += n * canaryPercent / 100
		owed[1] += (1500 - n) * stablePercent / 100
		bad, stableBad := math.Floor(owed[0]+1e-9), math.Floor(owed[1]+1e-9)
		owed[0], owed[1] = owed[0]-bad, owed[1]-stableBad
		return errorsOf(0, 0, int64(bad), int64(n), int64(stableBad), int64(1500-n))
	}
}

// times multiplies the canary's real share.
func times(multiple float64, observe func(int, float64) Observation) func(int, float64) Observation {
	return func(i int, weight float64) Observation { return observe(i, multiple*weight) }
}

func TestVerdicts(t *testing.T) {
	fast, err := ForProfile(FastProfile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name            string
		canary, stable  float64
		config          Config
		verdict         Verdict
		earliest, until int // intervals
	}{
		{"healthy", 1, 1, Default(), Promote, 40, 40},
		{"healthy, no errors", 0, 0, Default(), Promote, 40, 40},
		{"healthy, many errors", 40, 40, Default(), Promote, 40, 41},
		{"better", 0, 1, Default(), Promote, 40, 40},
		{"fast", 1, 1, fast, Promote, 8, 18},
		{"twice as many", 2, 1, Default(), Reject, 6, 40},
		{"ten times as many", 10, 1, Default(), Reject, 6, 12},
		{"errors where there were none", 5, 0, Default(), Reject, 6, 14},
		{"all", 100, 1, Default(), Reject, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJudge(t, func(d *Config) { *d = c.config })
			d, at := play(j, 240, split(c.canary, c.stable))
			if d.Verdict != c.verdict || at < c.earliest || at > c.until {
				t.Errorf("%s after %d intervals, want %s after %d to %d: %s", d.Verdict, at, c.verdict, c.earliest, c.until, d.Reason)
			}
			weight := map[Verdict]float64{Promote: 100, Reject: 0}[c.verdict]
			if d.Weight != weight || d.Reason == "" {
				t.Errorf("weight %v (%q), want %v", d.Weight, d.Reason, weight)
			}
			if again := j.Observe(errorsOf(1e6, 5, 5, 5, 0, 100)); again.Verdict != d.Verdict || again.Reason != d.Reason {
				t.Errorf("a final verdict became %+v", again)
			}
		})
	}
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		name    string
		observe func(i int, weight float64) Observation
		cause   Cause
	}{
		{"nobody comes", func(int, float64) Observation { return errorsOf(0, 0, 0, 0, 0, 0) }, NoData},
		{"nothing is measured", func(int, float64) Observation { return Observation{} }, Source},
		{"the canary is not measured", func(int, float64) Observation {
			return Observation{Metrics: map[string]Pair{"errors": {Stable: &Arm{Counts: Counts{1, 1500}}}}}
		}, Source},
		{"the canary gets nothing", func(int, float64) Observation { return errorsOf(0, 0, 0, 0, 1, 1500) }, Routing},
		{"three times its share", times(3, split(1, 1)), Routing},
		{"a third of its share", times(1./3, split(1, 1)), Routing},
		{"hardly anybody comes", func(i int, _ float64) Observation { return errorsOf(0, 0, 0, int64(i%2), 0, 2) }, LowTraffic},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJudge(t, nil)
			if d, _ := play(j, 20, c.observe); d.Verdict != Hold || d.Cause != c.cause || d.Reason == "" {
				t.Errorf("%s %s (%s), want a hold for %s", d.Verdict, d.Cause, d.Reason, c.cause)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	for overtime, weight := range map[Overtime]float64{Withdraw: 0, Keep: 35} {
		j := newJudge(t, func(c *Config) { c.Overtime = overtime })
		d, at := play(j, 300, func(i int, w float64) Observation {
			canary := int64(float64(i)*w/40) - int64(float64(i-1)*w/40)
			return errorsOf(0, 0, 0, canary, 0, max(0, 3-canary))
		})
		if at != 300 || d.Verdict != Hold || !d.Inconclusive || d.Cause != LowTraffic || d.Weight != weight {
			t.Errorf("%s: %+v", overtime, d)
		}
	}
}

// TestStrayedShare checks that a canary that gets three times its share gets no verdict, and
// that its real share stays small.
func TestStrayedShare(t *testing.T) {
	real, healthy := 0.0, split(1, 1)
	d, _ := play(newJudge(t, nil), 60, func(i int, w float64) Observation {
		real = max(real, 3*w)
		return healthy(i, 3*w)
	})
	if d.Verdict != Hold || d.Cause != Routing || real > 35 {
		t.Errorf("%s %s with a share of %v %%", d.Verdict, d.Cause, real)
	}
	if d, at := play(newJudge(t, nil), 60, times(3, split(5, 1))); d.Verdict != Hold || d.Cause != Routing {
		t.Errorf("%s after %d intervals", d.Verdict, at)
	}
}

func podsOf(counts ...Counts) *Arm {
	a := &Arm{Pods: map[string]Counts{}}
	for i, c := range counts {
		a.Pods[fmt.Sprint("pod-", i)] = c
	}
	return a
}

func TestBadPod(t *testing.T) {
	bad := Counts{3, 30}
	gone := false
	observe := func(int, float64) Observation {
		canary := podsOf(Counts{0, 30}, Counts{0, 30}, Counts{0, 30})
		stable := podsOf(Counts{1, 400}, Counts{0, 400}, Counts{1, 400})
		if !gone {
			canary.Pods["pod-3"] = bad
			stable.Pods["pod-3"] = Counts{0, 400}
		}
		return Observation{Metrics: map[string]Pair{"errors": {Canary: canary, Stable: stable}}}
	}
	j := newJudge(t, func(c *Config) { c.Ramp.Steps = []Step{{Weight: 7}} })
	d, _ := play(j, 30, observe)
	if d.Verdict != Hold || d.Cause != BadPod || d.Pod != "pod-3" {
		t.Fatalf("%s %s %s: %s", d.Verdict, d.Cause, d.Pod, d.Reason)
	}
	gone = true
	for i := 31; i < 120 && d.Verdict != Promote; i++ {
		o := observe(i, 7)
		o.Time, o.Weight = float64(15*i), 7
		d = j.Observe(o)
		again, err := Restore(j.config, []byte(stateOf(t, j)))
		if err != nil {
			t.Fatal(err)
		}
		if have := again.Standing(); !sameDecision(have, d) {
			t.Fatalf("a restored judge says %+v\nwant %+v", have, d)
		}
	}
	if d.Verdict != Promote {
		t.Errorf("without the bad pod: %s %s %s", d.Verdict, d.Cause, d.Reason)
	}
}

// TestBadPodSoon checks that a certainly bad pod is named after one interval,
// although such different pods tell little about the version.
func TestBadPodSoon(t *testing.T) {
	j := newJudge(t, func(c *Config) { c.Warmup, c.Ramp.Steps = 0, []Step{{Weight: 50}} })
	d, _ := play(j, 2, func(int, float64) Observation {
		return Observation{Metrics: map[string]Pair{"errors": {
			Canary: podsOf(Counts{38, 75}, Counts{0, 75}, Counts{0, 75}, Counts{0, 75}), Stable: podsOf(Counts{0, 75}, Counts{0, 75}, Counts{0, 75}, Counts{0, 75}),
		}}}
	})
	if d.Cause != BadPod || d.Pod != "pod-0" {
		t.Errorf("%s %s %s: %s", d.Verdict, d.Cause, d.Pod, d.Reason)
	}
}

// TestAllPodsBad checks that a canary whose pods are all bad is rejected,
// unlike in TestBadPod.
func TestAllPodsBad(t *testing.T) {
	d, _ := play(newJudge(t, nil), 40, func(_ int, w float64) Observation {
		bad := Counts{int64(w), int64(5 * w)}
		return Observation{Metrics: map[string]Pair{"errors": {Canary: podsOf(bad, bad, bad), Stable: podsOf(Counts{1, 500}, Counts{0, 500}, Counts{1, 500})}}}
	})
	if d.Verdict != Reject {
		t.Errorf("%s %s", d.Verdict, d.Cause)
	}
}

func TestWeightChangeInsideAnInterval(t *testing.T) {
	// Both arms share a burst before the canary gets more traffic. 10 % of the
	// requests of the whole interval would be far too many bad requests for
	// the canary.
	j := newJudge(t, func(c *Config) { c.Warmup = 0 })
	j.Observe(Observation{Weight: 1})
	j.Observe(errorsOf(15, 1, 0, 15, 1, 1485))
	before := j.harm()
	j.Observe(errorsOf(30, 20, 20, 200, 80, 1300))
	if after := j.harm(); after > before {
		t.Errorf("evidence %v became %v though a share of 20 %% explains 20 of 100", before, after)
	}
}

// TestGap checks that a change of the weight in a gap is remembered, and that
// the requests of one arm during the gap count together with the other's.
func TestGap(t *testing.T) {
	j := newJudge(t, func(c *Config) { c.Warmup = 0 })
	j.Observe(Observation{Weight: 1})
	j.Observe(errorsOf(15, 1, 0, 15, 1, 1485))
	before := j.harm()
	stable := errorsOf(30, 20, 0, 0, 40, 1300)
	stable.Metrics["errors"] = Pair{Stable: stable.Metrics["errors"].Stable}
	if d := j.Observe(stable); d.Verdict != Hold || d.Cause != Source {
		t.Errorf("%s %s", d.Verdict, d.Cause)
	}
	j.Observe(errorsOf(45, 20, 20, 400, 40, 1200))
	if after := j.harm(); after > before {
		t.Errorf("evidence %v became %v", before, after)
	}
}

// TestImpossibleMetric checks that an impossible metric counts as not measured, and that the
// others and the time are counted.
func TestImpossibleMetric(t *testing.T) {
	for name, c := range map[string]struct {
		o    Observation
		says string
	}{
		"more bad":         {errorsOf(30, 1, 16, 15, 1, 1485), "cannot be more bad"},
		"negative":         {errorsOf(30, 1, -1, 15, 1, 1485), "cannot be negative"},
		"too many":         {errorsOf(30, 1, 0, 1e18, 1, 1485), "2^53"},
		"pods too many":    {Observation{Time: 30, Metrics: map[string]Pair{"errors": {Canary: podsOf(Counts{0, maxCount}, Counts{0, maxCount})}}}, "2^53"},
		"first of two":     {Observation{Time: 30, Metrics: map[string]Pair{"b": {Canary: podsOf(Counts{2, 1})}, "a": {Canary: podsOf(Counts{3, 1}, Counts{2, 1})}}}, "a: canary: pod pod-0: 3 bad"},
		"shrinking bucket": {Observation{Time: 30, Latency: map[string]HistogramPair{"l": {Stable: &Histogram{Bounds: []float64{1, 2}, Below: []int64{5, 4}, Total: 9}}}}, "bucket 1"},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge(t, nil)
			slow := Pair{Canary: &Arm{Counts: Counts{0, 15}}, Stable: &Arm{Counts: Counts{1, 1485}}}
			first := errorsOf(15, 1, 0, 15, 1, 1485)
			first.Metrics["slow"] = slow
			j.Observe(first)
			c.o.Metrics = maps.Clone(c.o.Metrics)
			if c.o.Metrics == nil {
				c.o.Metrics = map[string]Pair{}
			}
			c.o.Metrics["slow"], c.o.Weight = slow, 1
			d := j.Observe(c.o)
			if !strings.Contains(d.Error, c.says) || !strings.HasSuffix(d.Error, "the metric counts as not measured") {
				t.Errorf("error %q, want %q", d.Error, c.says)
			}
			if d.Verdict != Hold || d.Cause != Source || j.s.Clock.Elapsed != 30 || d.Evidence["slow"].Canary.Total != 30 {
				t.Errorf("after %v seconds: %s %s, %+v", j.s.Clock.Elapsed, d.Verdict, d.Cause, d.Evidence["slow"])
			}
		})
	}
}

func TestNotCounted(t *testing.T) {
	seq := func(n int64) *int64 { return &n }
	good := errorsOf(15, 1, 0, 15, 1, 1485)
	for name, c := range map[string]struct {
		o    Observation
		says string
	}{
		"repeated":  {errorsOf(15, 1, 0, 15, 1, 1485), "the line is a repeat"},
		"backward":  {errorsOf(14, 1, 0, 15, 1, 1485), "out of order"},
		"weight":    {errorsOf(30, 101, 0, 15, 1, 1485), "weight is 101"},
		"no weight": {errorsOf(30, math.NaN(), 0, 15, 1, 1485), "weight is NaN"},
		"no time":   {errorsOf(math.Inf(1), 1, 0, 15, 1, 1485), "time is +Inf"},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge(t, nil)
			want := j.Observe(good)
			before := stateOf(t, j)
			d := j.Observe(c.o)
			if !strings.Contains(d.Error, c.says) {
				t.Errorf("error %q, want %q", d.Error, c.says)
			}
			if d.Verdict != want.Verdict || d.Weight != want.Weight || stateOf(t, j) != before {
				t.Errorf("the observation was counted: %+v", d)
			}
		})
	}
	j := newJudge(t, nil)
	good.Seq = seq(7)
	j.Observe(good)
	for n, fits := range map[int64]bool{6: false, 7: false} {
		o := errorsOf(60, 1, 0, 15, 1, 1485)
		o.Seq = seq(n)
		if d := j.Observe(o); (d.Error == "") != fits {
			t.Errorf("seq %d after 7: %q", n, d.Error)
		}
	}
	back := errorsOf(-1e6, 1, 0, 15, 1, 1485) // the clock jumped, the number continued
	back.Seq = seq(8)
	if d := j.Observe(back); d.Error != "" || j.s.Clock.Elapsed != 30 {
		t.Errorf("after a jump: %q, %v seconds", d.Error, j.s.Clock.Elapsed)
	}
	ahead := errorsOf(1e9, 1, 0, 15, 1, 1485)
	ahead.Seq = seq(9)
	if d := j.Observe(ahead); d.Error != "" || j.s.Clock.Elapsed != 45 {
		t.Errorf("after a jump: %q, %v seconds", d.Error, j.s.Clock.Elapsed)
	}
}

func TestGauge(t *testing.T) {
	for _, c := range []struct {
		ratio   float64
		rejects bool
		verdict Verdict
	}{{1, false, Promote}, {1.5, false, Hold}, {1.5, true, Reject}} {
		j := newJudge(t, func(d *Config) { d.Gauges = map[string]GaugeRule{"cpu": {Margin: .1, Rejects: c.rejects}} })
		healthy := split(1, 1)
		d, _ := play(j, 60, func(i int, w float64) Observation {
			o := healthy(i, w)
			o.Gauges = map[string]Gauge{"cpu": {Canary: c.ratio, Stable: 1}}
			return o
		})
		if d.Verdict != c.verdict || c.verdict == Hold && d.Cause != Drift {
			t.Errorf("%+v: %s %s", c, d.Verdict, d.Cause)
		}
	}
}

func TestLimit(t *testing.T) {
	for bad, want := range map[float64]Verdict{4: Reject, 2.5: Promote} {
		j := newJudge(t, func(c *Config) { c.Limits = []Limit{{Metric: "errors", Max: 3, Requests: 300}} })
		if d, _ := play(j, 60, split(bad, bad)); d.Verdict != want {
			t.Errorf("%v %%: %s %s", bad, d.Verdict, d.Reason)
		}
	}
}

// TestLateMetric checks that a metric that appears later adds no evidence by
// itself.
func TestLateMetric(t *testing.T) {
	j := newJudge(t, func(c *Config) { c.Warmup = 0 })
	for i := 1; i < 10; i++ {
		j.Observe(errorsOf(float64(15*i), 5, 0, 75, 20, 1425))
	}
	before := j.harm()
	o := errorsOf(150, 5, 0, 75, 0, 1425)
	o.Metrics["other"] = Pair{Canary: &Arm{Counts: Counts{0, 75}}, Stable: &Arm{Counts: Counts{0, 1425}}}
	j.Observe(o)
	if after := j.harm(); after > before*1.01 {
		t.Errorf("evidence %v became %v", before, after)
	}
}

func TestRestoreRefuses(t *testing.T) {
	j := newJudge(t, nil)
	for says, text := range map[string]string{
		"canarize did not write": "{",
		"version 7":              `{"version":7}`,
	} {
		if _, err := Restore(Default(), []byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	other := Default()
	other.Limits = []Limit{{Metric: "errors", Max: 1, Requests: 1}}
	if _, err := Restore(other, []byte(stateOf(t, j))); err == nil {
		t.Error("the state of another configuration was accepted")
	}
}
