package report

import (
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Sentence describes the state of the release, and what comes next, in one sentence.
func (s Status) Sentence() string {
	switch {
	case s.Error != "":
		return s.Error
	case s.Unchanged:
		return "nothing changes, because the cluster has exactly these manifests; canarize run --unchanged releases them anyway"
	case s.Abandoned():
		return s.abandoned()
	case s.Braked && s.Phase.Active():
		return s.braked()
	case s.Held != "":
		return "held: " + s.Held + "; " + s.afterHold()
	case s.Parked():
		return s.parked()
	}
	switch s.Phase {
	case rollout.Deploying:
		return "the canary is not ready yet" + s.again("deploy", ", or canarize reject")
	case rollout.Standing:
		return s.standing()
	case rollout.Shifting:
		return fmt.Sprintf("on the way to %d %%", s.Weight) + s.again("shift", ", or canarize reject")
	case rollout.Promoting:
		return "stable is being replaced" + s.again("promote", "")
	case rollout.Retiring:
		return "stable is the new version, the canary is being removed" + s.again("promote", "")
	case rollout.Rejecting:
		return s.rejecting()
	case rollout.Promoted:
		return "stable is the new version and serves everything"
	case rollout.Rejected:
		if s.Mixed {
			return "rejected while stable was being replaced, so " + mixed
		}
		return "rejected; stable serves everything"
	}
	return "there is no release"
}

// again says which verb continues a release. It says nothing while a process works on it.
func (s Status) again(verb, or string) string {
	if s.Guarded && (verb == "deploy" || verb == "shift") {
		verb = "run"
	}
	switch {
	case s.Worker == nil:
		return fmt.Sprintf("; if no process works on it, run canarize %s again%s", verb, or)
	case s.Worker.Alive:
		return ""
	}
	return fmt.Sprintf("; run canarize %s again%s", verb, or)
}

// mixed says what a rejection during a promotion leaves behind.
const mixed = "stable may run the new version; to go back, apply the old version's manifests"

// confirmed reports whether a gateway has confirmed the weight.
func (s Status) confirmed() bool { return s.Verified != nil && *s.Verified == s.Weight }

// share says what the canary gets, as far as that is known.
func (s Status) share() string {
	state := rollout.State{Weight: s.Weight, Verified: rollout.Unknown, Proof: s.Proof}
	switch {
	case s.confirmed():
		state.Verified, state.Proof = s.Weight, rollout.SeenOnGateways
	case s.Proof == rollout.ByModelAlone:
		state.Verified = s.Weight
	}
	return state.ShareText()
}

// abandoned explains since when nobody works on the release, and what to do.
func (s Status) abandoned() string {
	since := ""
	if w := s.Worker; w.Holder != "" {
		since = fmt.Sprintf(" since %s (%s was killed)", w.Renewed.UTC().Format(time.RFC3339), w.Holder)
	}
	what := "nobody works on it" + since
	switch {
	case s.Weight > 0:
		return fmt.Sprintf("%s, and nobody watches the canary's %d %%; run canarize run again, or canarize reject", what, s.Weight)
	case s.Phase == rollout.Retiring:
		return what + "; stable is the new version, and the canary is not removed yet. Run canarize promote again"
	case s.confirmed():
		return what + "; the canary gets no traffic. Run canarize run again, or canarize reject"
	}
	return what + "; the canary's weight is 0, but no gateway has confirmed it. Run canarize run again, or canarize reject"
}

// braked says what the brake did, and what to do.
func (s Status) braked() string {
	what, next := "its Services have to select the stable pods and its own pods have to end, which nobody has confirmed yet", "run canarize reject again"
	if s.Cut {
		what = "its Services select the stable pods and its own pods have ended"
	}
	if s.Phase == rollout.Promoting || s.Phase == rollout.Retiring {
		next = "run canarize promote again"
	}
	switch behind := s.behind(); {
	case s.Cut && behind != "":
		return fmt.Sprintf("no request reaches the canary: %s at a weight of 0, so %s; see canarize doctor, then %s", behind, what, next)
	case behind != "":
		return fmt.Sprintf("%s at a weight of 0, so %s; see canarize doctor, then %s", behind, what, next)
	case s.Cut:
		return "the gateway did not apply a weight of 0, so the canary's Services select the stable pods and its own pods have ended; see canarize doctor, then " + next
	}
	return "the gateway did not apply a weight of 0, so the canary's Services have to select the stable pods and its own pods have to end, which nobody has confirmed yet; see canarize doctor, then " + next
}

// afterHold says what to do about a hold.
func (s Status) afterHold() string {
	switch s.Phase {
	case rollout.Retiring:
		return "stable is the new version; run canarize promote again once the problem is solved"
	case rollout.Rejecting:
		return "run canarize reject again once the problem is solved"
	}
	return "run canarize reject, or continue with --override-hold once the problem is solved"
}

// parked describes a rejected release whose canary is kept.
func (s Status) parked() string {
	if s.confirmed() {
		return "rejected; stable serves everything, and the canary is kept without traffic; canarize reject removes it"
	}
	return "rejected; the canary is kept at a weight of 0, but no gateway could be asked whether it gets requests; canarize reject removes it"
}

// standing describes a canary at its weight, and what the release waits for.
func (s Status) standing() string {
	share := s.share()
	switch metric := s.holdingMetric(); {
	case s.Left != nil && (s.Worker == nil || !s.Worker.Alive): // nobody waits for what the last process waited for
		return share + "; its last process " + howLeft(s.Left.Cause) + ". Run canarize run again, or canarize reject"
	case s.Paused != nil:
		return fmt.Sprintf("%s, on hold: %s; canarize resume ends the hold", share, s.Paused)
	case s.Awaiting != "":
		return fmt.Sprintf("%s, waiting for gate %s; canarize approve lets it pass", share, s.Awaiting)
	case metric != "":
		return fmt.Sprintf("%s, held because of %s; if the difference is intended, canarize approve ends the hold", share, metric)
	}
	return share
}

// holdingMetric returns the metric that holds the release at its weight; "" if none does.
func (s Status) holdingMetric() string {
	if s.Judged == nil || s.Judged.Weight != s.Weight {
		return ""
	}
	return s.Judged.Metric
}

// howLeft says how a process left a release.
func howLeft(cause rollout.EndCause) string {
	known := map[rollout.EndCause]string{
		rollout.Interrupted: "was interrupted", rollout.Broken: "failed", rollout.LockLost: "lost the lock",
	}
	if how := known[cause]; how != "" {
		return how
	}
	return "stopped"
}

// rejecting describes the way back to stable.
func (s Status) rejecting() string {
	what, next := "the canary's weight is 0, but no gateway has confirmed it yet", s.again("reject", "")
	switch behind := s.behind(); {
	case behind != "":
		what, next = "the canary's weight is 0, but "+behind, "; see canarize doctor, and run canarize reject again"
	case s.confirmed():
		what = "traffic is back on stable, the canary is being removed"
	}
	if s.Mixed {
		what += ", and " + mixed
	}
	return what + next
}
