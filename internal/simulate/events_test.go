package simulate

import (
	"slices"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
)

// firstHold records when events first held a release, in minutes.
type firstHold struct {
	*analysis.Judge
	at float64
}

func (h *firstHold) Observe(o analysis.Observation) analysis.Decision {
	d := h.Judge.Observe(o)
	if d.Cause == analysis.Differs && h.at == 0 {
		h.at = o.Time / 60
	}
	return d
}

// TestClientErrors checks how often refusals of a healthy version hold it in an hour, and how
// soon those that appear or vanish do. The seeds are fixed; the limits leave room for others.
func TestClientErrors(t *testing.T) {
	crawler := Client{Every: 5 * time.Minute, For: 20 * time.Second, Requests: 30}
	for _, c := range []struct {
		name        string
		of          EventRatio
		most, least float64 // percent of the releases held
		median      float64 // minutes until they are
	}{
		{"healthy, 2 %", EventRatio{Stable: 2, Canary: 2}, 1.5, 0, 60},
		{"healthy, 0.02 %", EventRatio{Stable: .02, Canary: .02}, 1.5, 0, 60},
		{"healthy, 2 % and a crawler", EventRatio{Stable: 2, Canary: 2, Client: crawler}, 1.5, 0, 60},
		{"healthy, 0 % and a crawler", EventRatio{Client: crawler}, 1.5, 0, 60},
		{"2 → 3 %", EventRatio{Stable: 2, Canary: 3}, 100, 75, 12},
		{"2 → 0.5 %", EventRatio{Stable: 2, Canary: .5}, 100, 98, 6},
		{"0 → 1 %", EventRatio{Canary: 1}, 100, 98, 4},
		{"1 → 0 %", EventRatio{Stable: 1}, 100, 98, 6},
		{"0 → 1 % and a crawler", EventRatio{Canary: 1, Client: crawler}, 100, 90, 6},
		{"every request", EventRatio{Stable: 2, Canary: 100}, 100, 100, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Scenario{Name: "x", Requests: 100, Interval: 15 * time.Second, Deadline: time.Hour, Metrics: map[string]Ratio{"errors": {Stable: .1, Canary: .1}}, Events: map[string]EventRatio{analysis.ClientErrors: c.of}}
			config := analysis.Default()
			if !s.Harmful() {
				config.Bake = 3600 // an hour without a promotion
			}
			const runs = 200
			when, err := Many(t.Context(), runs, func(run uint64) float64 {
				j, err := analysis.New(config)
				if err != nil {
					panic(err)
				}
				h := firstHold{Judge: j}
				Run(&s, &h, 7, run)
				return h.at
			})
			if err != nil {
				t.Fatal(err)
			}
			when = slices.DeleteFunc(when, func(minutes float64) bool { return minutes == 0 })
			slices.Sort(when)
			held := 100 * float64(len(when)) / runs
			if held > c.most || held < c.least {
				t.Errorf("%.1f %% held", held)
			}
			if len(when) > 0 && when[len(when)/2] > c.median {
				t.Errorf("held after %.1f minutes", when[len(when)/2])
			}
		})
	}
}

// TestEventsAddUp checks that events are shown once, also after gaps, and that there are as many
// as their percentage and the clients make likely.
func TestEventsAddUp(t *testing.T) {
	s := Scenario{
		Name: "x", Requests: 100, Interval: 15 * time.Second, Deadline: 4 * time.Hour,
		Metrics: map[string]Ratio{"errors": {}}, Gaps: Gaps{Chance: .1, Arm: "canary"},
		Events: map[string]EventRatio{
			"plain":   {Stable: 2, Canary: 8, After: 2 * time.Hour},
			"crawled": {Client: Client{Every: 10 * time.Minute, For: 10 * time.Minute, Requests: 50}},
		},
	}
	canary, stable, crawled := 0., 0., 0.
	outcome := Run(&s, &constant{weight: 50, until: 1e9, see: func(o analysis.Observation) {
		plain := o.Events["plain"]
		canary, stable = canary+float64(max(plain.Canary, 0)), stable+float64(max(plain.Stable, 0))
		crawled += float64(max(o.Events["crawled"].Canary, 0) + max(o.Events["crawled"].Stable, 0))
	}}, 1, 1)
	half := float64(outcome.Served) / 2
	near(t, "canary", canary, half, .05, 3)
	near(t, "stable", stable, half, .02, 3)
	if crawlers := float64(outcome.Served) - 100*4*3600; crawled < .98*crawlers || crawled > 1.02*crawlers || crawlers < 50*3600 {
		t.Errorf("%.0f events in %.0f requests of crawlers", crawled, crawlers)
	}
}
