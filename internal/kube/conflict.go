package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
)

// ConflictError reports that other field managers own fields that were to be written.
type ConflictError struct {
	Ref Ref
	// Fields maps each owner to the paths of its fields. An owner is a field manager,
	// such as argocd-controller. If it wrote through a subresource, that follows in
	// parentheses: kubectl (scale).
	Fields map[string][]string
}

func (e *ConflictError) Error() string {
	var parts []string
	for _, owner := range slices.Sorted(maps.Keys(e.Fields)) {
		manager, through := owner, ""
		if at := strings.LastIndex(owner, " ("); at >= 0 {
			manager, through = owner[:at], owner[at:]
		}
		parts = append(parts, fmt.Sprintf("%s by %q%s", strings.Join(e.Fields[owner], ", "), manager, through))
	}
	return fmt.Sprintf("%s: other field managers own the fields: %s", e.Ref, strings.Join(parts, "; "))
}

// ByHand reports whether somebody changed all the fields with commands of kubectl.
func (e *ConflictError) ByHand() bool {
	for owner := range e.Fields {
		if owner != "kubectl" && !strings.HasPrefix(owner, "kubectl ") && !strings.HasPrefix(owner, "kubectl-") {
			return false
		}
	}
	return len(e.Fields) > 0
}

// owner is a field manager, as managedFields and conflicts name it.
type owner struct {
	manager, subresource string
	apply                bool // by server-side apply; otherwise by an update or a patch
}

func (o owner) String() string {
	if o.subresource == "" {
		return o.manager
	}
	return fmt.Sprintf("%s (%s)", o.manager, o.subresource)
}

func ownerOf(e metav1.ManagedFieldsEntry) owner {
	return owner{e.Manager, e.Subresource, e.Operation == metav1.ManagedFieldsOperationApply}
}

// byManifest holds what kubectl writes from a file of manifests: by apply --server-side,
// apply, create and replace. Its fields come from an earlier version of the manifests that
// canarize applies. Changes by hand (kubectl edit, patch, scale, set) and by controllers are
// in no manifest.
var byManifest = []owner{
	{manager: "kubectl", apply: true},
	{manager: "kubectl-client-side-apply"}, {manager: "kubectl-create"}, {manager: "kubectl-replace"},
}

// ours reports whether canarize may take the fields of an owner over without being told.
// canarize itself may own a field under another kind of operation, by the patch of a
// weight or a scale. The API server treats that as another owner.
func (o owner) ours() bool { return o.manager == FieldManager || slices.Contains(byManifest, o) }

// adoption returns the patch that makes canarize the owner of what kubectl has written
// from manifests into an object, before next is applied to it; nil if there is nothing to
// do. If next leaves out the number of pods, nobody owns that afterwards: the API server
// would reset a number to 1 that loses its owner by an apply.
func adoption(object, next map[string]any) ([]byte, error) {
	if object == nil {
		return nil, nil
	}
	u := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{}}}
	before := (&unstructured.Unstructured{Object: object}).GetManagedFields()
	entries := slices.Clone(before)
	_, scaled, _ := unstructured.NestedFieldNoCopy(next, "spec", "replicas")
	managers := sets.New[string]()
	for i, e := range entries {
		fromFile := slices.Contains(byManifest, ownerOf(e))
		if !scaled && (fromFile || ownerOf(e) == owner{manager: FieldManager, apply: true}) {
			fields, err := withoutReplicas(e.FieldsV1)
			if err != nil {
				return nil, err
			}
			entries[i].FieldsV1 = fields
		}
		if fromFile { // csaupgrade takes over updates by the names of their managers
			entries[i].Manager, entries[i].Operation = fmt.Sprintf("adopted %d", i), metav1.ManagedFieldsOperationUpdate
			managers.Insert(entries[i].Manager)
		}
	}
	u.SetManagedFields(entries)
	if err := csaupgrade.UpgradeManagedFields(u, managers, FieldManager); err != nil {
		return nil, err
	}
	after := u.GetManagedFields()
	if apiequality.Semantic.DeepEqual(before, after) {
		return nil, nil
	}
	return json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/managedFields", "value": after},
		// The API server refuses the patch as a conflict if somebody wrote the object meanwhile.
		{"op": "replace", "path": "/metadata/resourceVersion", "value": (&unstructured.Unstructured{Object: object}).GetResourceVersion()},
	})
}

