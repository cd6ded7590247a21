package doctor

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/owner"
	"github.com/canarize/canarize/internal/readiness"
)

// stable examines the workloads that a canary is compared with: those of the planned
// release, or those that a release may be about.
func (e *Exam) stable(reports []GatewayReport) {
	if e.Wanted == nil {
		for _, w := range e.candidates(reports) {
			e.workload(w)
		}
		return
	}
	for _, pair := range e.Wanted.Plan.Workloads {
		if w, found := e.byID[pair.Stable]; found {
			e.workload(w)
		} else if e.Missing(pair.Stable) {
			e.missing(pair.Stable)
		}
	}
}

// candidates returns the workloads that a release may be about: those to which routes
// lead. A namespace without such routes may have them elsewhere, or none yet. Then it
// returns what would get a canary by default: the Deployments that a Service selects, that
// nobody else releases, and that share no volume. Others, such as a database, are nobody's
// release.
func (e *Exam) candidates(reports []GatewayReport) []Object {
	routed := leadInto(reports, e.Namespace)
	var some []Object
	for _, w := range e.Of(e.Namespace, workloadKinds...) {
		switch {
		case w.IsCanary():
		case routed && e.serves(w, func(service manifest.ID) bool { return leads(reports, service) }):
			some = append(some, w)
		case !routed && w.ID.Kind == "Deployment" && e.serves(w, nil) && e.ordinary(w):
			some = append(some, w)
		}
	}
	return some
}

// ordinary reports whether nothing keeps a workload from getting a canary.
func (e *Exam) ordinary(w Object) bool {
	_, others := e.releaser(w.ID)
	exclusive, unknown := e.claims(w)
	return !others && len(exclusive)+len(unknown) == 0
}

// serves reports whether a Service selects the pods of a workload. Only those count that
// pass the filter, if there is one.
func (e *Exam) serves(w Object, counts func(manifest.ID) bool) bool {
	for _, s := range e.Of(w.ID.Namespace, "Service") {
		if (counts == nil || counts(s.ID)) && serviceSelector(s).Matches(templateLabels(w)) {
			return true
		}
	}
	return false
}

// missing reports a stable workload that does not exist.
func (e *Exam) missing(id manifest.ID) {
	const problem = "it is not in the cluster"
	if by, others := e.releaser(id); others {
		e.find("releaser", id.String(), fmt.Sprintf("%s, but %s is in its place", problem, by), "release the new version with that; a workload beside it would get its requests, too")
		return
	}
	e.find("stable", id.String(), problem+", so there is nothing to compare a canary with", "apply the stable version first")
}

// workload examines a stable workload. If another program releases it, nothing else counts:
// other advice would disturb that program.
func (e *Exam) workload(w Object) {
	if by, others := e.releaser(w.ID); others {
		e.find("releaser", w.ID.String(), fmt.Sprintf("%s releases it, so no canary is possible beside it", by),
			"release the new version with that, which also sets the number of its pods")
		return
	}
	for _, check := range []func(Object){e.rival, e.paused, e.volumes, e.strategy, e.probe, e.pods} {
		check(w)
	}
}

// mend returns advice to change a workload. If a controller keeps the workload as it is,
// the advice is to change that controller's object: it would undo any other change.
func mend(w Object, advice string) string {
	if _, kind, name := owner.Controller(w.Object); kind != "" {
		return fmt.Sprintf("change it in %s %s/%s, which controls it and would undo other changes", kind, w.ID.Namespace, name)
	}
	return advice
}

// target returns a workload as commands of kubectl name it.
func target(w Object) string {
	return fmt.Sprintf("%s/%s -n %s", w.ID.Kind, w.ID.Name, w.ID.Namespace)
}

func (e *Exam) paused(w Object) {
	if w.Value("spec", "paused") == true {
		e.find("stable", w.ID.String(), "it is paused, so a promotion would never be rolled out",
			mend(w, fmt.Sprintf("find out who paused it and why; then kubectl rollout resume %s, which at once rolls out whatever was changed meanwhile", target(w))))
	}
}

// strategy examines how a promotion replaces the pods.
func (e *Exam) strategy(w Object) {
	exclusive, unknown := e.claims(w)
	find := func(problem, advice string) { e.find("stable", w.ID.String(), problem, advice) }
	switch {
	case w.ID.Kind != "Deployment" && w.Text("spec", "updateStrategy", "type") == "OnDelete":
		find("its update strategy is OnDelete, so a promotion changes no pod until somebody deletes it",
			"delete its pods one by one after a promotion, in an order that suits the application")
	case w.ID.Kind != "Deployment" || w.Text("spec", "strategy", "type") != "Recreate" || len(exclusive) > 0: // the check of volumes reports those
	case len(unknown) > 0:
		find(fmt.Sprintf("its strategy is Recreate, perhaps because of PersistentVolumeClaim %s: whether two pods of different versions may mount it is not known", strings.Join(unknown, ", ")),
			fmt.Sprintf("see kubectl get pvc %s -n %s; unless it is ReadWriteMany, release without a canary, and leave the strategy as it is", strings.Join(unknown, " "), w.ID.Namespace))
	default:
		find("its strategy is Recreate: a promotion ends all pods before it starts the new ones, and perhaps two versions must not run at once, as they do with a canary",
			mend(w, "if two versions may run at once, set spec.strategy.type to RollingUpdate; if not, release without a canary"))
	}
}

func (e *Exam) probe(w Object) {
	if !hasReadinessProbe(w) {
		e.find("stable", w.ID.String(), "no container has a readinessProbe, so pods count as ready, and get requests, before they can answer",
			mend(w, "add a readinessProbe to the container that serves, with the next version"))
	}
}

// pods examines whether the workload serves.
func (e *Exam) pods(w Object) {
	find := func(problem, advice string) { e.find("stable", w.ID.String(), problem, advice) }
	describe := "see kubectl describe " + target(w)
	switch status := readiness.Compute(w.Object); {
	case w.ID.Kind != "DaemonSet" && w.number(1, "spec", "replicas") == 0:
		find("it has 0 pods, so nothing serves and there is nothing to compare a canary with", e.whyNoPods(w))
	case status.Phase == readiness.Terminating:
		find("it is being deleted", "find out who deletes it, and release when the stable version serves")
	case w.ID.Kind == "DaemonSet" && w.Value("status", "observedGeneration") != nil && w.number(0, "status", "desiredNumberScheduled") == 0:
		find("no node takes its pods, so nothing serves and there is nothing to compare a canary with", "compare its nodeSelector, affinity and tolerations with the nodes; "+describe)
	case w.number(0, "status", "readyReplicas")+w.number(0, "status", "numberReady") == 0:
		find("none of its pods is ready"+e.trouble(w), "repair the stable version first; "+describe)
	case status.Phase == readiness.Failed:
		find("its rollout has failed: "+status.Message, "repair the stable version first; "+describe)
	case status.Phase != readiness.Current:
		find("its rollout has not finished: "+status.Message, "wait for kubectl rollout status "+target(w))
	}
}

// trouble returns the problem that a pod of a workload reports.
func (e *Exam) trouble(w Object) string {
	selects := workloadSelector(w)
	for _, p := range e.Of(w.ID.Namespace, "Pod") {
		if !selects.Matches(labels.Set(p.GetLabels())) {
			continue
		}
		if t, found := readiness.PodTrouble(p.Object); found {
			return ": " + t.String()
		}
	}
	return ""
}

func hasReadinessProbe(w Object) bool {
	return slices.ContainsFunc(w.List("spec", "template", "spec", "containers"), func(c map[string]any) bool { return c["readinessProbe"] != nil })
}
