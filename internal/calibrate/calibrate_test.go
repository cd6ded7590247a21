package calibrate

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate"
)

func (c *Calibration) warned(text string) bool {
	return strings.Contains(strings.Join(c.Warnings, "\n"), text)
}

// TestPromiseHolds checks the judge's promise on requests that are independent of each other,
// and that values that fit are kept.
func TestPromiseHolds(t *testing.T) {
	for name, w := range map[string]world{
		"0.1 %":              {pods: 6, perSecond: 60, bad: .001, hours: 3},
		"1 %":                {pods: 10, perSecond: 100, bad: .01, hours: 3},
		"20 %":               {pods: 5, perSecond: 60, bad: .2, hours: 3},
		"no errors":          {pods: 3, perSecond: 60, hours: 3},
		"slow ones":          {pods: 10, perSecond: 100, bad: .001, slow: .02, hours: 3},
		"uneven":             {pods: 6, perSecond: 60, bad: .01, uneven: .9, hours: 3},
		"missing scrapes":    {pods: 6, perSecond: 60, bad: .01, missed: .03, hours: 3},
		"scraped rarely":     {pods: 6, perSecond: 60, bad: .01, rarely: true, hours: 4},
		"half of them ended": {pods: 8, perSecond: 80, bad: .01, gone: true, hours: 3},
	} {
		t.Run(name, func(t *testing.T) {
			c := calibrated(t, w, nil)
			if c.Now.Rejected.Low > 100*c.Alpha || c.Now.Rejected.Percent > 2 {
				t.Errorf("%.1f %% were rejected", c.Now.Rejected.Percent)
			}
			if c.Now.Promoted.Percent < 95 || c.Now.ToPromote == nil || c.Now.ToPromote.Minutes > 13 {
				t.Errorf("%+v, %+v", c.Now, c.Now.ToPromote)
			}
			if c.Fitted != nil {
				t.Errorf("values were changed: %+v", c.Metrics)
			}
			if c.warned("scraped less often than once in an interval of 15s, so an interval has 1m0s") != w.rarely {
				t.Errorf("%q", c.Warnings)
			}
			if c.warned("no request was bad") != (w.bad == 0) || w.missed == 0 && c.warned("differ") {
				t.Errorf("%q", c.Warnings)
			}
		})
	}
}

