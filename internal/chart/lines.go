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

// Scale is a vertical axis from Low to High. It is linear if Low is 0, and logarithmic if
// Low is positive. Values outside are drawn at the edge.
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

const (
	timeLeft, timeTop  = 64.0, 64.0
	timeWide, timeHigh = 640.0, 180.0
)

// offset returns the height of a value above the bottom of the chart.
func (s Scale) offset(v float64) float64 {
	v = min(max(v, s.Low), s.High)
	if s.Low > 0 {
		return timeHigh * math.Log(v/s.Low) / math.Log(s.High/s.Low)
	}
	return timeHigh * v / s.High
}

// step returns the distance between the ticks of a linear scale: a round number that
// yields at most five ticks above 0.
func (s Scale) step() float64 {
	whole := math.Pow(10, math.Floor(math.Log10(s.High)))
	for _, part := range []float64{.1, .2, .5} {
		if s.High/(whole*part) <= 5 {
			return whole * part
		}
	}
	return whole
}

// round extends a linear scale to its next tick.
func (s Scale) round() Scale {
	if s.Low == 0 {
		s.High = math.Ceil(s.High/s.step()-1e-9) * s.step()
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
	for i := 0.0; i*s.step() <= s.High*(1+1e-9); i++ {
		all = append(all, i*s.step())
	}
	return all
}

func (s Scale) tick(v float64) string { return fmt.Sprintf("%.10g", v) + s.Unit }

// spans are the possible distances between two ticks of time. span takes the first that
// yields at most eight ticks.
var spans = [...]time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour,
}

func span(seconds float64) float64 {
	for _, s := range spans {
		if seconds/s.Seconds() <= 8 {
			return s.Seconds()
		}
	}
	return seconds / 8
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

// Lines draws curves over time, from 0 to the given number of seconds, with labelled
// levels.
func Lines(title string, seconds float64, y Scale, curves []Curve, levels []Level) []byte {
	var c canvas
	seconds, y = max(seconds, 1), y.round()
	across := func(x float64) float64 { return timeLeft + timeWide*min(max(x, 0), seconds)/seconds }
	upwards := func(v float64) float64 { return timeTop + timeHigh - y.offset(v) }
	c.text(margin, 26, "start", "title", title)
	at := timeLeft
	for i, curve := range curves {
		c.mark(at+5, 45, i, true)
		c.text(at+18, 49.5, "start", "", curve.Name)
		at += 42 + float64(utf8.RuneCountInString(curve.Name))*character
	}
	for _, v := range y.ticks() {
		c.line(timeLeft, upwards(v), timeLeft+timeWide, upwards(v), "grid")
		c.text(timeLeft-8, upwards(v)+4, "end", "small", y.tick(v))
	}
	for x, every := 0.0, span(seconds); x <= seconds*(1+1e-9); x += every {
		c.line(across(x), timeTop+timeHigh, across(x), timeTop+timeHigh+5, "axis")
		c.text(across(x), timeTop+timeHigh+20, "middle", "small", moment(x))
	}
	c.line(timeLeft, timeTop+timeHigh, timeLeft+timeWide, timeTop+timeHigh, "axis")
	c.text(timeLeft+timeWide, timeTop+timeHigh+38, "end", "small", y.Label)
	for i, l := range levels {
		fmt.Fprintf(&c, `<path d="M%s %sH%s" stroke="%s" stroke-dasharray="5 4"/>`+"\n", number(timeLeft), number(upwards(l.Y)), number(timeLeft+timeWide), palette[i%len(palette)])
		c.text(timeLeft+timeWide, upwards(l.Y)-4, "end", "small", l.Name)
	}
	for i, curve := range curves {
		c.curve(curve, i, across, upwards)
	}
	return c.document(max(timeLeft+timeWide+plotRight, at), timeTop+timeHigh+50, title)
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
