package doctor

import (
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// unfinished says why a release waits for somebody, and what to do; both are "" if it
// waits for nobody. It names no cause that the record contradicts: a process died only if
// the record says neither how it left the release nor whom the release waits for. idle
// reports that no process works on the release.
func unfinished(name string, s rollout.State, idle bool) (problem, mend string) {
	if !s.Phase.Active() || !idle && s.Held == "" {
		return "", ""
	}
	problem = recorded(s)
	switch {
	case s.Braked && s.Cut:
		problem = and(problem, "the gateway did not apply a weight of 0, so the canary's Services select the stable pods and its own pods have ended")
	case s.Braked:
		problem = and(problem, "the gateway did not apply a weight of 0, so the canary's Services have to select the stable pods and its own pods have to end, which nobody has confirmed yet")
	}
	if problem == "" {
		return "", ""
	}
	return problem, next(name, s)
}

// recorded says what the record has about a release that nobody works on.
func recorded(s rollout.State) string {
	decided := s.Phase == rollout.Promoting || s.Phase == rollout.Retiring || s.Phase == rollout.Rejecting
	waits := s.Paused != nil || s.Awaiting != ""
	switch {
	case s.Held != "":
		return "it is held: " + s.Held
	case s.Left != nil:
		return left(s)
	case waits && decided: // the hold or the gate no longer matters
		return fmt.Sprintf("no process works on it, and %s", remaining(s))
	case s.Paused != nil:
		return fmt.Sprintf("it is on hold at %d %%, and no process works on it: %s", s.Weight, s.Paused)
	case s.Awaiting != "":
		return fmt.Sprintf("it waits at %d %% for the approval of gate %s, and no process works on it", s.Weight, s.Awaiting)
	case s.Phase == rollout.Standing && !s.Guarded: // between two commands
		return ""
	}
	doing := string(s.Phase)
	switch s.Phase {
	case rollout.Standing:
		doing = "watching the canary"
	case rollout.Retiring:
		doing = "removing the canary after the promotion"
	}
	return fmt.Sprintf("a process ended while it was %s, at a weight of %d %%: %s", doing, s.Weight, holder(s))
}

// left says how the last process left the release, and in which state. What it did then
// is unknown: on its way out it changes the phase.
func left(s rollout.State) string {
	how, known := map[rollout.EndCause]string{
		rollout.Interrupted: "was interrupted", rollout.Broken: "failed", rollout.LockLost: "lost the lock",
	}[s.Left.Cause]
	if !known {
		how = "stopped"
	}
	text := fmt.Sprintf("its last process %s at %s", how, s.Left.At.UTC().Format(time.RFC3339))
	if s.Left.Text != "" {
		text += " (" + s.Left.Text + ")"
	}
	return text + ", and " + remaining(s)
}

// remaining says what is not finished.
func remaining(s rollout.State) string {
	switch s.Phase {
	case rollout.Deploying:
		return "the canary is not ready"
	case rollout.Shifting:
		return fmt.Sprintf("no gateway has confirmed the canary's weight of %d %%", s.Weight)
	case rollout.Promoting:
		return "the promotion is not finished"
	case rollout.Retiring:
		return "stable is the new version, but the canary is not removed yet"
	case rollout.Rejecting:
		if s.Parked() {
			return "the rejected canary is kept without traffic"
		}
		return "the canary is not removed yet"
	}
	return fmt.Sprintf("the canary stands at %d %%", s.Weight)
}

func and(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// next says which command continues or ends a release that waits for somebody.
func next(name string, s rollout.State) string {
	mend := command(name, s)
	if s.Braked {
		return "examine the gateway; then " + mend
	}
	if s.Held != "" && s.Phase != rollout.Standing && s.Phase != rollout.Shifting {
		return "solve the problem; then " + mend
	}
	return mend
}

func command(name string, s rollout.State) string {
	switch {
	case s.Phase == rollout.Promoting:
		return fmt.Sprintf("finish with canarize promote %s, or give up with canarize reject %s", name, name)
	case s.Phase == rollout.Retiring:
		return "finish with canarize promote " + name
	case s.Phase == rollout.Rejecting:
		return "finish with canarize reject " + name
	case s.Phase == rollout.Deploying || s.Braked:
		return "run canarize deploy again, or canarize reject " + name
	case s.Held != "":
		return fmt.Sprintf("canarize reject %s, or repeat the command with --override-hold once the problem is solved", name)
	case s.Left != nil && s.Phase == rollout.Standing:
		return fmt.Sprintf("go on with canarize run or canarize shift %s --to N, or end it with canarize reject %s", name, name)
	case s.Paused != nil && s.Left == nil:
		return fmt.Sprintf("canarize resume %s ends the hold; then run canarize run again, or canarize reject %s", name, name)
	case s.Awaiting != "" && s.Left == nil:
		return fmt.Sprintf("canarize approve %s %s lets it pass; then run canarize run again, or canarize reject %s", name, s.Awaiting, name)
	case s.Guarded:
		return "run canarize run again, or canarize reject " + name
	}
	return fmt.Sprintf("run canarize shift %s --to %d again, or canarize reject %s", name, s.Weight, name)
}
