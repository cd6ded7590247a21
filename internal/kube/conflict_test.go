package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"
)

func TestConflictError(t *testing.T) {
	cause := func(owner, field string) metav1.StatusCause {
		return metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Message: "conflict with " + owner, Field: field}
	}
	err := apierrors.NewApplyConflict([]metav1.StatusCause{
		cause(`"helm" using apps/v1`, ".spec.a"), cause(`"argocd-controller"`, ".spec.b"), cause(`"helm" using apps/v1 at 2026-01-02T03:04:05Z`, ".spec.c"),
		cause(`"kubectl" with subresource "scale" using apps/v1`, ".spec.replicas"), cause(`"a \"b\""`, ".spec.d"), cause("no quotes", ".spec.e"),
	}, "conflicts")
	want := map[owner][]string{
		{manager: "helm"}: {".spec.a", ".spec.c"}, {manager: "argocd-controller", apply: true}: {".spec.b"},
		{manager: "kubectl", subresource: "scale"}: {".spec.replicas"}, {manager: `a "b"`, apply: true}: {".spec.d"}, {manager: "conflict with no quotes"}: {".spec.e"},
	}
	if diff := cmp.Diff(want, ownersOf(fmt.Errorf("wrapped: %w", err)), cmp.AllowUnexported(owner{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	const text = `Deployment shop/web: other field managers own the fields: .spec.b by "argocd-controller"; .spec.a, .spec.c by "helm"; .spec.replicas by "kubectl" (scale)`
	fields := map[string][]string{"argocd-controller": {".spec.b"}, "helm": {".spec.a", ".spec.c"}, "kubectl (scale)": {".spec.replicas"}}
	if got := (&ConflictError{Ref: Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}, Fields: fields}).Error(); got != text {
		t.Error(got)
	}
	for _, other := range []error{nil, errors.New("x"), apierrors.NewConflict(metav1.SchemeGroupVersion.WithResource("x").GroupResource(), "x", errors.New("y"))} {
		if owners := ownersOf(other); owners != nil {
			t.Errorf("%v: owners %v", other, owners)
		}
	}
}

// TestOurs: canarize takes over its own fields and what kubectl wrote from manifests.
func TestOurs(t *testing.T) {
	for message, want := range map[string]bool{
		`conflict with "canarize" using apps/v1`:                                         true,
		`conflict with "canarize" with subresource "scale" using apps/v1`:                true,
		`conflict with "kubectl"`:                                                        true,
		`conflict with "kubectl-client-side-apply" using apps/v1`:                        true,
		`conflict with "kubectl-create" using apps/v1`:                                   true,
		`conflict with "kubectl-replace" using apps/v1`:                                  true,
		`conflict with "kubectl" using apps/v1`:                                          false,
		`conflict with "kubectl" with subresource "scale" using apps/v1`:                 false,
		`conflict with "kubectl-edit" using apps/v1`:                                     false,
		`conflict with "kubectl-patch" using apps/v1 at 2026-01-02T03:04:05Z`:            false,
		`conflict with "kubectl-client-side-apply"`:                                      false,
		`conflict with "kube-controller-manager" with subresource "scale" using apps/v1`: false,
		`conflict with "helm"`:                                                           false,
		`conflict with "argocd-controller"`:                                              false,
		`conflict with "before-first-apply"`:                                             false,
		`kubectl`:                                                                        false,
		``:                                                                               false,
		`"`:                                                                              false,
	} {
		if got := parseOwner(message).ours(); got != want {
			t.Errorf("%s: %v, want %v", message, got, want)
		}
	}
}

// TestAdoption: whatever kubectl wrote from manifests, in any order, becomes canarize's,
// and every other owner keeps what it has.
func TestAdoption(t *testing.T) {
	managers := append([]owner{
		{manager: FieldManager, apply: true}, {manager: "kubectl", subresource: "scale"}, {manager: "kubectl-edit"},
		{manager: "helm", apply: true}, {manager: "kube-controller-manager", subresource: "status"},
	}, byManifest...)
	rapid.Check(t, func(t *rapid.T) {
		chosen := rapid.SliceOfDistinct(rapid.SampledFrom(managers), func(o owner) owner { return o }).Draw(t, "managers")
		var entries, kept []metav1.ManagedFieldsEntry
		adopted, fields := false, map[string]bool{}
		for i, o := range chosen {
			field := fmt.Sprintf("f:field%d", i)
			e := metav1.ManagedFieldsEntry{Manager: o.manager, Operation: metav1.ManagedFieldsOperationUpdate, Subresource: o.subresource, APIVersion: "apps/v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fmt.Sprintf(`{%q:{}}`, field))}
			if o.apply {
				e.Operation = metav1.ManagedFieldsOperationApply
			}
			entries = append(entries, e)
			ours := slices.Contains(byManifest, o)
			adopted = adopted || ours
			if ours || o == (owner{manager: FieldManager, apply: true}) {
				fields[field] = true
			} else {
				kept = append(kept, e)
			}
		}
		object := unstructured.Unstructured{Object: values{"metadata": values{"resourceVersion": "7"}}}
		object.SetManagedFields(entries)
		before := object.DeepCopy()
		patch, err := adoption(object.Object, values{"spec": values{"replicas": 1}})
		if err != nil || (patch != nil) != adopted {
			t.Fatalf("patch %s, %v", patch, err)
		}
		if diff := cmp.Diff(before.Object, object.Object); diff != "" {
			t.Fatalf("the object was changed:\n%s", diff)
		}
		if patch == nil {
			return
		}
		own, others := applied(t, patch)
		if diff := cmp.Diff(fields, own); diff != "" {
			t.Fatalf("fields of canarize (-want +got):\n%s", diff)
		}
		if fmt.Sprint(kept) != fmt.Sprint(others) {
			t.Fatalf("others had %v, now %v", kept, others)
		}
	})
}

// applied returns the names of canarize's fields after a patch of managedFields at version
// 7, and the entries of others.
func applied(t *rapid.T, patch []byte) (own map[string]bool, others []metav1.ManagedFieldsEntry) {
	var steps []struct {
		Path  string
		Value json.RawMessage
	}
	var after []metav1.ManagedFieldsEntry
	if err := json.Unmarshal(patch, &steps); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(steps[0].Value, &after); err != nil || string(steps[1].Value) != `"7"` {
		t.Fatalf("%v: %s", err, patch)
	}
	own = map[string]bool{}
	for _, e := range after {
		if ownerOf(e) != (owner{manager: FieldManager, apply: true}) {
			others = append(others, e)
			continue
		}
		var set map[string]any
		if err := json.Unmarshal([]byte(e.FieldsV1.GetRawString()), &set); err != nil {
			t.Fatal(err)
		}
		for field := range set {
			own[field] = true
		}
	}
	return own, others
}

// TestReplicasStay: the number of pods, left out of the next version, belongs neither to
// canarize nor to kubectl's manifests afterwards; all other fields stay as they were.
func TestReplicasStay(t *testing.T) {
	entry := func(o owner, fields string) metav1.ManagedFieldsEntry {
		e := metav1.ManagedFieldsEntry{Manager: o.manager, Operation: metav1.ManagedFieldsOperationUpdate, Subresource: o.subresource, APIVersion: "apps/v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields)}
		if o.apply {
			e.Operation = metav1.ManagedFieldsOperationApply
		}
		return e
	}
	own, scale := owner{manager: FieldManager, apply: true}, owner{manager: "kube-controller-manager", subresource: "scale"}
	for name, tt := range map[string]struct {
		before []metav1.ManagedFieldsEntry
		next   values
		want   string // managedFields of canarize; "" if nothing is written
	}{
		"kubectl":        {[]metav1.ManagedFieldsEntry{entry(byManifest[0], `{"f:spec":{"f:replicas":{},"f:x":{}}}`)}, values{}, `{"f:spec":{"f:x":{}}}`},
		"canarize":       {[]metav1.ManagedFieldsEntry{entry(own, `{"f:spec":{"f:replicas":{},"f:x":{}}}`)}, values{}, `{"f:spec":{"f:x":{}}}`},
		"nothing else":   {[]metav1.ManagedFieldsEntry{entry(own, `{"f:metadata":{"f:x":{}},"f:spec":{"f:replicas":{}}}`)}, values{}, `{"f:metadata":{"f:x":{}}}`},
		"not owned":      {[]metav1.ManagedFieldsEntry{entry(own, `{"f:spec":{"f:x":{}}}`), entry(scale, `{"f:spec":{"f:replicas":{}}}`)}, values{}, ""},
		"in the version": {[]metav1.ManagedFieldsEntry{entry(own, `{"f:spec":{"f:replicas":{}}}`)}, values{"spec": values{"replicas": 2}}, ""},
		"no owner":       {nil, values{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			object := unstructured.Unstructured{Object: values{"metadata": values{}}}
			object.SetManagedFields(tt.before)
			patch, err := adoption(object.Object, tt.next)
			if err != nil || (patch == nil) != (tt.want == "") || tt.want != "" && !strings.Contains(string(patch), `"fieldsV1":`+tt.want) {
				t.Errorf("%s, %v; want %s", patch, err, tt.want)
			}
		})
	}
}
