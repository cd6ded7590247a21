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

// wellFormed reads SVG to its end.
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

// TestForeignText: whatever the labels are, the chart is XML and they are text in it.
func TestForeignText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.String().Draw(t, "label")
		part := rapid.Float64Range(0, 100).Draw(t, "part")
		for _, text := range [][]byte{
			Bars(label, []string{label}, []Bar{{Label: label, Parts: []float64{part, part}, Note: label}}),
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
		if have := a.place(c.v, 944); math.Abs(have-c.want) > 1e-9 {
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

// TestBest: the stairs leave out what another point beats.
func TestBest(t *testing.T) {
	var c canvas
	axis := Axis{Low: 1, High: 1000}
	drawBest(&c, axis, axis, []Point{{X: 100, Y: 10}, {X: 10, Y: 100}, {X: 100, Y: 100}, {X: 1000, Y: 10}}, 0)
	if text := c.String(); strings.Count(text, "V") != 1 || strings.Count(text, "H") != 1 {
		t.Errorf("not one stair: %s", text)
	}
}
