package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// fact is a row in the table of facts. The link may be foreign.
type fact struct {
	Name, Value, Link string
	Wide              bool // too long for half a line
}

// clock formats a time for a report.
func clock(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// who describes a run in a few words.
func who(r rollout.Run) string {
	text := r.System
	switch {
	case r.System != "" && r.ID != "":
		text += " run " + r.ID
	case r.System == "" && r.Holder != "":
		text = r.Holder
	case r.System == "":
		text = "somebody"
	}
	if r.Attempt != "" && r.Attempt != "1" {
		text += ", attempt " + r.Attempt
	}
	return text
}

// by names a user or a program.
func by(name string) string {
	if name == "" {
		return "somebody"
	}
	return name
}

// link returns the address of a run if a reader may follow it, or "".
func link(r rollout.Run) string {
	if strings.HasPrefix(r.URL, "https://") || strings.HasPrefix(r.URL, "http://") {
		return r.URL
	}
	return ""
}

// facts returns what was released, by whom, and what it cost.
func (r Report) facts() []fact {
	var all []fact
	for _, i := range r.Images {
		all = append(all, fact{Name: "Image of " + i.Container + " in " + i.Workload.Kind + " " + i.Workload.Name, Value: r.change(i), Wide: true})
	}
	if r.Past != nil && r.Earlier && r.Past.Others > 0 {
		all = append(all, fact{Name: "More images", Value: fmt.Sprintf("%d, no longer kept", r.Past.Others)})
	}
	for _, f := range []fact{{Name: "Commit", Value: r.Run.Commit}, {Name: "Author", Value: r.Run.Author}} {
		if f.Value != "" {
			all = append(all, f)
		}
	}
	all = append(all, fact{Name: "Last run by", Value: who(r.Run), Link: link(r.Run)}, fact{Name: "Began", Value: clock(r.Started)})
	if events, _ := r.events(); len(events) > 0 {
		last := events[len(events)-1].Time
		all = append(all, fact{Name: "Last event", Value: fmt.Sprintf("%s, after %s", clock(last), Took(last.Sub(r.Started)))})
	} else if r.Past != nil {
		all = append(all, fact{Name: "Ended", Value: fmt.Sprintf("%s, after %s", clock(r.Past.Ended), Took(r.Past.Took()))})
	}
	if r.Phase.Active() {
		all = append(all, fact{Name: "Share of the canary", Value: r.Share().String()})
	}
	all = append(all, r.costFacts()...)
	for _, d := range []fact{{Name: r.planName(), Value: r.Plan}, {Name: "Digest of what was tested", Value: r.Tested}, {Name: "canarize of that run", Value: r.Run.Canarize}} {
		if d.Value != "" {
			all = append(all, d)
		}
	}
	return all
}

// Took formats a time that something took, in whole seconds.
func Took(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	hours, minutes, seconds := d/time.Hour, d/time.Minute%60, d/time.Second%60
	var parts []string
	for _, p := range []struct {
		n    time.Duration
		unit string
	}{{hours, "h"}, {minutes, "min"}, {seconds, "s"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.unit))
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

// explain returns sentences that explain how the release came to its state. The first has
// the decision and its reason.
func (r Report) explain() []string {
	events, cut := r.events()
	why := append([]string{r.decision(events)}, r.laterTruth()...)
	if now := r.now(); now != "" {
		why = append(why, now)
	}
	if r.Earlier {
		why = append(why, r.earlier()...)
	} else {
		why = append(why, r.judged())
	}
	if r.pinned() {
		why = append(why, "Every image is pinned by a digest, which identifies exactly what ran.")
	} else if len(r.Images) > 0 {
		why = append(why, "Not every image is pinned by a digest. Only the registry knows what a tag pointed to at the time.")
	}
	for _, w := range r.Warnings {
		why = append(why, "When the canary was derived, there was a warning about "+w.String()+".")
	}
	if cut && !r.Earlier {
		why = append(why, "The cluster keeps only the last events. The first events of this release are gone.")
	}
	return slices.DeleteFunc(why, func(s string) bool { return s == "" })
}

// unusual reports whether an event needs an explanation.
func unusual(kind rollout.EventKind) bool {
	return slices.Contains([]rollout.EventKind{rollout.EventHeld, rollout.EventFailed, rollout.EventCorrected, rollout.EventCancelled, rollout.EventSaid}, kind)
}

func (r Report) pinned() bool {
	return len(r.Images) > 0 && !slices.ContainsFunc(r.Images, func(i rollout.Image) bool { return !strings.Contains(i.Image, "@sha256:") })
}

// judged explains what part the measurements had in the decision.
func (r Report) judged() string {
	last, measured := r.last()
	if !measured {
		if verbs[r.Phase] == "" || r.Held != "" {
			return "This report contains no measurements."
		}
		return sentence("This report contains no measurements", deciders[r.decidedBy()])
	}
	return sentence(fmt.Sprintf("The judge's last verdict, at %s, was %s", clock(last.Time), last.Verdict), r.untold(last.Reason))
}

// untold returns a text, or "" if the decision has it already.
func (r Report) untold(text string) string {
	if trimmed := ended(text); trimmed == "" || r.Reason != nil && ended(r.Reason.Text) == trimmed || ended(r.Held) == trimmed {
		return ""
	}
	return text
}

// ended returns a text without what ends a sentence.
func ended(text string) string { return strings.TrimRight(strings.TrimSpace(text), ".") }

// byHand is who decides about a release that nobody judges.
const byHand = "the people who ran the steps, or the checks of their pipeline, decided whether the canary was good enough."

// deciders explain who decided if no measurement did.
var deciders = map[rollout.Decider]string{
	"":                byHand,
	rollout.ByRequest: byHand,
	rollout.ByPerson:  "a person decided.",
	rollout.ByGate:    "a gate refused the release.",
	rollout.ByPods:    "the canary's pods did not become ready, so there were no requests to measure.",
	rollout.ByFailure: "something outside the release failed before the canary was ready.",
}

// decidedBy returns who decided how the release ended, or "" if nobody has.
func (r Report) decidedBy() rollout.Decider {
	if r.Reason == nil {
		return ""
	}
	return r.Reason.By
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
