package owner_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/owner"
)

var books = manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "library", Name: "books"}

func objects(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, document := range strings.Split(text, "---") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// TestWhoReleasesAndScales: only an object of the right kind, in the workload's namespace,
// that names the workload releases or scales it.
func TestWhoReleasesAndScales(t *testing.T) {
	for _, c := range []struct{ name, objects, releases, scales string }{
		{"nobody", ``, "", ""},
		{"Argo Rollouts", `{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: novels, namespace: library}, spec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: books}}}`,
			"Rollout library/novels of Argo Rollouts", ""},
		{"Argo Rollouts with its own template", `{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: books, namespace: library}, spec: {template: {}}}`, "", ""},
		{"a Rollout of another group", `{apiVersion: rollouts.example.com/v1, kind: Rollout, metadata: {name: books, namespace: library}, spec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: books}}}`, "", ""},
		{"Flagger", `{apiVersion: flagger.app/v1beta1, kind: Canary, metadata: {name: books, namespace: library}, spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: books}}}`,
			"Canary library/books of Flagger", ""},
		{"Flagger elsewhere", `{apiVersion: flagger.app/v1beta1, kind: Canary, metadata: {name: books, namespace: school}, spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: books}}}`, "", ""},
		{"Flagger, a DaemonSet", `{apiVersion: flagger.app/v1beta1, kind: Canary, metadata: {name: books, namespace: library}, spec: {targetRef: {apiVersion: apps/v1, kind: DaemonSet, name: books}}}`, "", ""},
		{"Flagger, Knative", `{apiVersion: flagger.app/v1beta1, kind: Canary, metadata: {name: books, namespace: library}, spec: {targetRef: {apiVersion: serving.knative.dev/v1, kind: Deployment, name: books}}}`, "", ""},
		{"KEDA by default a Deployment", `{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: queue, namespace: library}, spec: {scaleTargetRef: {name: books}}}`, "", "ScaledObject library/queue of KEDA"},
		{"KEDA, a StatefulSet", `{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: queue, namespace: library}, spec: {scaleTargetRef: {kind: StatefulSet, name: books}}}`, "", ""},
		{"an autoscaler of KEDA, whose objects are not read", `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: keda-hpa-queue, namespace: library, ownerReferences: [{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: queue, controller: true}]}, spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: books}}}`,
			"", "ScaledObject library/queue of KEDA"},
		{"an old autoscaler", `{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: b, namespace: library}, spec: {scaleTargetRef: {apiVersion: extensions/v1beta1, kind: Deployment, name: books}}}
---
{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: a, namespace: library}, spec: {scaleTargetRef: {apiVersion: extensions/v1beta1, kind: Deployment, name: books}}}`, "", "HorizontalPodAutoscaler library/a"},
		{"wrong types", `{apiVersion: flagger.app/v1beta1, kind: Canary, metadata: [], spec: {targetRef: books}}
---
{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: books, namespace: library}, spec: {workloadRef: [books]}}
---
{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: 1, namespace: library}, spec: books}`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := objects(t, c.objects)
			releaser, _ := owner.Releaser(books, map[string]any{}, all)
			scaler, _ := owner.Scaler(books, all)
			if releaser.String() != c.releases || scaler.String() != c.scales {
				t.Errorf("released by %q, scaled by %q", releaser, scaler)
			}
		})
	}
}

// TestReplaced: a Rollout with its own template stands for a Deployment that is gone.
func TestReplaced(t *testing.T) {
	const own = `{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: %, namespace: library}, spec: {template: {}}}`
	for name, want := range map[string]string{"books": "Rollout library/books of Argo Rollouts", "novels": ""} {
		if by, _ := owner.Releaser(books, nil, objects(t, strings.Replace(own, "%", name, 1))); by.String() != want {
			t.Errorf("%s: %q, want %q", name, by, want)
		}
	}
}

// TestMarks: a workload shows who made it, and who took its pods away.
func TestMarks(t *testing.T) {
	const managed = `managedFields: [{manager: kubectl, fieldsV1: {"f:spec": {"f:template": {}}}}, {manager: %, operation: Update, fieldsV1: {"f:spec": {"f:replicas": {}}}}]`
	for _, c := range []struct{ name, workload, made, marked string }{
		{"nothing", `{spec: {replicas: 0}}`, "", ""},
		{"made by Flagger", `{metadata: {name: books, namespace: library, ownerReferences: [{apiVersion: flagger.app/v1beta1, kind: Canary, name: novels, controller: true}]}}`, "Canary library/novels of Flagger", ""},
		{"only deleted with a Canary", `{metadata: {ownerReferences: [{apiVersion: flagger.app/v1beta1, kind: Canary, name: novels}]}}`, "", ""},
		{"made by an operator", `{metadata: {ownerReferences: [{apiVersion: example.com/v1, kind: Library, name: novels, controller: true}]}}`, "", ""},
		{"scaled to 0 by Flagger", `{metadata: {` + strings.Replace(managed, "%", "flagger", 1) + `}, spec: {replicas: 0}}`, "", "Flagger"},
		{"scaled to 0 by Argo Rollouts", `{metadata: {` + strings.Replace(managed, "%", "rollouts-controller", 1) + `}, spec: {replicas: 0}}`, "", "Argo Rollouts"},
		{"scaled to 0 by somebody", `{metadata: {` + strings.Replace(managed, "%", "kubectl", 1) + `}, spec: {replicas: 0}}`, "", ""},
		{"scaled by Flagger", `{metadata: {` + strings.Replace(managed, "%", "flagger", 1) + `}, spec: {replicas: 2}}`, "", ""},
		{"a DaemonSet without nodes", `{kind: DaemonSet, spec: {template: {spec: {nodeSelector: {flagger.app/scale-to-zero: "true"}}}}}`, "", "Flagger"},
		{"wrong types", `{metadata: {ownerReferences: {controller: true}, managedFields: [1, {fieldsV1: []}]}, spec: {replicas: 0, template: {spec: {nodeSelector: []}}}}`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			workload := objects(t, c.workload)[0]
			made, _ := owner.Releaser(books, workload, nil)
			marked, _ := owner.Marked(workload)
			if made.String() != c.made || marked.String() != c.marked {
				t.Errorf("made by %q, marked by %q", made, marked)
			}
		})
	}
}
