package report

import "github.com/canarize/canarize/internal/rollout"

// What the live page shares with the report: the same words and the same numbers.

// Tone is how a state looks: what needs a person stands out.
type Tone string

// The tones.
const (
	Plain Tone = ""
	Good  Tone = "good"
	Bad   Tone = "bad"
	Wait  Tone = "wait" // for a person
)

// Tone returns how the state of the release looks.
func (s Status) Tone() Tone {
	switch {
	case s.Error != "" || s.Phase == rollout.Rejected || s.Phase == rollout.Rejecting || s.Abandoned():
		return Bad
	case s.Held != "" || s.Awaiting != "" || s.Paused != nil:
		return Wait
	case s.Phase == rollout.Promoted:
		return Good
	}
	return Plain
}

// Versions shows the old and the new version by the first image that changes; "" if no
// image is known.
func (s Status) Versions() string { return s.versions() }

// Summary says in a sentence what the release is, and what comes next.
func (s Status) Summary() string { return capital(s.Sentence()) + "." }

// Headline says in a few words what became of the release, and of which version.
func (r Report) Headline() string { return r.headline() }

// Fact is a value with its name. Link is the address of a page about it, or "".
type Fact struct{ Name, Value, Link string }

// Facts returns what was released, by whom, and what it cost.
func (r Report) Facts() (all []Fact) {
	for _, f := range r.facts() {
		all = append(all, Fact{f.Name, f.Value, f.Link})
	}
	return all
}

// RunFact names a run, with its address if a reader may follow it.
func RunFact(r rollout.Run) Fact { return Fact{Name: "Run", Value: who(r), Link: link(r)} }

// CostText says how many bad requests a release cost; "" if nobody counted requests.
func CostText(p rollout.Past) string {
	if p.Cost == nil {
		return ""
	}
	return extra(p.Cost.Extra)
}

// Decision says in a sentence what was decided, by whom, when and why; "" if nothing is.
func (r Report) Decision() string {
	events, _ := r.events()
	return r.decision(events)
}

// RatioOf shows the ratio of the bad requests with the judge's interval.
func RatioOf(m rollout.Metric) string { return ratioOf(m) }
