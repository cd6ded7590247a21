package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// What is in the way is said where it is found, without commands. What to do about it on
// the command line is said here.

// advised is an error that says what to do about it, if there is anything to say.
func advised(release runner.Release, err error) error {
	if advice := advice(release, err); advice != "" {
		return fmt.Errorf("%w; %s", err, advice)
	}
	return err
}

// advisedEvent is an event that says what to do about its cause.
func advisedEvent(release runner.Release, e rollout.Event) rollout.Event {
	if advice := advice(release, e.Cause); advice != "" {
		e.Text += "; " + advice
	}
	return e
}

// advice is what to do about an error and about what is behind its refusals, which is
// advised first.
func advice(release runner.Release, err error) string {
	all := []string{adviceOnCluster(err), adviceOnRecord(release, err)}
	var r *rollout.Refusal
	if errors.As(err, &r) {
		all = append(all, advice(release, r.Err), onRefusal[r.Code](release.Name, r))
	}
	return strings.Join(slices.DeleteFunc(all, func(text string) bool { return text == "" }), "; ")
}

// adviceOnCluster is what to do about what a cluster does not do.
func adviceOnCluster(err error) string {
	switch {
	case errors.As(err, new(*kube.ForbiddenError)):
		return "canarize rbac prints the permissions that are needed"
	case errors.As(err, new(*kube.ConflictError)):
		return "leave these fields out, or take them over with --force-conflicts"
	}
	return ""
}

// adviceOnRecord is what to do about what others do to a release or its record.
func adviceOnRecord(release runner.Release, err error) string {
	switch {
	case errors.Is(err, runner.ErrExposed):
		return fmt.Sprintf("run canarize reject %s -n %s", release.Name, release.Namespace)
	case errors.Is(err, runner.ErrChanged):
		return fmt.Sprintf("see canarize status %s, and run the command again", release.Name)
	case errors.Is(err, runner.ErrNotConfirmed):
		return fmt.Sprintf("run canarize reject %s and deploy again", release.Name)
	case errors.Is(err, runner.ErrRecordGone):
		return "canarize doctor finds what is left of the canary"
	}
	return ""
}

// onRefusal is what to do about a refusal, by its code.
var onRefusal = map[rollout.Code]func(name string, r *rollout.Refusal) string{
	rollout.RefusedHeld:         naming("run canarize reject %s, or repeat with --override-hold once that is settled"),
	rollout.RefusedVerb:         nothing,
	rollout.RefusedOtherVersion: naming("see canarize status %s"),
	rollout.RefusedPromoting:    naming("run canarize promote %s to the end first"),
	rollout.RefusedRejecting:    naming("run canarize reject %s to the end first"),
	rollout.RefusedShifting: func(name string, r *rollout.Refusal) string {
		return fmt.Sprintf("run canarize shift %s --to %d to the end first, or canarize reject %s", name, r.Weight, name)
	},
	rollout.RefusedWeight: func(_ string, r *rollout.Refusal) string {
		return fmt.Sprintf("give one from 0 to %d", r.Limit)
	},
	rollout.RefusedBraked:      naming("see with canarize doctor what is wrong with the gateway; then run canarize deploy again, or canarize reject %s"),
	rollout.RefusedNotReady:    naming("run canarize deploy again, or canarize reject %s"),
	rollout.RefusedNoCanary:    always("run canarize deploy first"),
	rollout.RefusedNotStanding: naming("see canarize status %s"),
	rollout.RefusedNoRelease:   always("canarize doctor finds what one may have left behind"),
	rollout.RefusedPromoted:    always("to go back, deploy the old version"),
	rollout.RefusedUntested:    naming("run canarize shift %s --to N first, or repeat with --untested"),
	rollout.RefusedUnverified: func(name string, r *rollout.Refusal) string {
		return fmt.Sprintf("look with canarize doctor why, run canarize shift %s --to %d to verify it, or repeat with --unverified", name, r.Weight)
	},
	rollout.RefusedCanaryChanged: naming("run canarize reject %s and deploy again"),
	rollout.RefusedStableChanged: naming("put the change into the manifests, then run canarize reject %s and deploy again"),
	rollout.RefusedNoGate: func(_ string, r *rollout.Refusal) string {
		if len(r.Gates) > 0 {
			return ""
		}
		return "a run or a deployment with the release file that names them makes them known"
	},
	rollout.RefusedNoGateway:    always("name the gateway's namespace with --emissary-namespace, or repeat with --unverified"),
	rollout.RefusedNoGatewayPod: always("is Emissary running, and is it there? --emissary-namespace names another namespace"),
	rollout.RefusedNotTaken:     always("canarize traffic --live shows what Emissary makes of the Mappings"),
	rollout.RefusedGone:         naming("run canarize reject %s and deploy again"),
	rollout.RefusedNotRecord:    always("choose another --name"),
	rollout.RefusedSchema:       naming("use the canarize that began the release, or run canarize reject %s, which finds the canary's routes by their labels"),
	rollout.RefusedDamaged:      naming("canarize reject %s finds the canary's routes by their labels and takes the traffic off"),
	rollout.WaitsForRequests:    nothing,
	rollout.WaitsForPeople:      nothing,
	rollout.WaitsForResume:      naming("canarize resume %s ends that"),
	rollout.WaitsForApproval: func(name string, r *rollout.Refusal) string {
		return fmt.Sprintf("canarize approve %s %s lets it pass", name, r.Gate)
	},
	rollout.WaitsForGate: nothing,
	rollout.Stopped:      nothing,
}

func nothing(string, *rollout.Refusal) string { return "" }

func always(advice string) func(string, *rollout.Refusal) string {
	return func(string, *rollout.Refusal) string { return advice }
}

// naming is an advice with the name of the release.
func naming(format string) func(string, *rollout.Refusal) string {
	return func(name string, _ *rollout.Refusal) string { return fmt.Sprintf(format, name) }
}
