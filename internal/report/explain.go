package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// fact is a row of what is known. The link may be foreign.
type fact struct{ Name, Value, Link string }

// clock is a time as reports print it.
func clock(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// who names a run in a few words.
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
		return "it is not known who"
	}
	return name
}

// link is the address of a run, if it is one that a reader may follow.
func link(r rollout.Run) string {
	if strings.HasPrefix(r.URL, "https://") || strings.HasPrefix(r.URL, "http://") {
		return r.URL
	}
	return ""
}

// facts are what was released, by whom, and where it stands.
func (r Report) facts() []fact {
	weight := fmt.Sprintf("%d %%", r.Weight)
	switch {
	case r.Phase == rollout.Promoted || r.Phase == rollout.Rejected:
		weight = "none, it is removed"
	case r.Proof == rollout.ByModelAlone:
		weight += ", by the model of the gateway alone: none could be asked, so it is not verified"
	case r.Verified == nil:
		weight += ", not verified since the last change"
	case *r.Verified == r.Weight:
		weight += ", verified"
	default:
		weight += fmt.Sprintf(" wanted, %d %% seen last", *r.Verified)
	}
	all := []fact{{Name: "State", Value: r.State()}, {Name: "Weight of the canary", Value: weight}, {Name: "Began", Value: clock(r.Started)}}
	if events, _ := r.events(); len(events) > 0 {
		last := events[len(events)-1].Time
		all = append(all, fact{Name: "Last event", Value: fmt.Sprintf("%s, after %s", clock(last), last.Sub(r.Started).Round(time.Second))})
	}
	all = append(all, fact{Name: "Last worked on by", Value: who(r.Run), Link: link(r.Run)})
	for _, p := range r.Passed {
		all = append(all, fact{Name: "Gate " + p.Gate, Value: "agreed: " + by(p.By) + ", " + clock(p.At)})
	}
	if r.Paused != nil {
		all = append(all, fact{Name: "On hold", Value: r.Paused.Text + ": " + by(r.Paused.By) + ", " + clock(r.Paused.At)})
	}
	for _, i := range r.Images {
		all = append(all, fact{Name: "Image of " + i.Container + " in " + i.Workload.Kind + " " + i.Workload.Name, Value: i.Image})
	}
	for _, d := range []fact{{Name: "Digest of the manifests", Value: r.Plan}, {Name: "Digest of what was tested", Value: r.Tested}} {
		if d.Value != "" {
			all = append(all, d)
		}
	}
	return all
}

// explain says in sentences how it came to where the release stands.
func (r Report) explain() []string {
	events, cut := r.events()
	said := []string{r.decision(events)}
	if shares := shares(events); len(shares) > 0 {
		said = append(said, fmt.Sprintf("The canary was given %s of the requests. A step counted as done when the share was verified: on every pod of the gateway or, where none could be asked, by canarize's model of it.", strings.Join(shares, ", then ")))
	}
	if r.Phase == rollout.Promoted {
		said = append(said, "What became stable is what was tested: canarize compares the digest of the canary's pods and of the configuration they read with the one taken when they became ready, and promotes nothing else.")
	}
	for _, e := range events {
		if unusual(e.Kind) && e.Text != "held: "+r.Held { // which the decision says
			said = append(said, fmt.Sprintf("%s: %s.", clock(e.Time), strings.TrimSuffix(e.Text, ".")))
		}
	}
	said = append(said, r.judged())
	if r.pinned() {
		said = append(said, "Every image is named by its digest, so it is known to the byte what ran.")
	} else if len(r.Images) > 0 {
		said = append(said, "Not every image is named by a digest; what a tag meant at the time is known to the registry only.")
	}
	if cut {
		said = append(said, "The cluster remembers the last events only; the first ones of this release are gone.")
	}
	return said
}

// unusual says whether an event needs to be explained.
func unusual(kind rollout.EventKind) bool {
	return slices.Contains([]rollout.EventKind{rollout.EventHeld, rollout.EventFailed, rollout.EventCorrected, rollout.EventCancelled, rollout.EventSaid}, kind)
}

func (r Report) pinned() bool {
	return len(r.Images) > 0 && !slices.ContainsFunc(r.Images, func(i rollout.Image) bool { return !strings.Contains(i.Image, "@sha256:") })
}

// decision says what was decided, when, and by whom.
func (r Report) decision(events []rollout.Event) string {
	asked := func(phase rollout.Phase, before string) string {
		for i, e := range slices.Backward(events) {
			if e.Kind == rollout.EventAsked && e.Phase == phase {
				share := 0
				if i > 0 {
					share = events[i-1].Weight
				}
				return fmt.Sprintf(" %s asked for that at %s, when the canary's weight was %d %%.", capital(who(e.Run)), clock(e.Time), share)
			}
		}
		return before
	}
	switch {
	case r.Error != "":
		return r.Error
	case r.Held != "":
		return "Nothing moves until somebody decides. The reason: " + strings.TrimSuffix(r.Held, ".") + "."
	case r.Phase == rollout.Promoted:
		return "The new version was promoted: it is stable and serves everything." + asked(rollout.Promoting, "")
	case r.Phase == rollout.Rejected && r.Mixed:
		return capital(r.Sentence()) + "." + asked(rollout.Rejecting, "")
	case r.Phase == rollout.Rejected:
		return "The new version was rejected: the old one is stable and serves everything." + asked(rollout.Rejecting, "")
	}
	return capital(r.Sentence()) + "."
}

// shares are the shares that the canary was seen to get, in order.
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

// judged says what the measurements had to do with it.
func (r Report) judged() string {
	measured := r.Judge != nil && len(r.Judge.Observations) > 0
	if who := deciders[r.decidedBy()]; who != "" && !measured {
		return "This report holds no measurements: " + who
	}
	if !measured {
		return "This report holds no measurements: whether the canary was good enough was decided by those who asked for the steps, or by the checks of their pipeline."
	}
	last := r.Judge.Observations[len(r.Judge.Observations)-1]
	return fmt.Sprintf("The judge looked at %d intervals. Its last verdict, at %s, was %s: %s", len(r.Judge.Observations), clock(last.Time), last.Verdict, last.Reason)
}

// deciders say who decided where no measurement did.
var deciders = map[rollout.Decider]string{
	rollout.ByPerson:  "a person decided, by a word to the run.",
	rollout.ByGate:    "a gate of the release refused.",
	rollout.ByPods:    "the canary's pods did not become ready, so that no request could tell.",
	rollout.ByFailure: "something outside the release failed before the canary stood.",
}

// decidedBy is who decided how the release ended; "" where nobody has.
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
