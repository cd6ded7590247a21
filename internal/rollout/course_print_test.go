package rollout

import (
	"fmt"
	"strings"
)

// The output of a story: a decision is a word and a colon, "<" marks a fact, ">" the
// stored state, and "*" an action.

func (s *story) decided(_ *process, d Decision) {
	why := ""
	if d.Why != nil {
		why = told(d.Why)
	}
	switch d.Do {
	case DoApply:
		return
	case DoAsk:
		why = d.Gate.Name
	case DoEnd:
		if d.Unbegun {
			why = "nothing was changed: " + why
		}
	}
	fmt.Fprintln(&s.out, strings.TrimSpace(string(d.Do)+": "+why))
}

// told prints a code with its text.
func told(why *Refusal) string { return fmt.Sprintf("%s (%v)", why.Code, why) }

func (s *story) stepped(_ *process, _ State, fact Fact, actions []Action) {
	fmt.Fprintln(&s.out, "<", factLine(fact))
	if len(actions) > 0 && actions[0].Kind == Refuse {
		fmt.Fprintln(&s.out, "refuse:", told(actions[0].Reason))
	}
}

func (s *story) stored(p *process) { fmt.Fprintln(&s.out, ">", stateLine(p.state)) }

func (s *story) acted(_ *process, a Action, err error) {
	line := "* " + string(a.Kind)
	switch a.Kind {
	case SetWeight, Verify, Scale:
		line += fmt.Sprintf(" %d %%", a.Weight)
	}
	if err != nil {
		line += ": " + err.Error()
	}
	fmt.Fprintln(&s.out, line)
}

func (s *story) gone(_ *process, how string) { fmt.Fprintln(&s.out, "gone:", how) }

func factLine(fact Fact) string {
	switch f := fact.(type) {
	case Request:
		line := string(f.Verb)
		if f.Verb == Shift {
			line += fmt.Sprintf(" to %d %%", f.Weight)
		}
		if f.Reason.Text != "" {
			line += fmt.Sprintf(", by %s: %s", f.Reason.By, f.Reason.Text)
		}
		return line
	case Resumed:
		return "resumed"
	case Finished:
		return "finished"
	case Failed:
		return fmt.Sprintf("failed: %s: %s%s", f.Action.Kind, f.Reason, map[bool]string{true: " (stable is untouched)"}[f.Untouched])
	case Ended:
		return strings.TrimSuffix("ended, "+string(f.Cause)+map[bool]string{true: ", keep"}[f.Keep]+": "+f.Reason, ": ")
	case Moved:
		return fmt.Sprintf("somebody moved the weight to %d %%", f.Weight)
	case Judged:
		return fmt.Sprintf("judged at %d %%: %s, recommends %d %%, %d requests seen%s", f.Weight, f.Verdict, f.Recommended, f.Own, map[bool]string{true: ", inconclusive"}[f.Inconclusive])
	case HoldChanged:
		if f.Hold == nil {
			return "heeded: nobody holds"
		}
		return "heeded: hold: " + f.Hold.String()
	case GatePassed:
		return fmt.Sprintf("gate %s agrees, by %s", f.Approval.Gate, f.Approval.By)
	case ApprovalAwaited:
		return "awaited: " + f.Gate
	}
	return fmt.Sprintf("%T", fact)
}

// stateLine prints the important parts of a state on one line.
func stateLine(s State) string {
	parts := []string{fmt.Sprintf("%s %d %%", s.Phase, s.Weight)}
	add := func(when bool, format string, args ...any) {
		if when {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(s.Peak > 0, "peak %d %%", s.Peak)
	add(s.Phase.Active() && s.Verified >= 0, "verified %d %% by %s", s.Verified, s.Proof)
	add(s.Phase.Active() && s.Verified < 0, "unverified")
	add(s.Guarded, "guarded")
	add(s.Braked, "braked")
	add(s.Judged != nil, "judged %s", judgedWord(s.Judged))
	add(s.Paused != nil, "on hold by %s", pausedBy(s.Paused))
	add(s.Awaiting != "", "waits for %s", s.Awaiting)
	for _, p := range s.Passed {
		parts = append(parts, fmt.Sprintf("%s passed by %s", p.Gate, p.By))
	}
	add(s.Mixed, "mixed")
	add(s.Corrections > 0, "%d corrections", s.Corrections)
	if s.Reason != nil {
		parts = append(parts, strings.TrimSuffix("by "+string(s.Reason.By)+": "+s.Reason.Text, ": "))
	}
	add(s.Held != "", "held: %s", s.Held)
	if s.Left != nil {
		parts = append(parts, "left: "+string(s.Left.Cause))
	}
	return strings.Join(parts, ", ")
}

func judgedWord(j *Judged) string {
	if j == nil {
		return ""
	}
	return string(j.Verdict)
}

func pausedBy(w *Statement) string {
	if w == nil {
		return ""
	}
	return w.By
}
