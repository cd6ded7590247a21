package metric_test

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// process is a pod that counts and may restart.
type process struct {
	name       string
	arm        metric.Arm
	epoch      int
	bad, total float64
}

// TestTrackerCountsEveryRequest checks that no request is lost or invented, as
// long as every process is read before it restarts. Targets may sometimes not
// answer, and scrapes may come at any time.
func TestTrackerCountsEveryRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		judge, err := analysis.New(analysis.Default())
		if err != nil {
			t.Fatal(err)
		}
		tracker := metric.NewTracker(ratio(), begin())
		var processes []*process
		var served, counted [2][2]float64 // by arm; bad, total
		add := func() {
			arm := rapid.SampledFrom(metric.Arms()).Draw(t, "arm")
			processes = append(processes, &process{name: fmt.Sprint("pod-", len(processes)), arm: arm})
		}
		index := func(arm metric.Arm) int {
			if arm == metric.Canary {
				return 0
			}
			return 1
		}
		epochs := rapid.Bool().Draw(t, "epochs are known")
		add()
		read := func(seconds int, failing bool) {
			r := metric.Reading{At: at(float64(seconds)), Complete: true}
			for _, p := range processes {
				target := metric.Target{Name: p.name, Arms: []metric.Arm{p.arm}}
				if epochs {
					target.Epoch = fmt.Sprint(p.epoch)
				}
				if failing && rapid.Bool().Draw(t, "fails") {
					target.Err = errors.New("connection refused")
				} else {
					target.Scrapes = []metric.Scrape{{Time: r.At, Values: errorsOf(p.arm, p.name, p.bad, p.total)}}
				}
				r.Targets = append(r.Targets, target)
			}
			out := tracker.Observe(r, metric.Weight{Percent: 5})
			if !out.Ready {
				t.Fatalf("a reading of everything is early: %+v", out)
			}
			for _, arm := range metric.Arms() {
				pair := out.Observation.Metrics["errors"]
				a := pair.Canary
				if arm == metric.Stable {
					a = pair.Stable
				}
				if a != nil {
					counted[index(arm)][0] += float64(a.Bad)
					counted[index(arm)][1] += float64(a.Total)
				}
			}
			if d := judge.Observe(out.Observation); d.Error != "" {
				t.Fatalf("%+v: %s", out.Observation, d.Error)
			}
		}
		read(0, false)
		n := rapid.IntRange(1, 20).Draw(t, "intervals")
		for i := 1; i <= n; i++ {
			if rapid.IntRange(0, 3).Draw(t, "more") == 0 {
				add()
			}
			for _, p := range processes {
				total := rapid.IntRange(0, 50).Draw(t, "total")
				bad := rapid.IntRange(0, total).Draw(t, "bad")
				p.bad, p.total = p.bad+float64(bad), p.total+float64(total)
				served[index(p.arm)][0] += float64(bad)
				served[index(p.arm)][1] += float64(total)
			}
			last := i == n
			read(15*i, !last)
			if restarting := rapid.SampledFrom(processes).Draw(t, "who"); epochs && last && rapid.Bool().Draw(t, "restarts") {
				*restarting = process{name: restarting.name, arm: restarting.arm, epoch: restarting.epoch + 1, bad: 1, total: 1}
				served[index(restarting.arm)][0]++
				served[index(restarting.arm)][1]++
				read(15*(i+1), false)
			}
		}
		if served != counted {
			t.Errorf("served %v, counted %v", served, counted)
		}
	})
}
