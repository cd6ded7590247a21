package doctor

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/canarize/canarize/internal/object"
)

var workloadKinds = []string{"DaemonSet", "Deployment", "StatefulSet"}

// selectors looks for objects that select the pods of a canary by mistake.
func (e *Exam) selectors() {
	for _, c := range e.canaryWorkloads() {
		pods := templateLabels(c)
		for _, s := range e.Of(c.ID.Namespace, "Service") {
			if selects := serviceSelector(s); !s.IsCanary() && selects.Matches(pods) {
				e.find("selector", s.ID.String(), fmt.Sprintf("its selector %s also selects the pods of the canary's %s %s: they get its requests at any weight", selects, c.ID.Kind, c.ID.Name),
					"pass its manifest to canarize with the others, so that the canary's pods get other labels; or narrow its selector, if it selects pods of other applications by mistake; canarize reject removes an existing canary")
			}
		}
		for _, w := range e.Of(c.ID.Namespace, workloadKinds...) {
			if selects := workloadSelector(w); !w.IsCanary() && selects.Matches(pods) {
				e.find("selector", w.ID.String(), fmt.Sprintf("its selector %s also selects the pods of the canary's %s %s", selects, c.ID.Kind, c.ID.Name),
					"pass its manifest to canarize with the others, so that the canary's pods get other labels; canarize reject removes an existing canary")
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
