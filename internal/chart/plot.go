package chart

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// Curve is a quantity over time. The X of its points is in seconds, in ascending order.
type Curve struct {
	Name   string
	Points []Point // a strong point gets a mark
	Step   bool    // the value holds until the next point
}

// Interval is a range of values at a time, with the value that is most likely.
type Interval struct{ X, Low, Y, High float64 }

// Moment is a labelled time.
type Moment struct {
	Name string
	X    float64
}

// Scale is a vertical axis from Low to High. It is logarithmic if Low is positive, and
// linear otherwise. Values outside are drawn at the edge.
type Scale struct {
	Label     string
	Unit      string // after the number of each tick
	Low, High float64
}

// Level is a labelled horizontal line.
type Level struct {
	Name string
	Y    float64
}

// Plot describes curves and intervals over time, from 0 to Seconds. A page shows it without
// its title, because text of a page breaks into lines.
type Plot struct {
	Title   string // for screen readers
	Seconds float64
	Y       Scale
	Curves  []Curve
	// Intervals are vertical bars. IntervalName is their name in the legend.
	Intervals    []Interval
	IntervalName string
	Levels       []Level
	Moment       *Moment
	// Width and Height are of the drawing. Text has 13 px, so a drawing should be shown at
	// about its width.
	Width, Height float64
}

const (
	timeLeft   = 56.0
	timeRight  = 24.0
	timeBottom = 46.0
	legendLine = 20.0
)

// part returns how far a value is above the bottom of the axis, from 0 to 1.
func (s Scale) part(v float64) float64 {
	v = min(max(v, s.Low), s.High)
	if s.Low > 0 {
		return math.Log(v/s.Low) / math.Log(s.High/s.Low)
	}
	return (v - s.Low) / (s.High - s.Low)
}

// step returns the distance between the ticks of a linear scale: a round number that
// yields at most five distances.
func (s Scale) step() float64 {
	span := s.High - s.Low
	whole := math.Pow(10, math.Floor(math.Log10(span)))
	for _, part := range []float64{.1, .2, .5} {
		if span/(whole*part) <= 5 {
			return whole * part
		}
	}
	return whole
}

// round extends a linear scale to its next ticks.
func (s Scale) round() Scale {
	if s.Low > 0 {
		s.High = max(s.High, s.Low*10)
		return s
	}
	if !(s.High > s.Low) {
		s.High = s.Low + 1
	}
	for range 3 { // an extended scale may need longer steps
		step := s.step()
		s.Low, s.High = math.Floor(s.Low/step+1e-9)*step, math.Ceil(s.High/step-1e-9)*step
	}
	return s
}

// ticks returns powers of ten on a logarithmic scale, and multiples of step on a linear
// one.
func (s Scale) ticks() []float64 {
	var all []float64
	if s.Low > 0 {
		every := math.Ceil(math.Log10(s.High/s.Low) / 6) // in powers of ten
		for e := math.Ceil(math.Log10(s.Low) - 1e-9); e <= math.Log10(s.High)+1e-9; e += max(every, 1) {
			all = append(all, math.Pow(10, e))
		}
		return all
	}
	step := s.step()
	for i := math.Round(s.Low / step); i*step <= s.High+step*1e-9; i++ {
		all = append(all, i*step)
	}
	return all
}

func (s Scale) tick(v float64) string {
	if v == 0 { // without the sign of a negative zero
		v = 0
	}
	if math.Abs(v) >= 1e6 {
		return fmt.Sprintf("10^%.0f", math.Log10(math.Abs(v))) + s.Unit
	}
	return strings.Replace(fmt.Sprintf("%.6g", v), "-", "−", 1) + s.Unit
}

// spans are the possible distances between two ticks of time. span takes the first that
// yields at most as many ticks as wanted.
var spans = [...]time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour,
}

func span(seconds, most float64) float64 {
	for _, s := range spans {
		if seconds/s.Seconds() <= most {
			return s.Seconds()
		}
	}
	return seconds / most
}

// moment formats a time since the beginning in the largest unit that needs no fraction.
func moment(seconds float64) string {
	switch n := int(math.Round(seconds)); {
	case n == 0:
		return "0"
	case n%86400 == 0:
		return fmt.Sprintf("%d d", n/86400)
	case n%3600 == 0:
		return fmt.Sprintf("%d h", n/3600)
	case n%60 == 0:
		return fmt.Sprintf("%d min", n/60)
	default:
		return fmt.Sprintf("%d s", n)
	}
}

