package chart

import "fmt"

// Difference is a bar from zero to a value, with its interval, as a page draws it: an
// SVG with this view box, stretched to the room there is, with a path for each shape, between
// both numbers. The classes of the shapes are those of package look.
type Difference struct {
	Box    string  `json:"box"`
	Left   string  `json:"left"` // the numbers at the ends
	Right  string  `json:"right"`
	Shapes []Shape `json:"shapes"`
}

// Shape is a path with its class.
type Shape struct {
	Class string `json:"class"`
	Path  string `json:"path"`
}

// Differences draws intervals around zero with one scale, and nil where there is none. Their X
// is not used.
func Differences(all []*Interval) []*Difference {
	reach := reachOf(all)
	bars := make([]*Difference, len(all))
	for i, v := range all {
		if v == nil {
			continue
		}
		x := func(v float64) string { return number(100 * max(-1, min(1, v/reach))) }
		bars[i] = &Difference{
			Box: "-100 -10 200 20", Left: fmt.Sprintf("−%g", reach), Right: fmt.Sprintf("+%g", reach),
			Shapes: []Shape{
				{"axis", "M-100 0H100"},
				{"value", "M0-6H" + x(v.Y) + "V6H0Z"},
				{"interval", fmt.Sprintf("M%[1]s 0H%[2]sM%[1]s-5V5M%[2]s-5V5", x(v.Low), x(v.High))},
				{"zero", "M0-10V10"},
			},
		}
	}
	return bars
}

// reachOf returns how far the scale of percentage points reaches: a round number, at least 1,
// so that small differences look small.
func reachOf(all []*Interval) float64 {
	most := 0.0
	for _, v := range all {
		if v != nil {
			most = max(most, -v.Low, v.High)
		}
	}
	for _, round := range []float64{1, 2, 5, 10, 20, 50} {
		if most <= round {
			return round
		}
	}
	return 100
}
