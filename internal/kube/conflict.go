package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

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
	// such as argocd-controller.
	Fields map[string][]string
}

func (e *ConflictError) Error() string {
	var parts []string
	for _, owner := range slices.Sorted(maps.Keys(e.Fields)) {
		parts = append(parts, fmt.Sprintf("%s by %q", strings.Join(e.Fields[owner], ", "), owner))
	}
	return fmt.Sprintf("%s: other field managers own the fields: %s", e.Ref, strings.Join(parts, "; "))
}

// clientSideApply is the field manager of kubectl apply without --server-side.
const clientSideApply = "kubectl-client-side-apply"

// adoption returns the patch that makes canarize the owner of what kubectl apply has
// set in an object; nil if there is nothing to take over.
func adoption(object map[string]any) ([]byte, error) {
	if object == nil {
		return nil, nil
	}
	return csaupgrade.UpgradeManagedFieldsPatch(&unstructured.Unstructured{Object: object}, sets.New(clientSideApply), FieldManager)
}

// adoptable reports whether adopt would take over anything.
func adoptable(object map[string]any) bool {
	patch, err := adoption(object)
	return err == nil && patch != nil
}

// adopt makes canarize the owner of what kubectl apply has set, and returns the
// resulting object. kubectl does the same when it changes to server-side apply: the
// fields come from an earlier version of the same manifests. Without it, every changed
// field would be a conflict, and fields that the new version dropped would stay for
// ever.
func (c *Cluster) adopt(ctx context.Context, ref Ref, resource served, object map[string]any) (map[string]any, error) {
	for object != nil {
		patch, err := adoption(object)
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
// The API server names the owner only in a text, in quotes: conflict with "kubectl"
// using apps/v1.
func ownersOf(err error) map[string][]string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var owners map[string][]string
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		if owners == nil {
			owners = map[string][]string{}
		}
		owner := quoted(cause.Message)
		owners[owner] = append(owners[owner], cause.Field)
	}
	return owners
}

// quoted returns the first quoted part of a text, or the whole text if nothing is
// quoted.
func quoted(s string) string {
	if _, rest, found := strings.Cut(s, `"`); found {
		if inside, _, closed := strings.Cut(rest, `"`); closed {
			return inside
		}
	}
	return s
}
