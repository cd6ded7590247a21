// Package chart draws SVG charts: bars for the outcomes of many simulated runs, a scatter
// plot that compares tools at different thresholds, and curves over time. Text and lines
// follow the reader's light or dark scheme. The colors suit colour-blind readers, and
// shapes repeat what colors say.
package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// palette is the palette of Okabe and Ito (jfly.uni-koeln.de/color, 2008) without the
// colors that vanish on white or on black.
var palette = [...]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// Style is the style sheet of the charts. A page that shows a Plot needs it; a file has it
// inside.
const Style = `text{font:13px system-ui,sans-serif;fill:#57606a}
.title{font-size:15px;font-weight:600}
.small{font-size:12px}
.grid{stroke:#8c959f;stroke-opacity:.3}
.axis{stroke:#8c959f}
.moment{stroke:#8250df;stroke-width:2}
.interval{stroke:#56b4e9;stroke-width:3}
@media (prefers-color-scheme:dark){text{fill:#adbac7}.moment{stroke:#d2a8ff}}
@media print{text{fill:#444}.moment{stroke:#8250df}}
`

// canvas collects SVG elements. It escapes text, which may be foreign.
type canvas struct{ bytes.Buffer }

// document returns the elements as a complete file.
func (c *canvas) document(width, height float64, title string) []byte {
	return c.drawing(width, height, title, "<style>\n"+Style+"</style>\n")
}

// drawing returns the elements, after a style. Screen readers read the title.
func (c *canvas) drawing(width, height float64, title, style string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="img"><title>%s</title>`+"\n", number(width), number(height), escape(title))
	out.WriteString(style)
	out.Write(c.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// text writes a text at a point. The anchor is start, middle or end. The class may be
// empty.
func (c *canvas) text(x, y float64, anchor, class, s string) {
	fmt.Fprintf(c, `<text x="%s" y="%s" text-anchor="%s"%s>%s</text>`+"\n", number(x), number(y), anchor, classed(class), escape(s))
}

// upward writes a text from bottom to top, centred on a point.
func (c *canvas) upward(x, y float64, s string) {
	fmt.Fprintf(c, `<text transform="translate(%s %s) rotate(-90)" text-anchor="middle">%s</text>`+"\n", number(x), number(y), escape(s))
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(c, `<path d="M%s %sL%s %s"%s/>`+"\n", number(x1), number(y1), number(x2), number(y2), classed(class))
}

func (c *canvas) box(x, y, width, height float64, fill string) {
	fmt.Fprintf(c, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`+"\n", number(x), number(y), number(width), number(height), fill)
}

// marks are the outlines of points, one for each series.
var marks = [...]string{
	"M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z", // circle
	"M-3.6-3.6H3.6V3.6H-3.6Z",             // square
	"M0-4.6L4.3 3.2H-4.3Z",                // triangle
	"M0-5L5 0L0 5L-5 0Z",                  // diamond
	"M-4.6-3.2H4.6L0 4.6Z",                // triangle downwards
	"M-1.6-5H1.6V5H-1.6Z",                 // bar
}

// mark draws the mark of a series, filled and larger if it is strong.
func (c *canvas) mark(x, y float64, series int, strong bool) {
	color := palette[series%len(palette)]
	scale, fill := "", ` fill="`+color+`" fill-opacity=".25"`
	if strong {
		scale, fill = " scale(1.7)", ` fill="`+color+`"`
	}
	fmt.Fprintf(c, `<path d="%s" transform="translate(%s %s)%s"%s stroke="%s"/>`+"\n", marks[series%len(marks)], number(x), number(y), scale, fill, color)
}

func classed(class string) string {
	if class == "" {
		return ""
	}
	return ` class="` + class + `"`
}

// number formats a coordinate briefly, and identically on every machine.
func number(v float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", math.Round(v*10)/10), ".0")
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}
