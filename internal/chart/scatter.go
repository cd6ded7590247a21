package chart

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Series is the results of one tool at several thresholds.
type Series struct {
	Name   string
	Points []Point
}

// Point is a point of a chart. In a Scatter, a strong point is the threshold that the
// tool's documentation recommends.
type Point struct {
	X, Y   float64
	Strong bool
}

// Axis is a logarithmic axis from Low to High. Values below Low, 0 included, are drawn in
// a separate column or row.
type Axis struct {
	Label     string
	Unit      string // after the number of each tick
	Low, High float64
}

const (
	plotLeft, plotTop    = 84.0, 92.0
	plotWide, plotHigh   = 560.0, 380.0
	below                = 44.0 // size of the column or row for values below the axis
	plotRight, plotLower = 24.0, 64.0
)

// offset returns the distance of a value from the beginning of an axis of the given
// length.
func (a Axis) offset(v, length float64) float64 {
	if v < a.Low {
		return below / 2
	}
	return below + (length-below)*math.Log(min(v, a.High)/a.Low)/math.Log(a.High/a.Low)
}

// ticks returns the powers of ten on the axis.
func (a Axis) ticks() []float64 {
	var all []float64
	for e := math.Ceil(math.Log10(a.Low) - 1e-9); e <= math.Log10(a.High)+1e-9; e++ {
		all = append(all, math.Pow(10, e))
	}
	return all
}

func (a Axis) tick(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if v >= 1000 {
		s = fmt.Sprintf("%d,%03d", int(v)/1000, int(v)%1000)
	}
	return s + a.Unit
}

// Scatter draws each series as a cloud of points and a line through its best points.
// Lower and further left is better.
func Scatter(title, subtitle string, x, y Axis, series []Series) []byte {
	var c canvas
	c.text(margin, 26, "start", "title", title)
	c.text(margin, 46, "start", "small", subtitle)
	at := plotLeft
	for i, s := range series {
		c.mark(at, 68, i, true)
		c.text(at+12, 72.5, "start", "", s.Name)
		at += 36 + float64(len(s.Name))*character
	}
	bottom := plotTop + plotHigh
	drawAxes(&c, x, y)
	for i, s := range series {
		drawBest(&c, x, y, s.Points, i)
		for _, strong := range []bool{false, true} { // strong points on top
			for _, p := range s.Points {
				if p.Strong == strong {
					c.mark(plotLeft+x.offset(p.X, plotWide), bottom-y.offset(p.Y, plotHigh), i, strong)
				}
			}
		}
	}
	return c.document(max(plotLeft+plotWide+plotRight, at), bottom+plotLower, title)
}

func drawAxes(c *canvas, x, y Axis) {
	bottom := plotTop + plotHigh
	for _, v := range x.ticks() {
		at := plotLeft + x.offset(v, plotWide)
		c.line(at, plotTop, at, bottom, "grid")
		c.text(at, bottom+18, "middle", "small", x.tick(v))
	}
	c.text(plotLeft+below/2, bottom+18, "middle", "small", "none")
	for _, v := range y.ticks() {
		at := bottom - y.offset(v, plotHigh)
		c.line(plotLeft, at, plotLeft+plotWide, at, "grid")
		c.text(plotLeft-8, at+4, "end", "small", y.tick(v))
	}
	c.line(plotLeft, bottom, plotLeft+plotWide, bottom, "axis")
	c.line(plotLeft, plotTop, plotLeft, bottom, "axis")
	c.text(plotLeft+plotWide/2, bottom+44, "middle", "", x.Label)
	c.upward(22, plotTop+plotHigh/2, y.Label)
}

// drawBest draws the staircase through the points that no other point beats in both
// directions.
func drawBest(c *canvas, x, y Axis, points []Point, series int) {
	sorted := slices.SortedFunc(slices.Values(points), func(a, b Point) int {
		if a.X != b.X {
			return int(math.Copysign(1, a.X-b.X))
		}
		return int(math.Copysign(1, a.Y-b.Y))
	})
	path, best := "", math.Inf(1)
	for _, p := range sorted {
		if p.Y >= best {
			continue
		}
		best = p.Y
		h, v := number(plotLeft+x.offset(p.X, plotWide)), number(plotTop+plotHigh-y.offset(p.Y, plotHigh))
		if path == "" {
			path = "M" + h + " " + v
		} else {
			path += "H" + h + "V" + v
		}
	}
	if path != "" {
		fmt.Fprintf(c, `<path d="%s" fill="none" stroke="%s" stroke-opacity=".6"/>`+"\n", path, palette[series%len(palette)])
	}
}
