package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/simulate"
)

// Precision says how often decisions were right, as far as people marked them, and what
// the releases cost. Its JSON form is a contract with programs.
type Precision struct {
	Releases  int       `json:"releases"` // that are over
	Began     time.Time `json:"began,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Promoted  int       `json:"promoted"`
	Rejected  int       `json:"rejected"`
	Undecided int       `json:"undecided"` // over without a decision about the version
	Active    int       `json:"active"`    // not over yet
	Held      int       `json:"held"`      // of those
	Dropped   int       `json:"dropped"`   // no longer kept, and not counted
	Marked    int       `json:"marked"`
	// Decisions has a row for each kind of ending.
	Decisions []Decisions `json:"decisions"`
	Cost      TotalCost   `json:"cost"`
}

// Decisions counts the releases that ended in one way.
type Decisions struct {
	Ending   string `json:"ending"` // promoted, rejected or undecided
	By       string `json:"by"`     // judge, or all
	Releases int    `json:"releases"`
	Right    int    `json:"right"`
	Wrong    int    `json:"wrong"`
	// RightRate and WrongRate are of the marked releases; nil if none is marked.
	RightRate *Rate `json:"rightRate"`
	WrongRate *Rate `json:"wrongRate"`
}

// Rate is a share in percent with its 95 % interval (Wilson).
type Rate struct {
	Percent float64 `json:"percent"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// TotalCost adds up what the releases cost.
type TotalCost struct {
	Counted  int   `json:"counted"` // releases whose requests were counted
	Requests int64 `json:"requests"`
	Bad      int64 `json:"bad"`
	Extra    int64 `json:"extra"` // bad requests beyond stable's rate
	// WrongMinutes is how long the wrong rejections took, from begin to end.
	WrongMinutes float64 `json:"wrongRejectionMinutes"`
}

// PrecisionOf counts the decisions in histories.
func PrecisionOf(h Histories) Precision {
	p := Precision{}
	p.Began, p.Ended = h.span()
	for _, row := range []struct{ ending, by string }{{"promoted", "all"}, {"promoted", "judge"}, {"rejected", "all"}, {"rejected", "judge"}, {"undecided", "all"}} {
		p.Decisions = append(p.Decisions, Decisions{Ending: row.ending, By: row.by})
	}
	for _, name := range h.Histories {
		p.Dropped += name.Dropped
		if name.Phase.Active() {
			p.Active++
			if name.Held {
				p.Held++
			}
		}
		for _, e := range name.Releases {
			p.add(e)
		}
	}
	for i := range p.Decisions {
		p.Decisions[i].rate()
	}
	return p
}

func (p *Precision) add(e rollout.Past) {
	p.Releases++
	ending := "undecided"
	switch {
	case !e.Decided():
		p.Undecided++
	case e.Ending == rollout.Promoted:
		p.Promoted++
		ending = "promoted"
	default:
		p.Rejected++
		ending = "rejected"
	}
	if e.Mark != nil {
		p.Marked++
	}
	for i := range p.Decisions {
		if d := &p.Decisions[i]; d.Ending == ending && (d.By == "all" || e.By == rollout.ByJudge) {
			d.add(e)
		}
	}
	if c := e.Cost; c != nil {
		p.Cost.Counted++
		p.Cost.Requests += c.Requests
		p.Cost.Bad += c.Bad
		p.Cost.Extra += c.Extra
	}
	if e.Ending == rollout.Rejected && e.Mark != nil && e.Mark.Truth == rollout.Wrong {
		p.Cost.WrongMinutes += e.Took().Minutes()
	}
}

func (d *Decisions) add(e rollout.Past) {
	d.Releases++
	switch {
	case e.Mark == nil:
	case e.Mark.Truth == rollout.Right:
		d.Right++
	case e.Mark.Truth == rollout.Wrong:
		d.Wrong++
	}
}

func (d *Decisions) rate() {
	marked := d.Right + d.Wrong
	if marked == 0 {
		return
	}
	of := func(k int) *Rate {
		share := simulate.ShareOf(k, marked)
		return &Rate{Percent: share.Percent, Low: share.Low, High: share.High}
	}
	d.RightRate, d.WrongRate = of(d.Right), of(d.Wrong)
}

// Markdown formats the precision as Markdown that is also readable on a terminal.
func (p Precision) Markdown(title string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", markdownText(title), p.summary())
	const row = "| %-15s | %8s | %5s | %5s | %-23s |\n"
	fmt.Fprintf(&b, row, "ending", "releases", "right", "wrong", "wrong of marked (95 %)")
	fmt.Fprintf(&b, "|%s|%s:|%s:|%s:|%s|\n", strings.Repeat("-", 17), strings.Repeat("-", 9), strings.Repeat("-", 6), strings.Repeat("-", 6), strings.Repeat("-", 25))
	for _, d := range p.Decisions {
		name := d.Ending
		if d.By == "judge" {
			name = "… by the judge"
		}
		fmt.Fprintf(&b, row, name, fmt.Sprint(d.Releases), fmt.Sprint(d.Right), fmt.Sprint(d.Wrong), d.WrongRate.String())
	}
	fmt.Fprintf(&b, "\n%s\n", p.Cost.sentence(p.Releases))
	return b.String()
}

// String formats a rate with its interval.
func (r *Rate) String() string {
	if r == nil {
		return "unknown: none is marked"
	}
	return fmt.Sprintf("%s %% (%s to %s %%)", Short(r.Percent), Short(r.Low), Short(r.High))
}

func (p Precision) summary() string {
	if p.Releases == 0 {
		return "No release is over yet." + p.rest()
	}
	return fmt.Sprintf("%s over, from %s to %s: %d promoted, %d rejected, %d undecided.%s",
		plural(p.Releases, "release is", "releases are"), p.Began.UTC().Format(time.DateOnly), p.Ended.UTC().Format(time.DateOnly), p.Promoted, p.Rejected, p.Undecided, p.rest())
}

// rest says which releases are not counted.
func (p Precision) rest() string {
	text := ""
	if p.Active > 0 {
		text += fmt.Sprintf(" %s not over", plural(p.Active, "release is", "releases are"))
		if p.Held > 0 {
			text += fmt.Sprintf(", %d of them held", p.Held)
		}
		text += "."
	}
	if p.Dropped > 0 {
		text += fmt.Sprintf(" %s no longer kept and not counted.", plural(p.Dropped, "earlier release is", "earlier releases are"))
	}
	return text
}

func (c TotalCost) sentence(releases int) string {
	text := fmt.Sprintf("Canaries served %s, of which %d were bad: %d more than at stable's rate.", plural(int(c.Requests), "request", "requests"), c.Bad, c.Extra)
	if missing := releases - c.Counted; missing > 0 {
		text += fmt.Sprintf(" Nobody counted the requests of %s.", plural(missing, "release", "releases"))
	}
	if c.WrongMinutes > 0 {
		text += fmt.Sprintf(" Wrong rejections took %s min of release time.", Short(c.WrongMinutes))
	}
	return text
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
