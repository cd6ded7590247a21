package simulate

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/analysis"
)

// TestFaults holds the judge to what it once failed at: attacks that real services make. The
// seeds are fixed, so the outcomes are too; the limits leave room for other seeds.
func TestFaults(t *testing.T) {
	const always = 100.
	for _, c := range []struct {
		scenario                         string
		profile                          analysis.Profile
		rejected, promoted, least, worst float64 // percent at most, percent at most, percent promoted at least, bad requests at most
	}{
		{scenario: "cold-cache", rejected: 1, promoted: always, least: 98, worst: always},
		{scenario: "pod-recovers", rejected: 1, promoted: always, least: 97, worst: always},
		{scenario: "bad-pod", rejected: 5, promoted: 0, worst: 45},
		{scenario: "bad-pods-2-of-4", rejected: always, promoted: 0, worst: 35},
		{scenario: "half", rejected: always, promoted: 0, worst: 30},
		{scenario: "memory", rejected: 1, promoted: 4, worst: always},
		{scenario: "memory-healthy", rejected: 1, promoted: always, least: 98, worst: always},
		{scenario: "bursty-long", rejected: 1, promoted: always, least: 80, worst: always},
		{scenario: "bursty-5m", rejected: 4, promoted: always, least: 50, worst: always},
		{scenario: "internal-calls", rejected: 1, promoted: 0, worst: always},
		{scenario: "internal-calls", profile: analysis.FastProfile, rejected: 3, promoted: 0, worst: always},
		{scenario: "internal-errors", rejected: always, promoted: 0, worst: always},
		{scenario: "internal-errors", profile: analysis.FastProfile, rejected: always, promoted: 0, worst: 75},
	} {
		t.Run(strings.TrimSuffix(c.scenario+" "+string(c.profile), " "), func(t *testing.T) {
			s, err := Find(c.scenario)
			if err != nil {
				t.Fatal(err)
			}
			config, err := analysis.ForProfile(cmp.Or(c.profile, analysis.BakeProfile))
			if err != nil {
				t.Fatal(err)
			}
			sum := summary(t, s, config, 200)
			if sum.Rejected.Percent > c.rejected || sum.Promoted.Percent > c.promoted || sum.Promoted.Percent < c.least || sum.Excess.Mean > c.worst {
				t.Errorf("rejected %.1f %%, promoted %.1f %%, %.0f bad requests", sum.Rejected.Percent, sum.Promoted.Percent, sum.Excess.Mean)
			}
		})
	}
}

func summary(t *testing.T, s Scenario, c analysis.Config, runs int) Summary {
	t.Helper()
	outcomes, err := Repeat(t.Context(), &s, func() Decider {
		j, err := analysis.New(c)
		if err != nil {
			panic(err)
		}
		return j
	}, runs, 1)
	if err != nil {
		t.Fatal(err)
	}
	return Summarize(outcomes)
}

// TestRoutes checks that forty metrics of routes, which are guards, do not keep a healthy release
// from its promotion, and that a rare route that always fails is found and named.
func TestRoutes(t *testing.T) {
	c := analysis.Default()
	s := Scenario{Name: "routes", Requests: 100, Interval: 15e9, Deadline: 3600e9, Metrics: map[string]Ratio{"errors": {Stable: .2, Canary: .2}}}
	for i := range 40 {
		name, of := fmt.Sprintf("errors{route=%d}", i), 2.5
		s.Metrics[name] = Ratio{Stable: .2, Canary: .2, Of: &of}
	}
	if sum := summary(t, s, c, 50); sum.Rejected.Runs > 1 || sum.Promoted.Runs < 48 || sum.ToPromote.Minutes > 15 {
		t.Errorf("healthy: %+v", sum)
	}
	deciders := c
	deciders.Roles = map[string]analysis.Role{"errors{route}": analysis.Decider}
	if sum := summary(t, s, deciders, 10); sum.Promoted.Runs > 0 {
		t.Error("the routes prove their health in an hour; then guards are not needed")
	}

	rare := .5
	s.Metrics["errors{route=7}"] = Ratio{Stable: .2, Canary: 100, Of: &rare}
	if sum := summary(t, s, c, 50); sum.Promoted.Runs > 5 {
		t.Errorf("a route fails: %+v", sum)
	}
	named := 0
	for run := range uint64(20) {
		j, err := analysis.New(c)
		if err != nil {
			t.Fatal(err)
		}
		if Run(&s, j, 2, run); strings.HasPrefix(j.Standing().Reason, "errors{route=7}: ") {
			named++
		}
	}
	if named < 15 {
		t.Errorf("%d of 20 rejections name the route", named)
	}
}

// heard records the causes and reasons of a judge's decisions.
type heard struct {
	*analysis.Judge
	causes  map[analysis.Cause]int
	reasons map[string]int
}

func (h heard) Observe(o analysis.Observation) analysis.Decision {
	d := h.Judge.Observe(o)
	h.causes[d.Cause]++
	h.reasons[d.Reason]++
	return d
}

// TestWords checks that a release with 100 requests a second is never held for a lack of
// requests, although bursts of bad requests keep it undecided for an hour.
func TestWords(t *testing.T) {
	s, err := Find("bursty-1")
	if err != nil {
		t.Fatal(err)
	}
	all := heard{causes: map[analysis.Cause]int{}, reasons: map[string]int{}}
	for run := range uint64(20) {
		if all.Judge, err = analysis.New(analysis.Default()); err != nil {
			t.Fatal(err)
		}
		Run(&s, all, 1, run)
	}
	noise := 0
	for reason, n := range all.reasons {
		if strings.HasPrefix(reason, "Bad requests come in bursts") {
			noise += n
		}
	}
	if all.causes[analysis.LowTraffic] > 0 || noise == 0 {
		t.Errorf("%d decisions for low traffic, %d for bursts", all.causes[analysis.LowTraffic], noise)
	}
}