// TestAgreesWithSimulation compares pretended releases with simulated ones of the same
// traffic. With few pods, some requests are thinned away, so promotions take a little longer.
func TestAgreesWithSimulation(t *testing.T) {
	c := calibrated(t, world{pods: 10, perSecond: 10, bad: .01, hours: 6}, nil)
	all, err := simulate.Parse("same.yml", []byte("name: same\nrequests: 10\nmetrics: {errors: {stable: 1, canary: 1}}\nhistory: 30m\npods: {stable: 10, canary: 2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	same, err := simulate.Every(t.Context(), simulate.Options{Scenarios: all, Config: analysis.Default(), Runs: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if ratio := c.Now.ToPromote.Minutes / same[0].ToPromote.Minutes; ratio < .9 || ratio > 1.3 {
		t.Errorf("the median promotion takes %v minutes, simulated %v", c.Now.ToPromote.Minutes, same[0].ToPromote.Minutes)
	}
	if off := same[0].Promoted.Percent - c.Now.Promoted.Percent; off < -5 || off > 10 {
		t.Errorf("%v %% are promoted, simulated %v %%", c.Now.Promoted.Percent, same[0].Promoted.Percent)
	}
}

// TestBursts checks that a service is named whose pods have bursts, and that nothing is
// proposed that makes it worse.
func TestBursts(t *testing.T) {
	c := calibrated(t, world{pods: 3, perSecond: 40, bad: .002, burst: .01, hours: 3}, func(o *Options) { o.Runs = 100 })
	if !c.warned("errors: the pods differ") || !c.warned("bad requests come in bursts") || !c.warned("they differ too much between pods or times") {
		t.Errorf("%q", c.Warnings)
	}
	if c.Now.Promoted.Percent > 90 || c.Metrics[0].Spread < 10 || c.Fitted != nil && c.Fitted.Promoted.Runs < c.Now.Promoted.Runs {
		t.Errorf("%+v, then %+v; %+v", c.Now, c.Fitted, c.Metrics)
	}
}

// TestStarts checks how long pods are worse after a start.
func TestStarts(t *testing.T) {
	c := calibrated(t, world{pods: 8, perSecond: 100, bad: .01, hours: 3, cold: 8, coldBad: .1}, nil)
	if m := c.Metrics[0]; m.Starts != 2 || m.Cold == nil || *m.Cold < 120 || *m.Cold > 150 || m.FittedWarmup != *m.Cold || c.Fitted == nil {
		t.Errorf("%+v, cold for %v", m, m.Cold)
	}
	if c.warned("no pod started") || c.warned("differ") {
		t.Errorf("%q", c.Warnings)
	}
	c = calibrated(t, world{pods: 8, perSecond: 100, bad: .01, hours: 3, cold: 8, coldBad: .01}, nil)
	if m := c.Metrics[0]; m.Starts != 2 || m.Cold == nil || *m.Cold != 0 || m.FittedWarmup != 30 {
		t.Errorf("%+v, cold for %v", m, m.Cold)
	}
	c = calibrated(t, world{pods: 8, perSecond: 100, bad: .01, hours: 3, cold: 1000, coldBad: .05}, nil)
	if m := c.Metrics[0]; m.Starts != 2 || m.Cold == nil || *m.Cold != 0 || !c.warned("pod web-0") || !c.warned("is worse all the time") {
		t.Errorf("pods that stay worse: %+v, cold for %v; %q", m, m.Cold, c.Warnings)
	}
	c = calibrated(t, world{pods: 8, perSecond: 100, bad: .01, hours: .8, cold: 1000, coldBad: .05}, nil)
	if !c.warned("is worse all the time") {
		t.Errorf("pods that stay worse, for a short time: %q", c.Warnings)
	}
	c = calibrated(t, world{pods: 4, perSecond: 100, bad: .01, hours: 2}, nil)
	if m := c.Metrics[0]; m.Starts != 0 || m.Cold != nil || m.FittedWarmup != 30 || !c.warned("no pod started") {
		t.Errorf("%+v, %q", m, c.Warnings)
	}
}

// TestLowTraffic checks that a margin is found with which releases are promoted within the
// bake, and that it is no larger than necessary.
func TestLowTraffic(t *testing.T) {
	w := world{pods: 6, perSecond: 6, bad: .01, hours: 5}
	c := calibrated(t, w, nil)
	if c.Now.Promoted.Percent > 95 || c.Now.Causes[analysis.LowTraffic]+c.Now.Causes[NoEvidence] == 0 {
		t.Errorf("%+v", c.Now)
	}
	m := c.Metrics[0]
	if c.Fitted == nil || c.Fitted.Promoted.Percent < leastPromoted || c.Fitted.ToPromote.Minutes > 12 || m.FittedMargin <= .5 || m.FittedMargin > 3 {
		t.Fatalf("%+v, %+v", m, c.Fitted)
	}
	w.perSecond, w.bad = .2, .05
	c = calibrated(t, w, func(o *Options) { o.Runs = 50 })
	if c.Fitted != nil || !c.warned("even a margin of 5 points does not lead to a promotion before the deadline") {
		t.Errorf("%+v, %q", c.Fitted, c.Warnings)
	}
}

// TestSameSeed checks that the seed determines everything, with any number of cores.
func TestSameSeed(t *testing.T) {
	w := world{pods: 6, perSecond: 30, bad: .01, slow: .01, hours: 2}
	text := func(seed uint64) string {
		all, err := json.Marshal(calibrated(t, w, func(o *Options) { o.Seed, o.Runs = seed, 50 }))
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	first := text(1)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if again := text(1); again != first {
		t.Errorf("%s\n%s", first, again)
	}
	if text(2) == first {
		t.Error("another seed gave the same result")
	}
}

// TestHarmIsFound checks that the pretended releases are not blind: a pod that is clearly
// worse is noticed when it plays the canary.
func TestHarmIsFound(t *testing.T) {
	o := Options{Past: world{pods: 4, perSecond: 60, bad: .001, hours: 2}.past(), Config: analysis.Default(), Runs: 100, Seed: 1}
	for i := range o.Past.Pods[0].Steps {
		if s := &o.Past.Pods[0].Steps[i]; s.Measured {
			s.Ratios[0].Bad = s.Ratios[0].Total / 10
		}
	}
	c, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if c.Now.Rejected.Runs < 10 || c.Metrics[0].Parts[0].Rejected != c.Now.Rejected.Runs || !c.warned("more than alpha promises") || !c.warned("pod web-00 is worse all the time, with 9.") {
		t.Errorf("%+v, %q", c.Now, c.Warnings)
	}
}

func TestManualRamp(t *testing.T) {
	c := calibrated(t, world{pods: 6, perSecond: 60, bad: .005, hours: 3}, func(o *Options) {
		o.Config.Ramp.Steps = []analysis.Step{{Weight: 1, Hold: 60}, {Weight: 10, Hold: 120}, {Weight: 50, Hold: 120}}
		o.CanaryPods = 2
	})
	if c.Now.Rejected.Runs > 1 || c.Now.Promoted.Percent < 95 {
		t.Errorf("%+v", c.Now)
	}
}

func TestLimit(t *testing.T) {
	c := calibrated(t, world{pods: 6, perSecond: 60, bad: .02, hours: 2}, func(o *Options) {
		o.Config.Limits = []analysis.Limit{{Metric: "errors", Max: 1, Requests: 1000}}
	})
	if c.Now.Rejected.Percent < 90 || !c.warned("spec.analysis.limits") || c.FittedAlpha != c.Alpha {
		t.Errorf("%+v, %q", c.Now, c.Warnings)
	}
}

func TestTooLittle(t *testing.T) {
	for says, w := range map[string]world{
		"at most 2 pods of stable ran at one time, and at least 3 are needed":               {pods: 2, perSecond: 10, hours: 3},
		"the history is too short: it has 15m0s, and at least 20m0s are needed":             {pods: 5, perSecond: 10, hours: .25},
		"at most 0 pods of stable ran at one time, and at least 3 are needed: one plays th": {hours: 1},
	} {
		_, err := Run(t.Context(), Options{Past: w.past(), Config: analysis.Default(), Runs: 10})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
