package report

import (
	"bytes"
	_ "embed"
	"html/template"

	"github.com/canarize/canarize/internal/chart"
	"github.com/canarize/canarize/internal/look"
	"github.com/canarize/canarize/internal/rollout"
)

//go:embed page.gohtml
var pageText string

// page is the data of page.gohtml.
type page struct {
	Report
	Look                template.CSS
	State, Tone, MadeAt string
	Headline, Lead      string
	More                []string
	Deciding            *drawing
	Reading, Evidence   string // how to read the deciding chart, and evidence
	Charts              []drawing
	Facts, Rule         []fact
	Said                []string // what the canary's pods said
	Metrics             []metricRow
	Shares              []shareRow
	People              []saidRow
	Rows                []eventRow
}

// drawing is a figure whose charts are safe in HTML.
type drawing struct {
	Title        string
	Small, Large template.HTML
}

// HTML formats a report as one self-contained page: no script, no other file, no network.
// It escapes foreign text.
func HTML(r Report) ([]byte, error) {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, err
	}
	why := r.explain()
	p := page{
		Look: template.CSS(look.CSS() + chart.Style), Report: r, State: r.State(), Tone: r.tone(), MadeAt: clock(r.Made), Headline: r.headline(), Facts: r.facts(), Rule: r.rule(), Said: r.TroubleLines(),
		Metrics: r.metrics(), Shares: r.shares(), People: r.people(), Rows: r.rows(), Reading: r.reading(), Evidence: evidenceMeans,
	}
	if len(why) > 0 {
		p.Lead, p.More = why[0], why[1:]
	}
	deciding, others := r.charts()
	if deciding != nil {
		d := deciding.drawing()
		p.Deciding = &d
	}
	for _, f := range others {
		p.Charts = append(p.Charts, f.drawing())
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (f figure) drawing() drawing { // package chart escapes the text in its charts
	return drawing{Title: f.Title, Small: template.HTML(f.Small), Large: template.HTML(f.Large)}
}

// reading says how to read the intervals; "" if there are none.
func (r Report) reading() string {
	for _, m := range r.ordered() {
		if _, known := DifferenceOf(m); known {
			return "Above 0 the canary had more than stable. All intervals hold at once with a certainty of 95 %, however often somebody looks, while requests fail independently. The judge decides by evidence that also allows for noise between pods and over time."
		}
	}
	return ""
}

func (r Report) tone() string {
	switch {
	case r.Error != "" || r.Held == "" && (r.Phase == rollout.Rejected || r.Parked()):
		return "bad"
	case r.Held == "" && r.Phase == rollout.Promoted:
		return "good"
	}
	return "wait"
}