// withoutReplicas returns a set of fields without spec.replicas.
func withoutReplicas(fields *metav1.FieldsV1) (*metav1.FieldsV1, error) {
	if fields == nil {
		return nil, nil
	}
	var set map[string]any
	if err := json.Unmarshal([]byte(fields.GetRawString()), &set); err != nil {
		return nil, fmt.Errorf("managedFields: %w", err)
	}
	spec, _ := set["f:spec"].(map[string]any)
	if _, owned := spec["f:replicas"]; !owned {
		return fields, nil
	}
	if delete(spec, "f:replicas"); len(spec) == 0 {
		delete(set, "f:spec")
	}
	text, err := json.Marshal(set)
	return metav1.NewFieldsV1(string(text)), err
}

// keepReplicas corrects the result of a dry run, which cannot adopt: the number of pods
// that next leaves out stays as it is before.
func keepReplicas(after, next, before map[string]any) {
	n, known, _ := unstructured.NestedFieldNoCopy(before, "spec", "replicas")
	_, set, _ := unstructured.NestedFieldNoCopy(next, "spec", "replicas")
	if spec, isObject := after["spec"].(map[string]any); isObject && known && !set {
		spec["replicas"] = n
	}
}

// adoptable reports whether adopt would do anything.
func adoptable(object, next map[string]any) bool {
	patch, err := adoption(object, next)
	return err == nil && patch != nil
}

// adopt makes canarize the owner of what kubectl has written from manifests, and returns
// the resulting object. kubectl does the same when it changes to server-side apply: the
// fields come from an earlier version of the same manifests. Without it, every changed
// field would be a conflict, and fields that the new version dropped would stay for ever.
func (c *Cluster) adopt(ctx context.Context, ref Ref, resource served, object, next map[string]any) (map[string]any, error) {
	for object != nil {
		patch, err := adoption(object, next)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ref, err)
		}
		if patch == nil {
			break
		}
		after, err := withRetry(ctx, c, operation{http.MethodPatch, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
			return resource.Patch(ctx, ref.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
		})
		switch {
		case err == nil:
			c.cached.store(resource.key, after.Object)
			return after.Object, nil
		case !apierrors.IsConflict(err):
			return nil, failed(ref, "patch", err)
		}
		if object, err = c.fresh(ctx, ref, resource); err != nil { // somebody else wrote it at the same moment
			return nil, err
		}
	}
	return object, nil
}

// ownersOf returns the conflicting fields by owner; nil if err is not such a conflict.
func ownersOf(err error) map[owner][]string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var owners map[owner][]string
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		if owners == nil {
			owners = map[owner][]string{}
		}
		o := parseOwner(cause.Message)
		owners[o] = append(owners[o], cause.Field)
	}
	return owners
}

// parseOwner reads the owner from the text of a conflict, the only place in which the API
// server names it: conflict with "kubectl" with subresource "scale" using apps/v1. Only
// updates have a version. A text without quotes is the name of an owner that is not ours.
func parseOwner(text string) owner {
	at := strings.Index(text, `"`)
	if at < 0 {
		return owner{manager: text}
	}
	var o owner
	o.manager, text = quoted(text[at:])
	if rest, found := strings.CutPrefix(text, " with subresource "); found {
		o.subresource, text = quoted(rest)
	}
	o.apply = text == ""
	return o
}

// quoted returns the quoted text at the beginning of s, and the rest.
func quoted(s string) (text, rest string) {
	prefix, err := strconv.QuotedPrefix(s)
	if err == nil {
		text, err = strconv.Unquote(prefix)
	}
	if err != nil {
		return s, ""
	}
	return text, s[len(prefix):]
}
