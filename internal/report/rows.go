package report

import (
	"strings"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/saying"
)

// eventRow is a row in the table of events.
type eventRow struct {
	Time   string
	Weight int
	Text   string
	Tone   string // good, bad, wait or ""
	By     string
	Link   string
}

// rows returns the events of the release. A reason that was told before is left out, and
// so is what people said if the report has it apart.
func (r Report) rows() []eventRow {
	events, _ := r.events()
	told := r.told()
	var rows []eventRow
	for _, e := range events {
		if e.Kind == rollout.EventSaid && len(r.Said) > 0 {
			continue
		}
		row := eventRow{Time: clock(e.Time), Weight: e.Weight, Text: told.rest(e.Text)}
		if e.Run != (rollout.Run{}) {
			row.By, row.Link = who(e.Run), link(e.Run)
		}
		switch {
		case e.Kind == rollout.EventJudged:
			row.Text = "verdict " + row.Text
		case e.Kind == rollout.EventFailed:
			row.Tone, row.Text = "bad", "failed: "+row.Text
		case unusual(e.Kind):
			row.Tone = "wait"
		}
		if row.Tone != "" {
			row.Text = saying.Mark(row.Text, saying.OfEvent(e))
		}
		rows = append(rows, row)
	}
	return rows
}

// told holds the reasons that a reader has read.
type told map[string]bool

// told returns the reasons above the events.
func (r Report) told() told {
	t := told{ended(r.Held): true}
	if r.Reason != nil {
		t[ended(r.Reason.Text)] = true
	}
	if look, known := r.last(); known {
		t[ended(look.Reason)] = true
	}
	return t
}

// News returns the events of the present release. A reason that an earlier event gave is left
// out.
func (s Status) News() []rollout.Event {
	t := told{}
	var news []rollout.Event
	for _, e := range s.Events {
		if !e.Time.Before(s.Started) {
			e.Text = t.rest(e.Text)
			news = append(news, e)
		}
	}
	return news
}

// shortReason is the length of a reason that is worth repeating.
const shortReason = 20

// rest returns a text without its reason if that was told before.
func (t told) rest(text string) string {
	what, reason, found := strings.Cut(text, ": ")
	key := ended(reason)
	if !found || len(key) < shortReason {
		return text
	}
	if t[key] {
		return what
	}
	t[key] = true
	return text
}
