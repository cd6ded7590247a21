package chart

import (
	"fmt"
	"unicode/utf8"
)

// Bar is one row of a bar chart: its parts in percent, and a note beside it.
type Bar struct {
	Label string
	Parts []float64 // in percent, in the order of the legend
	Note  string
}

const (
	margin    = 16.0
	barWidth  = 320.0
	barHeight = 16.0
	rowHeight = 26.0
	character = 7.2 // mean width of a character at 13 px
	small     = 6.4 // mean width of a character at 12 px
)

// barColors are the colors of the parts: good, stopped, and two greys for undecided.
var barColors = [...]string{"#009e73", "#d55e00", "#8c959f", "#c4cad0"}

// Bars draws stacked bars. It draws a row whose parts add up to less than 100 shorter,
// and omits parts without a name in the legend.
func Bars(title string, legend []string, bars []Bar) []byte {
	var c canvas
	labels, notes := 0, 0
	for _, b := range bars {
		labels = max(labels, utf8.RuneCountInString(b.Label))
		notes = max(notes, utf8.RuneCountInString(b.Note))
	}
	left := margin + float64(labels)*character + 12
	c.text(margin, 26, "start", "title", title)
	x := left
	for i, name := range legend {
		c.box(x, 40, 11, 11, barColors[i%len(barColors)])
		c.text(x+16, 50, "start", "small", name)
		x += 32 + float64(utf8.RuneCountInString(name))*character
	}
	y := 66.0
	for _, b := range bars {
		c.text(left-12, y+12.5, "end", "", b.Label)
		at := left
		for i, part := range b.Parts[:min(len(b.Parts), len(legend))] {
			width := barWidth * part / 100
			c.box(at, y, width, barHeight, barColors[i%len(barColors)])
			at += width
		}
		c.text(left+barWidth+12, y+12.5, "start", "small", b.Note)
		y += rowHeight
	}
	for percent := 0; percent <= 100; percent += 25 {
		at := left + barWidth*float64(percent)/100
		c.line(at, 60, at, y, "grid")
		c.text(at, y+16, "middle", "small", fmt.Sprintf("%d %%", percent))
	}
	width := left + barWidth + 12 + float64(notes)*small + margin
	return c.document(max(width, x), y+28, title)
}
