package report

import (
	"fmt"
	"math"
	"time"

	"github.com/canarize/canarize/internal/chart"
	"github.com/canarize/canarize/internal/rollout"
)

// metricRow is a row in the table of metrics.
type metricRow struct{ Name, Canary, Stable, Ratio, Harm, Safe string }

func (r Report) metrics() []metricRow {
	if r.Judge == nil || len(r.Judge.Observations) == 0 {
		return nil
	}
	var rows []metricRow
	for _, m := range r.Judge.Observations[len(r.Judge.Observations)-1].Metrics {
		row := metricRow{Name: m.Name, Canary: counted(m.Canary), Stable: counted(m.Stable), Ratio: "unknown", Harm: short(m.Harm), Safe: short(m.Safe)}
		if m.Ratio != nil {
			row.Ratio = short(*m.Ratio) + " times"
		}
		if m.Ratio != nil && m.Low != nil && m.High != nil {
			row.Ratio += fmt.Sprintf(" (%s to %s)", short(*m.Low), short(*m.High))
		}
		rows = append(rows, row)
	}
	return rows
}

func short(v float64) string { return fmt.Sprintf("%.3g", v) }

// counted formats a count as "BAD bad of TOTAL".
func counted(c rollout.Count) string {
	return fmt.Sprintf("%d bad of %d (%s %%)", c.Bad, c.Total, short(percent(c)))
}

// percent returns the percentage of bad requests.
func percent(c rollout.Count) float64 {
	if c.Total == 0 {
		return 0
	}
	return 100 * float64(c.Bad) / float64(c.Total)
}

// charts returns SVG charts: the weight over time, and two for each metric.
func (r Report) charts() [][]byte {
	events, _ := r.events()
	if len(events) == 0 {
		return nil
	}
	since := func(t time.Time) float64 { return max(t.Sub(r.Started).Seconds(), 0) }
	end := since(events[len(events)-1].Time)
	weight := chart.Curve{Name: "requested; a mark shows where the share was verified", Step: true, Points: []chart.Point{{}}}
	most := 10.0
	for _, e := range events {
		seen := e.Kind == rollout.EventPhase && e.Phase == rollout.Standing
		weight.Points = append(weight.Points, chart.Point{X: since(e.Time), Y: float64(e.Weight), Strong: seen})
		most = max(most, float64(e.Weight))
	}
	if r.Judge != nil && len(r.Judge.Observations) > 0 {
		end = max(end, since(r.Judge.Observations[len(r.Judge.Observations)-1].Time))
	}
	all := [][]byte{chart.Lines("Weight of the canary", end, chart.Scale{Label: "time since the release began", Unit: " %", High: most}, []chart.Curve{weight}, nil)}
	if r.Judge == nil {
		return all
	}
	for _, m := range r.metrics() {
		all = append(all, r.Judge.draw(m.Name, end, since)...)
	}
	return all
}

// draw draws the bad ratios of both versions of a metric, and its evidence.
func (j Judge) draw(name string, end float64, since func(time.Time) float64) [][]byte {
	ratios := []chart.Curve{{Name: "stable"}, {Name: "canary"}}
	evidence := []chart.Curve{{Name: "of health"}, {Name: "of harm"}}
	worst, most := 0.1, max(j.Reject, j.Promote, 10)
	add := func(c *chart.Curve, t time.Time, v float64) {
		if !math.IsNaN(v) {
			c.Points = append(c.Points, chart.Point{X: since(t), Y: v})
		}
	}
	for _, o := range j.Observations {
		for _, m := range o.Metrics {
			if m.Name != name {
				continue
			}
			add(&ratios[0], o.Time, percent(m.Stable))
			add(&ratios[1], o.Time, percent(m.Canary))
			add(&evidence[0], o.Time, m.Safe)
			add(&evidence[1], o.Time, m.Harm)
			worst = max(worst, percent(m.Stable), percent(m.Canary))
			most = max(most, min(m.Harm, 1e12), min(m.Safe, 1e12))
		}
	}
	var levels []chart.Level
	for _, l := range []chart.Level{{Name: "promotes if every metric reaches it", Y: j.Promote}, {Name: "rejects", Y: j.Reject}} {
		if l.Y > 0 {
			levels = append(levels, l)
		}
	}
	const label = "time since the release began"
	return [][]byte{
		chart.Lines(name+": bad requests since the release began", end, chart.Scale{Label: label, Unit: " %", High: worst}, ratios, nil),
		chart.Lines(name+": evidence; 1 is none", end, chart.Scale{Label: label, Low: 0.1, High: most}, evidence, levels),
	}
}