// SVG draws the plot for a page that has Style.
func (p Plot) SVG() []byte {
	var c canvas
	p.Seconds, p.Y = max(p.Seconds, 1), p.Y.round()
	top := p.legend(&c)
	f := frame{left: timeLeft, right: p.Width - timeRight, top: top, bottom: p.Height - timeBottom, seconds: p.Seconds, y: p.Y}
	p.axes(&c, f)
	for i, l := range p.Levels {
		fmt.Fprintf(&c, `<path d="M%s %sH%s" stroke="%s" stroke-dasharray="5 4"/>`+"\n", number(f.left), number(f.up(l.Y)), number(f.right), palette[i%len(palette)])
		at := f.up(l.Y) - 4
		if at < f.top+12 {
			at += 17
		}
		c.text(f.left+6, at, "start", "small", l.Name)
	}
	if m := p.Moment; m != nil {
		c.line(f.across(m.X), f.top-6, f.across(m.X), f.bottom, "moment")
	}
	p.intervals(&c, f)
	for i, curve := range p.Curves {
		c.curve(curve, i, f.across, f.up)
	}
	return c.drawing(p.Width, p.Height, p.Title, "")
}

// frame converts values to coordinates.
type frame struct {
	left, right, top, bottom, seconds float64
	y                                 Scale
}

func (f frame) across(x float64) float64 {
	return f.left + (f.right-f.left)*min(max(x, 0), f.seconds)/f.seconds
}

func (f frame) up(v float64) float64 { return f.bottom - (f.bottom-f.top)*f.y.part(v) }

// axes draws the grid, and the ticks of both axes.
func (p Plot) axes(c *canvas, f frame) {
	for _, v := range p.Y.ticks() {
		c.line(f.left, f.up(v), f.right, f.up(v), "grid")
		c.text(f.left-8, f.up(v)+4, "end", "small", p.Y.tick(v))
	}
	most := max(2, math.Floor((f.right-f.left)/64))
	for x, every := 0.0, span(p.Seconds, min(most, 8)); x <= p.Seconds*(1+1e-9); x += every {
		c.line(f.across(x), f.bottom, f.across(x), f.bottom+5, "axis")
		c.text(f.across(x), f.bottom+19, "middle", "small", moment(x))
	}
	c.line(f.left, f.bottom, f.right, f.bottom, "axis")
	if p.Y.Low < 0 {
		c.line(f.left, f.up(0), f.right, f.up(0), "axis")
	}
	c.text(f.right, f.bottom+37, "end", "small", p.Y.Label)
}

// legend draws the names of the curves, the intervals and the moment, in as many lines as
// they need, and returns where the plot may begin.
func (p Plot) legend(c *canvas) (top float64) {
	x, y := timeLeft, 14.0
	entry := func(name string, draw func(x, y float64)) {
		width := 30 + float64(utf8.RuneCountInString(name))*character
		if x > timeLeft && x+width > p.Width {
			x, y = timeLeft, y+legendLine
		}
		draw(x+5, y)
		c.text(x+18, y+4.5, "start", "", name)
		x += width
	}
	for i, curve := range p.Curves {
		entry(curve.Name, func(x, y float64) { c.mark(x, y, i, true) })
	}
	if len(p.Intervals) > 0 {
		entry(p.IntervalName, func(x, y float64) { c.interval(x, y-7, y, y+7) })
	}
	if p.Moment != nil {
		entry(p.Moment.Name, func(x, y float64) { c.line(x, y-8, x, y+8, "moment") })
	}
	return y + 22
}

// interval draws a bar with a dot at its most likely value.
func (c *canvas) interval(x, high, middle, low float64) {
	fmt.Fprintf(c, `<path d="M%s %sV%s" class="interval"/>`+"\n", number(x), number(high), number(low))
	fmt.Fprintf(c, `<circle cx="%s" cy="%s" r="3" fill="%s"/>`+"\n", number(x), number(middle), palette[1])
}

// mostIntervals bounds the bars that are drawn, so that each can be seen.
const mostIntervals = 60

// intervals draws the intervals. It leaves some out if there are too many, but never the
// last.
func (p Plot) intervals(c *canvas, f frame) {
	every := len(p.Intervals)/mostIntervals + 1
	for i, v := range p.Intervals {
		if (len(p.Intervals)-1-i)%every == 0 {
			c.interval(f.across(v.X), f.up(v.High), f.up(v.Y), f.up(v.Low))
		}
	}
}

// curve draws a curve and the marks of its strong points.
func (c *canvas) curve(curve Curve, series int, across, upwards func(float64) float64) {
	var path strings.Builder
	for i, p := range curve.Points {
		x, y := number(across(p.X)), number(upwards(p.Y))
		switch {
		case i == 0:
			path.WriteString("M" + x + " " + y)
		case curve.Step:
			path.WriteString("H" + x + "V" + y)
		default:
			path.WriteString("L" + x + " " + y)
		}
	}
	color := palette[series%len(palette)]
	fmt.Fprintf(c, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", path.String(), color)
	for _, p := range curve.Points {
		if p.Strong {
			c.mark(across(p.X), upwards(p.Y), series, true)
		}
	}
}
