package doctor

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/readiness"
)

var workloadKinds = []string{"DaemonSet", "Deployment", "StatefulSet"}

// stable examines the workloads that a canary is compared with: those of the planned
// release, or all that a Service selects.
func (e *Exam) stable() {
	if e.Wanted == nil {
		for _, w := range e.Of(e.Namespace, workloadKinds...) {
			if !w.IsCanary() && e.serves(w) {
				e.workload(w)
			}
		}
		return
	}
	for _, pair := range e.Wanted.Plan.Workloads {
		if w, found := e.byID[pair.Stable]; found {
			e.workload(w)
		} else if e.Missing(pair.Stable) {
			e.find("stable", pair.Stable.String(), "it is not in the cluster, so there is nothing to compare a canary with", "apply the stable version first")
		}
	}
}

// serves reports whether a Service selects the pods of a workload.
func (e *Exam) serves(w Object) bool {
	for _, s := range e.Of(w.ID.Namespace, "Service") {
		if serviceSelector(s).Matches(templateLabels(w)) {
			return true
		}
	}
	return false
}

func (e *Exam) workload(w Object) {
	about, name := w.ID.String(), fmt.Sprintf("%s/%s -n %s", w.ID.Kind, w.ID.Name, w.ID.Namespace)
	find := func(problem, mend string) { e.find("stable", about, problem, mend) }
	if w.Value("spec", "paused") == true {
		find("it is paused, so a promotion would never be rolled out", "kubectl rollout resume "+name)
	}
	if w.ID.Kind == "Deployment" && w.Text("spec", "strategy", "type") == "Recreate" {
		find("its strategy is Recreate, so a promotion ends all pods before it starts the new ones", "set spec.strategy.type to RollingUpdate")
	}
	if !hasReadinessProbe(w) {
		find("no container has a readinessProbe, so pods count as ready, and get requests, before they can answer", "add a readinessProbe to the container that serves")
	}
	switch status := readiness.Compute(w.Object); {
	case w.ID.Kind != "DaemonSet" && w.number(1, "spec", "replicas") == 0:
		find("it has 0 pods, so nothing serves and there is nothing to compare a canary with", "kubectl scale --replicas=2 "+name)
	case w.number(0, "status", "readyReplicas")+w.number(0, "status", "numberReady") == 0:
		find("none of its pods is ready"+e.trouble(w), "repair the stable version first; see kubectl describe "+name)
	case status.Phase != readiness.Current:
		find("its rollout has not finished: "+status.Message, "wait for kubectl rollout status "+name)
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

// selectors looks for objects that select the pods of a canary by mistake.
func (e *Exam) selectors() {
	for _, c := range e.canaryWorkloads() {
		pods := templateLabels(c)
		for _, s := range e.Of(c.ID.Namespace, "Service") {
			if selects := serviceSelector(s); !s.IsCanary() && selects.Matches(pods) {
				e.find("selector", s.ID.String(), fmt.Sprintf("its selector %s also selects the pods of the canary's %s %s: they get its requests at any weight", selects, c.ID.Kind, c.ID.Name),
					"pass its manifest to canarize with the others, so that the canary's pods get other labels, or narrow its selector; canarize reject removes an existing canary")
			}
		}
		for _, w := range e.Of(c.ID.Namespace, workloadKinds...) {
			if selects := workloadSelector(w); !w.IsCanary() && selects.Matches(pods) {
				e.find("selector", w.ID.String(), fmt.Sprintf("its selector %s also selects the pods of the canary's %s %s", selects, c.ID.Kind, c.ID.Name),
					"pass its manifest to canarize with the others, so that the canary's pods get other labels, or narrow its selector")
			}
		}
	}
}

// canaryWorkloads returns the existing and the planned workloads of canaries.
func (e *Exam) canaryWorkloads() []Object {
	var all []Object
	for _, o := range e.Of(e.Namespace, workloadKinds...) {
		if o.IsCanary() {
			all = append(all, o)
		}
	}
	if e.Wanted == nil {
		return all
	}
	for _, pair := range e.Wanted.Plan.Workloads {
		if _, stands := e.byID[pair.Canary]; stands {
			continue
		}
		for _, o := range e.Wanted.Plan.Canary {
			if object.ID(o) == pair.Canary {
				all = append(all, Object{unstructured.Unstructured{Object: o}, pair.Canary})
			}
		}
	}
	return all
}

func templateLabels(w Object) labels.Set {
	set, _, _ := unstructured.NestedStringMap(w.Object, "spec", "template", "metadata", "labels")
	return set
}

// serviceSelector returns a selector that matches nothing for a Service without a
// selector.
func serviceSelector(s Object) labels.Selector {
	wanted, _, _ := unstructured.NestedStringMap(s.Object, "spec", "selector")
	if len(wanted) == 0 {
		return labels.Nothing()
	}
	return labels.SelectorFromSet(wanted)
}

// workloadSelector returns a selector that matches nothing if the workload's selector
// cannot be read.
func workloadSelector(w Object) labels.Selector {
	given, _ := w.Value("spec", "selector").(map[string]any)
	var selector metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(given, &selector); err != nil {
		return labels.Nothing()
	}
	selects, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil || selects.Empty() {
		return labels.Nothing()
	}
	return selects
}
