package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
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
			Lines(label, part, Scale{Label: label, Unit: label, High: 100}, []Curve{{Name: label, Points: []Point{{X: part, Y: part, Strong: true}}}}, []Level{{Name: label, Y: part}}),
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
		scale  Scale
		ticks  string
		value  float64
		offset float64
	}{
		{Scale{High: 100, Unit: " %"}, "0 %, 20 %, 40 %, 60 %, 80 %, 100 %", 25, 45},
		{Scale{High: 0.3}, "0, 0.1, 0.2, 0.3", 0.1, 60},
		{Scale{High: 5}, "0, 1, 2, 3, 4, 5", 9, 180},
		{Scale{Low: 0.1, High: 1000}, "0.1, 1, 10, 100, 1000", 10, 90},
		{Scale{Low: 0.1, High: 1e9}, "0.1, 10, 1000, 100000, 10000000, 1000000000", 0, 0},
	} {
		var ticks []string
		for _, v := range c.scale.ticks() {
			ticks = append(ticks, c.scale.tick(v))
		}
		if have := strings.Join(ticks, ", "); have != c.ticks {
			t.Errorf("%+v: ticks %s, expected %s", c.scale, have, c.ticks)
		}
		if have := c.scale.offset(c.value); math.Abs(have-c.offset) > 1e-9 {
			t.Errorf("%+v: %v is at %v instead of %v", c.scale, c.value, have, c.offset)
		}
	}
}

// TestTimes: any time span yields at most nine round ticks.
func TestTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Float64Range(1, 1e9).Draw(t, "seconds")
		if n := seconds / span(seconds); n > 8.001 {
			t.Errorf("%v ticks", n)
		}
	})
	for seconds, want := range map[float64]string{0: "0", 45: "45 s", 90: "90 s", 120: "2 min", 5400: "90 min", 7200: "2 h", 172800: "2 d"} {
		if have := moment(seconds); have != want {
			t.Errorf("%v: %s instead of %s", seconds, have, want)
		}
	}
}

func TestLines(t *testing.T) {
	text := string(Lines("t", 100, Scale{High: 100}, []Curve{{Name: "weight", Step: true, Points: []Point{{X: 0, Y: 0}, {X: 50, Y: 50, Strong: true}, {X: 200, Y: 10}}}}, nil))
	if !strings.Contains(text, `d="M64 244H384V154H704V226"`) || strings.Count(text, " scale(1.7)") != 2 {
		t.Error(text)
	}
}
