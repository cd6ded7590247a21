package report

import (
	"fmt"
	"math"
	"time"

	"github.com/canarize/canarize/internal/chart"
	"github.com/canarize/canarize/internal/rollout"
)

// figure is a chart with its title. Large is a drawing for wide pages; nil if the chart is
// always small.
type figure struct {
	Title        string
	Small, Large []byte
}

// The sizes of drawings. Text keeps its size, so a small one fits a phone or a column.
const (
	smallWidth, smallHeight = 360.0, 240.0
	largeWidth, largeHeight = 800.0, 320.0

	axisLabel = "time since the release began"
)

// mostCharted is the number of metrics that get charts. The table has all.
const mostCharted = 4

// timeline is what all charts of a report have in common.
type timeline struct {
	started time.Time
	end     float64 // seconds
	moment  *chart.Moment
}

func (t timeline) since(at time.Time) float64 { return max(at.Sub(t.started).Seconds(), 0) }

// plot draws a chart without its title.
func (t timeline) plot(p chart.Plot, width, height float64) []byte {
	p.Seconds, p.Moment, p.Width, p.Height = t.end, t.moment, width, height
	p.Y.Label = axisLabel
	return p.SVG()
}

func (t timeline) small(p chart.Plot) figure {
	return figure{Title: p.Title, Small: t.plot(p, smallWidth, smallHeight)}
}

// timeline returns what the charts have in common: they begin with the release, end with
// its last event or look, and mark the decision.
func (r Report) timeline(events []rollout.Event) timeline {
	t := timeline{started: r.Started}
	if len(events) > 0 {
		t.end = t.since(events[len(events)-1].Time)
	}
	if look, known := r.last(); known {
		t.end = max(t.end, t.since(look.Time))
	}
	if at, name, known := r.decisionMark(events); known {
		t.moment = &chart.Moment{Name: name, X: t.since(at)}
	}
	return t
}

// charts returns the chart that decided, large, and the others.
func (r Report) charts() (deciding *figure, others []figure) {
	events, _ := r.events()
	metrics := rollout.Notable(r.ordered(), partsCharted)
	if len(events) == 0 && len(metrics) == 0 {
		return nil, nil
	}
	t := r.timeline(events)
	large := func(p chart.Plot) *figure {
		f := t.small(p)
		f.Large = t.plot(p, largeWidth, largeHeight)
		return &f
	}
	weight := weightPlot(t, events)
	for i, m := range metrics[:min(len(metrics), mostCharted)] {
		difference, rates, evidence := r.Judge.plots(t, m)
		switch {
		case i == 0 && len(difference.Intervals) > 0:
			deciding = large(difference)
			others = append(others, t.small(rates))
		case i == 0:
			deciding = large(rates)
		case len(difference.Intervals) > 0:
			others = append(others, t.small(difference))
		default:
			others = append(others, t.small(rates))
		}
		others = append(others, t.small(evidence))
	}
	switch {
	case len(events) == 0:
	case deciding == nil:
		deciding = large(weight)
	default:
		others = append([]figure{t.small(weight)}, others...)
	}
	return deciding, others
}

// weightPlot plots the weight of the canary.
func weightPlot(t timeline, events []rollout.Event) chart.Plot {
	weight := chart.Curve{Name: "weight; a dot: verified", Step: true, Points: []chart.Point{{}}}
	most := 10.0
	for _, e := range events {
		seen := e.Kind == rollout.EventPhase && e.Phase == rollout.Standing
		weight.Points = append(weight.Points, chart.Point{X: t.since(e.Time), Y: float64(e.Weight), Strong: seen && e.Proof != rollout.ByModelAlone})
		most = max(most, min(float64(e.Weight), 100))
	}
	return chart.Plot{Title: "Weight of the canary", Y: chart.Scale{Unit: " %", High: most}, Curves: []chart.Curve{weight}}
}

// plots returns the plots of a metric: the difference of both versions with its interval,
// the percentages of both, and the evidence.
func (j Judge) plots(t timeline, wanted rollout.Metric) (differences, rates, evidence chart.Plot) {
	what := "bad requests"
	if wanted.Events {
		what = "events"
	}
	differences = chart.Plot{Title: wanted.Name + ": " + what + ", canary − stable, in percentage points", IntervalName: "difference with its 95 % interval"}
	rates = chart.Plot{Title: wanted.Name + ": " + what + " since the release began", Curves: []chart.Curve{{Name: "stable"}, {Name: "canary"}}}
	evidence = chart.Plot{Title: wanted.Name + ": evidence of health and of harm", Curves: []chart.Curve{{Name: "of health"}, {Name: "of harm"}}}
	low, high, worst, most := 0.0, 0.1, 0.1, max(j.Reject, j.Promote, 10)
	for _, o := range j.Observations {
		for _, m := range o.Metrics {
			if m.Name != wanted.Name {
				continue
			}
			x := t.since(o.Time)
			if d, known := DifferenceOf(m); known {
				differences.Intervals = append(differences.Intervals, chart.Interval{X: x, Low: d.Low, Y: d.Value, High: d.High})
			}
			for i, v := range []float64{percent(m.Stable), percent(m.Canary)} {
				rates.Curves[i].Points = append(rates.Curves[i].Points, chart.Point{X: x, Y: v})
			}
			for i, v := range []float64{m.Safe, m.Harm} {
				evidence.Curves[i].Points = append(evidence.Curves[i].Points, chart.Point{X: x, Y: v})
			}
			worst = max(worst, percent(m.Stable), percent(m.Canary))
			most = max(most, min(m.Harm, 1e12), min(m.Safe, 1e12))
		}
	}
	low, high = visible(differences.Intervals)
	differences.Y, rates.Y = chart.Scale{Low: low, High: high}, chart.Scale{Unit: " %", High: worst}
	evidence.Y = chart.Scale{Low: 0.1, High: most}
	for _, l := range []chart.Level{{Name: fmt.Sprintf("%s of health: enough to promote", Short(j.Promote)), Y: j.Promote}, {Name: fmt.Sprintf("%s of harm: rejects", Short(j.Reject)), Y: j.Reject}} {
		if l.Y > 0 {
			evidence.Levels = append(evidence.Levels, l)
		}
	}
	return differences, rates, evidence
}

// visible returns the values that the axis of the intervals needs. The first intervals are
// very wide, and would hide the others: they may reach beyond the axis.
func visible(all []chart.Interval) (low, high float64) {
	low, high = -0.1, 0.1
	for i, v := range all {
		low, high = min(low, v.Y), max(high, v.Y)
		if i >= len(all)/4 {
			low, high = min(low, v.Low), max(high, v.High)
		}
	}
	return math.Max(low, -100), math.Min(high, 100)
}
