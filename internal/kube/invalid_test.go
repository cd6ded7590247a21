package kube

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// template stands for the template of a pod, which the API server repeats.
var template = map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "web"}}, "spec": strings.Repeat("x", 3000)}

// TestImmutable checks messages of k8s.io/kubernetes/pkg/apis and of CRDs.
func TestImmutable(t *testing.T) {
	spec := field.NewPath("spec")
	for _, c := range []struct {
		kind      string
		err       *field.Error
		immutable bool
		text      string // is the end
	}{
		{"Job", field.Invalid(spec.Child("template"), template, "field is immutable"), true, ": field is immutable"},
		{"Deployment", field.Invalid(spec.Child("selector"), map[string]any{"matchLabels": map[string]any{"app": "b"}}, "field is immutable"), true, `spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable`},
		{"StatefulSet", field.Forbidden(spec, "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"), true, "are forbidden"},
		{"Pod", field.Forbidden(spec, "pod updates may not change fields other than `spec.containers[*].image`,`spec.tolerations`\n  core.PodSpec{\n-  a\n+  b"), true, "pod updates may not change fields other than `spec.containers[*].image`,`spec.tolerations`"},
		{"PersistentVolumeClaim", field.Forbidden(spec, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n  core.PersistentVolumeClaimSpec{"), true, "for bound claims"},
		{"ConfigMap", field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set"), true, "data: Forbidden: field is immutable when `immutable` is set"},
		{"Service", field.Invalid(spec.Child("clusterIPs").Index(0), []string{"10.0.0.1"}, "may not change once set"), true, "may not change once set"},
		{"StorageClass", field.Forbidden(field.NewPath("provisioner"), "updates to provisioner are forbidden."), true, "updates to provisioner are forbidden."},
		{"RoleBinding", field.Invalid(field.NewPath("roleRef"), "x", "cannot change roleRef"), true, "cannot change roleRef"},
		{"Certificate", field.Invalid(spec, "object", "issuer cannot be changed"), true, "issuer cannot be changed"},

		{"Deployment", field.Required(spec.Child("template"), ""), false, "spec.template: Required value"},
		{"Deployment", field.Invalid(spec.Child("strategy"), "140%", "may not be more than 100 percent"), false, "100 percent"},
		{"Service", field.Duplicate(spec.Child("ports"), "http"), false, `Duplicate value: "http"`},
		{"PersistentVolumeClaim", field.Forbidden(spec.Child("resources"), "field can not be less than status.capacity"), false, "status.capacity"},
		{"Mapping", field.Invalid(spec.Child("prefix"), template, "must be a string"), false, ": must be a string"},
	} {
		err := failed(Ref{Kind: c.kind, Namespace: "shop", Name: "web"}, "apply", apierrors.NewInvalid(schema.GroupKind{Kind: c.kind}, "web", field.ErrorList{c.err}))
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Immutable != c.immutable || !apierrors.IsInvalid(err) {
			t.Errorf("%s: immutable %v in %v", c.err.Detail, invalid.Immutable, err)
		}
		if text := err.Error(); !strings.HasPrefix(text, c.kind+" shop/web: apply: "+c.err.Field+": ") || !strings.HasSuffix(text, c.text) || len(text) > 400 || strings.Contains(text, "\n") {
			t.Errorf("%d bytes: %s", len(text), text)
		}
	}
}

func TestRemedy(t *testing.T) {
	for kind, want := range map[string]string{
		"Job":                   "delete it once it has ended (kubectl delete job web -n shop), give it a new name for every version, or leave it out of the manifests",
		"Pod":                   "delete it once it has ended (kubectl delete pod web -n shop), give it a new name for every version, or leave it out of the manifests",
		"Secret":                "give it a new name, also where the pods refer to it, or leave it out of the manifests",
		"Deployment":            "leave the field as it is in the cluster, or give the object a new name",
		"PersistentVolumeClaim": "leave the field as it is in the cluster, or give the object a new name",
	} {
		e := InvalidError{Ref: Ref{Kind: kind, Namespace: "shop", Name: "web"}}
		if e.Remedy() != want {
			t.Errorf("%s: %s", kind, e.Remedy())
		}
	}
}

// TestManyReasons: what is repeated is said once, and the number of reasons is bounded.
func TestManyReasons(t *testing.T) {
	var all field.ErrorList
	for i := range 9 {
		all = append(all, field.Required(field.NewPath("spec", fmt.Sprint("f", i%7)), ""))
	}
	err := failed(Ref{Kind: "Route", Name: "web"}, "apply", apierrors.NewInvalid(schema.GroupKind{Kind: "Route"}, "web", all))
	if want := "Route web: apply: spec.f0: Required value; spec.f1: Required value; spec.f2: Required value; spec.f3: Required value; and 3 more reasons"; err.Error() != want {
		t.Error(err)
	}
	err = failed(Ref{Kind: "Route", Name: "web"}, "apply", apierrors.NewInvalid(schema.GroupKind{Kind: "Route"}, "web", nil))
	if want := `Route web: apply: Route "web" is invalid`; err.Error() != want {
		t.Error(err)
	}
}
