package report

import (
	"bytes"
	_ "embed"
	"html/template"

	"github.com/canarize/canarize/internal/rollout"
)

//go:embed page.gohtml
var pageText string

// page is the data of page.gohtml.
type page struct {
	Report
	State, Tone, MadeAt string
	Why                 []string
	Facts               []fact
	Charts              []template.HTML
	Metrics             []metricRow
	Events              []eventRow
}

// eventRow is a row in the table of events.
type eventRow struct {
	Time   string
	Weight int
	Text   string
	Tone   string // good, bad, wait or ""
	By     string
	Link   string
}

// HTML formats a report as one self-contained page: no script, no other file, no network.
// It escapes foreign text.
func HTML(r Report) ([]byte, error) {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, err
	}
	p := page{Report: r, State: r.State(), Tone: r.tone(), MadeAt: clock(r.Made), Why: r.explain(), Facts: r.facts(), Metrics: r.metrics(), Events: r.rows()}
	for _, svg := range r.charts() {
		p.Charts = append(p.Charts, template.HTML(svg)) // package chart escapes the text in it
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (r Report) tone() string {
	switch {
	case r.Error != "" || r.Held == "" && r.Phase == rollout.Rejected:
		return "bad"
	case r.Held == "" && r.Phase == rollout.Promoted:
		return "good"
	}
	return "wait"
}

func (r Report) rows() []eventRow {
	events, _ := r.events()
	rows := make([]eventRow, len(events))
	for i, e := range events {
		rows[i] = eventRow{Time: clock(e.Time), Weight: e.Weight, Text: e.Text}
		if e.Run != (rollout.Run{}) {
			rows[i].By, rows[i].Link = who(e.Run), link(e.Run)
		}
		switch {
		case e.Kind == rollout.EventFailed:
			rows[i].Tone = "bad"
		case unusual(e.Kind):
			rows[i].Tone = "wait"
		}
	}
	return rows
}
