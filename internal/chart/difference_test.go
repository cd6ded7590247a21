package chart

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestDifferences: all intervals have one scale, whose numbers are at the ends; what is drawn
// is what the interval says, within half a pixel of a bar of 1,000.
func TestDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []*Interval
		for range rapid.IntRange(0, 5).Draw(t, "intervals") {
			if rapid.IntRange(0, 4).Draw(t, "known") == 0 {
				all = append(all, nil)
				continue
			}
			size := rapid.SampledFrom([]float64{.01, 1, 30, 100}).Draw(t, "size")
			low, high := rapid.Float64Range(-size, size).Draw(t, "low"), rapid.Float64Range(-size, size).Draw(t, "high")
			low, high = min(low, high), max(low, high)
			all = append(all, &Interval{Low: low, Y: rapid.Float64Range(low, high).Draw(t, "value"), High: high})
		}
		bars := Differences(all)
		if len(bars) != len(all) {
			t.Fatalf("%d bars of %d intervals", len(bars), len(all))
		}
		reach, most := 0.0, 1.0
		for i, b := range bars {
			if (b == nil) != (all[i] == nil) {
				t.Fatalf("%v of %v", b, all[i])
			}
			if b == nil {
				continue
			}
			most = max(most, -all[i].Low, all[i].High)
			var right float64
			if _, err := fmt.Sscanf(b.Right, "+%g", &right); err != nil || b.Left != "−"+b.Right[len("+"):] || reach != 0 && right != reach {
				t.Fatalf("%s to %s, and another one to %v", b.Left, b.Right, reach)
			}
			reach = right
			var value, low, high float64
			for _, s := range b.Shapes {
				var err error
				switch s.Class {
				case "value":
					_, err = fmt.Sscanf(s.Path, "M0-6H%g", &value)
				case "interval":
					_, err = fmt.Sscanf(strings.Replace(s.Path, "H", " ", 1), "M%g 0 %g", &low, &high)
				}
				if err != nil {
					t.Fatalf("%s: %v", s.Path, err)
				}
			}
			for drawn, is := range map[float64]float64{value: all[i].Y, low: all[i].Low, high: all[i].High} {
				if math.Abs(drawn-100*is/reach) > .0501 {
					t.Fatalf("%v of %v is at %v", is, reach, drawn)
				}
			}
		}
		if reach > 0 && (reach < most || reach > 2.5*most) {
			t.Fatalf("a scale to %v for at most %v", reach, most)
		}
	})
}
