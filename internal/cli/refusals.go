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

// Other packages report a problem and name no command. This file adds what to do about
// it on the command line.

// advised adds advice to an error if there is any.
func advised(release runner.Release, err error) error {
	all := []string{advice(release, err)}
	var notReady *kube.NotReadyError
	if errors.As(err, &notReady) { // an event may be read when the object is gone
		all = append(all, notReady.Remedy())
	}
	if text := strings.Join(slices.DeleteFunc(all, func(text string) bool { return text == "" }), "; "); text != "" {
		return fmt.Errorf("%w; %s", err, text)
	}
	return err
}

// advisedEvent adds advice on the cause of an event.
func advisedEvent(release runner.Release, e rollout.Event) rollout.Event {
	if advice := advice(release, e.Cause); advice != "" {
		e.Text += "; " + advice
	}
	return e
}

// advice says what to do about an error. Advice on the cause of a refusal comes first.
func advice(release runner.Release, err error) string {
	all := []string{adviceOnCluster(err), adviceOnRecord(release, err)}
	var r *rollout.Refusal
	if errors.As(err, &r) {
		all = append(all, advice(release, r.Err), onRefusal[r.Code](release.Name, r))
	}
	return strings.Join(slices.DeleteFunc(all, func(text string) bool { return text == "" }), "; ")
}

// adviceOnCluster covers errors of the cluster.
func adviceOnCluster(err error) string {
	var conflict *kube.ConflictError
	var invalid *kube.InvalidError
	switch {
	case errors.Is(err, kube.ErrNoConfig):
		return "log in to the cluster first, for example by az aks get-credentials, or name a file with --kubeconfig"
	case errors.Is(err, kube.ErrNoContext):
		return "select one by kubectl config use-context NAME, or with --context"
	case errors.As(err, new(*kube.ForbiddenError)):
		return "canarize rbac prints the permissions that are needed"
	case errors.As(err, &conflict) && conflict.ByHand():
		return "put these changes into the manifests, leave the fields out, or undo the changes with --force-conflicts"
	case errors.As(err, &conflict):
		return "leave these fields out, or take them over with --force-conflicts"
	case errors.As(err, &invalid) && invalid.Immutable:
		return invalid.Remedy()
	}
	return ""
}

// adviceOnRecord covers changes that others make to a release or its record.
func adviceOnRecord(release runner.Release, err error) string {
	switch {
	case errors.Is(err, runner.ErrExposed):
		return fmt.Sprintf("run canarize reject %s -n %s", release.Name, release.Namespace)
	case errors.Is(err, runner.ErrChanged):
		return fmt.Sprintf("see canarize status %s, and run the command again", release.Name)
	case errors.Is(err, runner.ErrNotConfirmed):
		return fmt.Sprintf("run canarize reject %s and deploy again", release.Name)
	case errors.Is(err, runner.ErrRecordGone):
		return "canarize doctor finds the leftovers of the canary"
	}
	return ""
}

// onRefusal has the advice for each code of a refusal.
var onRefusal = map[rollout.Code]func(name string, r *rollout.Refusal) string{
	rollout.RefusedHeld:         naming("run canarize reject %s, or repeat with --override-hold once the problem is solved"),
	rollout.RefusedVerb:         nothing,
	rollout.RefusedOtherVersion: naming("see canarize status %s"),
	rollout.RefusedPromoting:    naming("run canarize promote %s to the end first"),
	rollout.RefusedRejecting:    naming("run canarize reject %s to the end first"),
	rollout.RefusedShifting: func(name string, r *rollout.Refusal) string {
		return fmt.Sprintf("run canarize shift %s --to %d to the end first, or canarize reject %s", name, r.Weight, name)
	},
	rollout.RefusedWeight: func(_ string, r *rollout.Refusal) string {
		return fmt.Sprintf("choose a weight from 0 to %d", r.Limit)
	},
	rollout.RefusedBraked:      naming("examine the gateway with canarize doctor; then run canarize deploy again, or canarize reject %s"),
	rollout.RefusedNotReady:    naming("run canarize deploy again, or canarize reject %s"),
	rollout.RefusedNoCanary:    always("run canarize deploy first"),
	rollout.RefusedNotStanding: naming("see canarize status %s"),
	rollout.RefusedNoRelease:   always("canarize doctor finds leftovers of a release"),
	rollout.RefusedPromoted:    always("to go back, deploy the old version"),
	rollout.RefusedUntested:    naming("run canarize shift %s --to N first, or repeat with --untested"),
	rollout.RefusedUnverified: func(name string, r *rollout.Refusal) string {
		return fmt.Sprintf("find the reason with canarize doctor, run canarize shift %s --to %d to verify it, or repeat with --unverified", name, r.Weight)
	},
	rollout.RefusedCanaryChanged: naming("run canarize reject %s and deploy again"),
	rollout.RefusedStableChanged: naming("put the change into the manifests, then run canarize reject %s and deploy again"),
	rollout.RefusedNoGate: func(_ string, r *rollout.Refusal) string {
		if len(r.Gates) > 0 {
			return ""
		}
		return "to define gates, run or deploy with a release file that names them"
	},
	rollout.RefusedNoGateway:    always("name the gateway's namespace with --emissary-namespace, or repeat with --unverified"),
	rollout.RefusedNotFollowing: always("mend that first; canarize doctor examines the gateway"),
	rollout.RefusedNoGatewayPod: always("check that Emissary runs there; --emissary-namespace names another namespace"),
	rollout.RefusedGatewayVersion: func(_ string, r *rollout.Refusal) string {
		return fmt.Sprintf("name the version with --emissary-version %s, or as spec.router.emissary.version of the release file", r.Version)
	},
	rollout.RefusedNotTaken: always("canarize traffic --live shows what Emissary does with the Mappings"),
	rollout.RefusedGone:     naming("run canarize reject %s and deploy again"),
	rollout.RefusedOwned:    always("release the new version with that"),
	rollout.RefusedRival: func(_ string, r *rollout.Refusal) string {
		return fmt.Sprintf("finish that release first, with canarize promote %s or canarize reject %s", r.Because, r.Because)
	},
	rollout.RefusedNotRecord: always("choose another --name"),
	rollout.RefusedSchema:    naming("use the version of canarize that began the release, or run canarize reject %s, which finds the canary's routes by their labels"),
	rollout.RefusedDamaged:   naming("canarize reject %s finds the canary's routes by their labels and takes the traffic off"),
	rollout.RefusedHistory:   naming("use the version of canarize that wrote it; or delete the key " + rollout.HistoryKey + " of the ConfigMap " + rollout.RecordPrefix + "%s, and a new history begins"),
	rollout.RefusedNotKept:   naming("canarize history %s lists the releases that are kept"),
	rollout.RefusedNotOver:   naming("canarize history %s lists the releases that are over"),
	rollout.WaitsForRequests: nothing,
	rollout.WaitsForPeople:   nothing,
	rollout.WaitsForResume:   naming("canarize resume %s ends the hold"),
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

// naming inserts the name of the release into an advice.
func naming(format string) func(string, *rollout.Refusal) string {
	return func(name string, _ *rollout.Refusal) string { return fmt.Sprintf(format, name) }
}
