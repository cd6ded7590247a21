package dashboard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/survey"
)

// The deeds. An approval names its gate after a colon.
const (
	hold    = "hold"
	resume  = "resume"
	approve = "approve:"
	reject  = "reject"
)

// deeds returns the buttons for a release in a state, or why there are none.
func (r *release) deeds(s report.Status) (groups []page.Group, why string) {
	groups = []page.Group{}
	at := slices.IndexFunc(s.Objects, survey.HasPods)
	if s.Phase != rollout.Standing && s.Phase != rollout.Shifting || at < 0 {
		return groups, ""
	}
	switch rights := r.allowed(kube.Ref(s.Objects[at])); {
	case !rights.known:
		return groups, "Asking the cluster what you may do …"
	case rights.err != nil:
		return groups, fmt.Sprintf("What you may do is unknown: %v", redact.Error(rights.err))
	case !rights.allowed:
		return groups, fmt.Sprintf("%s may not say anything about this release: that takes the permission to change its canary's %s.", cmp.Or(rights.user, "Your user"), s.Objects[at].Kind)
	default:
		return []page.Group{{Title: "Tell the process that releases it", Deeds: verbs(s)}}, "You are " + cmp.Or(rights.user, "a user whose name the cluster does not tell") + "."
	}
}

// verbs returns the verbs for a release.
func verbs(s report.Status) []page.Deed {
	name := s.Namespace + "/" + s.Release
	command := func(verb string, more ...string) string {
		return strings.Join(append(append([]string{"canarize", verb, s.Release}, more...), "-n", s.Namespace), " ")
	}
	var all []page.Deed
	for _, gate := range waiting(s) {
		all = append(all, page.Deed{ID: approve + gate, Label: "Approve " + gate, Stands: command("approve", gate), Confirm: fmt.Sprintf("Approve %s of %s?", gate, name)})
	}
	holding := page.Deed{ID: hold, Label: "Hold", Stands: command(hold), Confirm: fmt.Sprintf("Hold %s? Its share stays, and the canary is still rejected on harm.", name), Reason: true}
	resuming := page.Deed{ID: resume, Label: "Resume", Stands: command(resume), Confirm: fmt.Sprintf("End the hold of %s?", name), Reason: true}
	if s.Paused != nil {
		holding.Off = "it is on hold"
	} else {
		resuming.Off = "nobody holds it"
	}
	rejecting := page.Deed{ID: reject, Label: "Reject", Stands: command(reject), Confirm: fmt.Sprintf("Reject %s? All requests go back to stable, and the canary is removed.", name), Reason: true}
	if s.Worker == nil || !s.Worker.Alive {
		rejecting.Off = "nobody works on it: run " + command(reject)
	}
	return append(all, holding, resuming, rejecting)
}

// waiting returns the gates that have not agreed, and the metric that holds the release.
func waiting(s report.Status) (gates []string) {
	for _, gate := range s.Gates {
		if !slices.ContainsFunc(s.Passed, func(p rollout.Approval) bool { return p.Gate == gate }) {
			gates = append(gates, gate)
		}
	}
	if s.Judged != nil && s.Judged.Metric != "" && s.Judged.Weight == s.Weight {
		gates = append(gates, s.Judged.Metric)
	}
	return gates
}

// say says what a person does.
func say(said *rollout.Statements, act page.Act, user string, at time.Time) error {
	words := rollout.Statement{Text: cmp.Or(act.Why, "on the dashboard"), By: user, At: at}
	gate, approves := strings.CutPrefix(act.Deed, approve)
	switch {
	case approves:
		said.Approve(rollout.Approval{Gate: gate, By: user, At: at})
	case act.Deed == hold:
		said.HoldBy(words)
	case act.Deed == resume:
		said.ResumeBy(words)
	case act.Deed == reject:
		said.Rejected = &words
	default:
		return fmt.Errorf("deed %q: expected hold, resume, reject or approve", act.Deed)
	}
	return nil
}
