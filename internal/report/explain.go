package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// fact is a row in the table of facts. The link may be foreign.
type fact struct{ Name, Value, Link string }

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

// facts returns what was released, by whom, and its state.
func (r Report) facts() []fact {
	share := "none, the canary is removed"
	if r.Phase.Active() {
		share = r.Share().String()
	}
	all := []fact{{Name: "State", Value: r.State()}}
	if r.Number > 0 {
		all = append(all, fact{Name: "Number of the release", Value: strconv.Itoa(r.Number)})
	}
	all = append(all, fact{Name: "Share of the canary", Value: share}, fact{Name: "Began", Value: clock(r.Started)})
	if events, _ := r.events(); len(events) > 0 {
		last := events[len(events)-1].Time
		all = append(all, fact{Name: "Last event", Value: fmt.Sprintf("%s, after %s", clock(last), last.Sub(r.Started).Round(time.Second))})
	} else if r.Past != nil {
		all = append(all, fact{Name: "Ended", Value: fmt.Sprintf("%s, after %s", clock(r.Past.Ended), r.Past.Took().Round(time.Second))})
	}
	all = append(all, r.costFacts()...)
	all = append(all, fact{Name: "Last run by", Value: who(r.Run), Link: link(r.Run)})
	if r.Run.Canarize != "" {
		all = append(all, fact{Name: "canarize of that run", Value: r.Run.Canarize})
	}
	for _, p := range r.Passed {
		all = append(all, fact{Name: "Gate " + p.Gate, Value: "passed by " + by(p.By) + " at " + clock(p.At)})
	}
	if r.Paused != nil {
		all = append(all, fact{Name: "On hold", Value: r.Paused.Text + " (" + by(r.Paused.By) + " at " + clock(r.Paused.At) + ")"})
	}
	for _, i := range r.Images {
		all = append(all, fact{Name: "Image of " + i.Container + " in " + i.Workload.Kind + " " + i.Workload.Name, Value: r.change(i)})
	}
	if r.Past != nil && r.Earlier && r.Past.Others > 0 {
		all = append(all, fact{Name: "More images", Value: fmt.Sprintf("%d, no longer kept", r.Past.Others)})
	}
	for _, d := range []fact{{Name: r.planName(), Value: r.Plan}, {Name: "Digest of what was tested", Value: r.Tested}} {
		if d.Value != "" {
			all = append(all, d)
		}
	}
	return all
}

// explain returns sentences that explain how the release came to its state.
func (r Report) explain() []string {
	events, cut := r.events()
	why := append([]string{r.decision(events)}, r.laterTruth()...)
	if r.Earlier {
		why = append(why, r.earlier()...)
	}
	if shares := shares(events); len(shares) > 0 {
		why = append(why, fmt.Sprintf("The canary got %s of the requests. A step ended when its share was verified: on every pod of the gateway, or by canarize's model of it if no pod could be asked.", strings.Join(shares, ", then ")))
	}
	if r.Phase == rollout.Promoted {
		why = append(why, "The stable version is the tested version: before a promotion, canarize compares the digest of the canary's pods and their configuration with the digest taken when the pods became ready, and refuses if they differ.")
	}
	for _, e := range events {
		if unusual(e.Kind) && e.Text != "held: "+r.Held { // the decision says that already
			why = append(why, fmt.Sprintf("%s: %s.", clock(e.Time), strings.TrimSuffix(e.Text, ".")))
		}
	}
	for _, w := range r.Warnings {
		why = append(why, "When the canary was derived, there was a warning about "+w.String()+".")
	}
	if !r.Earlier {
		why = append(why, r.judged())
	}
	if r.pinned() {
		why = append(why, "Every image is pinned by a digest, which identifies exactly what ran.")
	} else if len(r.Images) > 0 {
		why = append(why, "Not every image is pinned by a digest. Only the registry knows what a tag pointed to at the time.")
	}
	if cut && !r.Earlier {
		why = append(why, "The cluster keeps only the last events. The first events of this release are gone.")
	}
	return why
}

// unusual reports whether an event needs an explanation.
func unusual(kind rollout.EventKind) bool {
	return slices.Contains([]rollout.EventKind{rollout.EventHeld, rollout.EventFailed, rollout.EventCorrected, rollout.EventCancelled, rollout.EventSaid}, kind)
}

func (r Report) pinned() bool {
	return len(r.Images) > 0 && !slices.ContainsFunc(r.Images, func(i rollout.Image) bool { return !strings.Contains(i.Image, "@sha256:") })
}

// decision explains what was decided, when, and by whom.
func (r Report) decision(events []rollout.Event) string {
	switch {
	case r.Error != "":
		return r.Error
	case r.Phase == rollout.Superseded:
		return "Another version was deployed before anything was decided about this one."
	case r.Held != "":
		return "The release waits until somebody decides. The reason: " + strings.TrimSuffix(r.Held, ".") + "."
	case r.Phase == rollout.Promoted:
		return "The new version was promoted: it is stable and serves everything." + r.decided(events, rollout.Promoting)
	case r.Phase == rollout.Rejected && r.Mixed:
		return capital(r.Sentence()) + "." + r.decided(events, rollout.Rejecting)
	case r.Phase == rollout.Rejected:
		return "The new version was rejected: the old one is stable and serves everything." + r.decided(events, rollout.Rejecting)
	}
	return capital(r.Sentence()) + "."
}

// decided says who decided, when and why, as far as that is known. Entering the phase is
// the decision.
func (r Report) decided(events []rollout.Event, phase rollout.Phase) string {
	text, reason := byDecider[r.decidedBy()], ""
	if r.Reason != nil {
		reason = r.Reason.Text
	}
	when := ""
	for i, e := range slices.Backward(events) {
		if e.Kind != rollout.EventAsked || e.Phase != phase {
			continue
		}
		share := 0
		if i > 0 {
			share = events[i-1].Weight
		}
		if text == "" {
			text = capital(who(e.Run)) + " requested this"
		}
		when = fmt.Sprintf(" at %s, when the canary's weight was %d %%", clock(e.Time), share)
		break
	}
	if text == "" && r.Earlier && r.Run != (rollout.Run{}) {
		text = capital(who(r.Run)) + " requested this"
	}
	if text == "" && reason == "" {
		return ""
	}
	return " " + sentence(cmp.Or(text+when, "The reason"), reason)
}

// shares returns the verified shares of the canary in order.
func shares(events []rollout.Event) []string {
	var all []string
	for _, e := range events {
		text := fmt.Sprintf("%d %%", e.Weight)
		if e.Kind == rollout.EventPhase && e.Phase == rollout.Standing && e.Weight > 0 && (len(all) == 0 || all[len(all)-1] != text) {
			all = append(all, text)
		}
	}
	return all
}

// judged explains what part the measurements had in the decision.
func (r Report) judged() string {
	measured := r.Judge != nil && len(r.Judge.Observations) > 0
	if who := deciders[r.decidedBy()]; who != "" && !measured {
		return "This report contains no measurements: " + who
	}
	if !measured {
		return "This report contains no measurements: the people who ran the steps, or the checks of their pipeline, decided whether the canary was good enough."
	}
	last := r.Judge.Observations[len(r.Judge.Observations)-1]
	return fmt.Sprintf("The judge looked at %d intervals. Its last verdict, at %s, was %s: %s", len(r.Judge.Observations), clock(last.Time), last.Verdict, last.Reason)
}

// deciders explain who decided if no measurement did.
var deciders = map[rollout.Decider]string{
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
