package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// wellFormed parses SVG to its end.
func wellFormed(text []byte) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// TestForeignText: whatever the labels contain, the chart is well-formed XML and the
// labels are plain text in it.
func TestForeignText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.String().Draw(t, "label")
		part := rapid.Float64Range(0, 100).Draw(t, "part")
		for _, text := range [][]byte{
			Bars(label, []string{label}, []Bar{{Label: label, Parts: []float64{part, part}, Note: label}}),
			Plot{
				Title: label, Seconds: part, Y: Scale{Label: label, Unit: label, High: 100}, Curves: []Curve{{Name: label, Points: []Point{{X: part, Y: part, Strong: true}}}}, Levels: []Level{{Name: label, Y: part}},
				Intervals: []Interval{{X: part, Low: -part, High: part}}, IntervalName: label, Moment: &Moment{Name: label, X: part}, Width: 360, Height: 240,
			}.SVG(),
			Scatter(label, label, Axis{Label: label, Low: 1, High: 10}, Axis{Low: 1, High: 10}, []Series{{Name: label, Points: []Point{{X: part, Y: part}}}}),
		} {
			if err := wellFormed(text); err != nil {
				t.Fatalf("%q: %v", label, err)
			}
		}
	})
	if text := string(Bars("<script>", nil, nil)); strings.Contains(text, "<script>") {
		t.Error(text)
	}
}

func TestBars(t *testing.T) {
	text := string(Bars("t", []string{"promoted", "rejected"}, []Bar{{Label: "x", Parts: []float64{25, 75, 5}}}))
	for _, want := range []string{`width="80" height="16" fill="#009e73"`, `width="240" height="16" fill="#d55e00"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if strings.Contains(text, `width="16" height="16"`) {
		t.Error("a part without a name was drawn")
	}
}

func TestAxis(t *testing.T) {
	a := Axis{Low: 0.1, High: 100, Unit: " %"}
	for _, c := range []struct{ v, want float64 }{{0, 22}, {0.09, 22}, {0.1, 44}, {1, 344}, {10, 644}, {100, 944}, {1000, 944}} {
		if have := a.offset(c.v, 944); math.Abs(have-c.want) > 1e-9 {
			t.Errorf("%v is at %v instead of %v", c.v, have, c.want)
		}
	}
	var ticks []string
	for _, v := range a.ticks() {
		ticks = append(ticks, a.tick(v))
	}
	if have := strings.Join(ticks, ", "); have != "0.1 %, 1 %, 10 %, 100 %" {
		t.Error(have)
	}
	if have := a.tick(12000); have != "12,000 %" {
		t.Error(have)
	}
}

// TestBest: the staircase omits points that another point beats.
func TestBest(t *testing.T) {
	var c canvas
	axis := Axis{Low: 1, High: 1000}
	drawBest(&c, axis, axis, []Point{{X: 100, Y: 10}, {X: 10, Y: 100}, {X: 100, Y: 100}, {X: 1000, Y: 10}}, 0)
	if text := c.String(); strings.Count(text, "V") != 1 || strings.Count(text, "H") != 1 {
		t.Errorf("not one stair: %s", text)
	}
}

func TestScale(t *testing.T) {
	for _, c := range []struct {
		scale Scale
		ticks string
		value float64
		part  float64
	}{
		{Scale{High: 100, Unit: " %"}, "0 %, 20 %, 40 %, 60 %, 80 %, 100 %", 25, .25},
		{Scale{High: 0.3}, "0, 0.1, 0.2, 0.3", 0.1, 1. / 3},
		{Scale{High: 5}, "0, 1, 2, 3, 4, 5", 9, 1},
		{Scale{Low: -3, High: 7}, "−5, 0, 5, 10", 1, .4},
		{Scale{Low: -0.1, High: 0}, "−0.1, −0.08, −0.06, −0.04, −0.02, 0", 0, 1},
		{Scale{}, "0, 0.2, 0.4, 0.6, 0.8, 1", 1, 1},
		{Scale{Low: 0.1, High: 1000}, "0.1, 1, 10, 100, 1000", 10, .5},
		{Scale{Low: 0.1, High: 1e9}, "0.1, 10, 1000, 100000, 10^7, 10^9", 0, 0},
	} {
		s := c.scale.round()
		var ticks []string
		for _, v := range s.ticks() {
			ticks = append(ticks, s.tick(v))
		}
		if have := strings.Join(ticks, ", "); have != c.ticks {
			t.Errorf("%+v: ticks %s, expected %s", c.scale, have, c.ticks)
		}
		if have := s.part(c.value); math.Abs(have-c.part) > 1e-9 {
			t.Errorf("%+v: %v is at %v instead of %v", c.scale, c.value, have, c.part)
		}
	}
}

// TestTimes: any time span yields at most nine round ticks.
func TestTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Float64Range(1, 1e9).Draw(t, "seconds")
		if n := seconds / span(seconds, 8); n > 8.001 {
			t.Errorf("%v ticks", n)
		}
	})
	for seconds, want := range map[float64]string{0: "0", 45: "45 s", 90: "90 s", 120: "2 min", 5400: "90 min", 7200: "2 h", 172800: "2 d"} {
		if have := moment(seconds); have != want {
			t.Errorf("%v seconds are %q instead of %q", seconds, have, want)
		}
	}
}

func TestPlot(t *testing.T) {
	text := string(Plot{
		Seconds: 100, Y: Scale{High: 100}, Width: 180, Height: 282, Moment: &Moment{X: 50, Name: "decided"},
		Curves: []Curve{{Name: "weight", Step: true, Points: []Point{{X: 0, Y: 0}, {X: 50, Y: 50, Strong: true}, {X: 200, Y: 10}}}},
	}.SVG())
	if !strings.Contains(text, `d="M56 236H106V146H156V218"`) || strings.Count(text, " scale(1.7)") != 2 || !strings.Contains(text, `d="M106 50L106 236" class="moment"`) {
		t.Error(text)
	}
}

// TestPlotStaysInside: whatever is plotted is inside the drawing, and at most so many
// intervals are drawn, the last always.
func TestPlotStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Float64Range(-1e9, 1e9)
		p := Plot{Seconds: rapid.Float64Range(0, 1e9).Draw(t, "seconds"), Y: Scale{Low: -abs(value.Draw(t, "low")), High: abs(value.Draw(t, "high"))}, Width: 360, Height: 240}
		for range rapid.IntRange(0, 200).Draw(t, "intervals") {
			p.Intervals = append(p.Intervals, Interval{X: value.Draw(t, "x"), Low: value.Draw(t, "a"), Y: value.Draw(t, "b"), High: value.Draw(t, "c")})
		}
		p.Moment = &Moment{X: value.Draw(t, "moment")}
		text := string(p.SVG())
		dots := 0
		for _, m := range regexp.MustCompile(`cx="([^"]*)" cy="([^"]*)"`).FindAllStringSubmatch(text, -1) {
			x, errX := strconv.ParseFloat(m[1], 64)
			y, errY := strconv.ParseFloat(m[2], 64)
			if errX != nil || errY != nil || x < 0 || x > p.Width || y < 0 || y > p.Height {
				t.Fatalf("%s is outside", m[0])
			}
			dots++
		}
		if dots > mostIntervals+1 || (dots == 0) != (len(p.Intervals) == 0) {
			t.Fatalf("%d dots of %d intervals", dots, len(p.Intervals))
		}
	})
}

func abs(v float64) float64 { return math.Abs(v) }
