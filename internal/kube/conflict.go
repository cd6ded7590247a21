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

// ConflictError says that somebody else owns fields that were to be written.
type ConflictError struct {
	Ref Ref
	// Fields are the paths of the fields in dispute, by the name of their owner: a
	// field manager, such as argocd-controller.
	Fields map[string][]string
}

func (e *ConflictError) Error() string {
	var parts []string
	for _, owner := range slices.Sorted(maps.Keys(e.Fields)) {
		parts = append(parts, fmt.Sprintf("%s by %q", strings.Join(e.Fields[owner], ", "), owner))
	}
	return fmt.Sprintf("%s: owned by somebody else: %s", e.Ref, strings.Join(parts, "; "))
}

// clientSideApply is the field manager of kubectl apply without --server-side.
const clientSideApply = "kubectl-client-side-apply"

// adoption is the patch by which canarize takes over what kubectl apply has set in an
// object; nil when there is nothing to take over.
func adoption(object map[string]any) ([]byte, error) {
	if object == nil {
		return nil, nil
	}
	return csaupgrade.UpgradeManagedFieldsPatch(&unstructured.Unstructured{Object: object}, sets.New(clientSideApply), FieldManager)
}

// adoptable says whether adopt would take something over.
func adoptable(object map[string]any) bool {
	patch, err := adoption(object)
	return err == nil && patch != nil
}

// adopt makes canarize the owner of what kubectl apply has set, as kubectl itself
// does when it begins to apply on the server: it is the same manifests' earlier
// version. Otherwise every changed field would be in dispute, and what the new
// version no longer has would stay for ever. It gives the object as it is then.
func (c *Cluster) adopt(ctx context.Context, ref Ref, resource served, object map[string]any) (map[string]any, error) {
	for object != nil {
		patch, err := adoption(object)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ref, err)
		}
		if patch == nil {
			break
		}
		after, err := again(ctx, c, doing{http.MethodPatch, ref}, func(ctx context.Context) (*unstructured.Unstructured, error) {
			return resource.Patch(ctx, ref.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
		})
		switch {
		case err == nil:
			c.cached.saw(resource.key, after.Object)
			return after.Object, nil
		case !apierrors.IsConflict(err):
			return nil, failed(ref, "patch", err)
		}
		if object, err = c.fresh(ctx, ref, resource); err != nil { // somebody wrote it at the same moment
			return nil, err
		}
	}
	return object, nil
}

// ownersOf gives the fields in dispute by owner, nil when an error is about
// something else. The API server names the owner only inside a text, quoted:
// conflict with "kubectl" using apps/v1.
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

// quoted is the first quoted part of a text, or all of it when there is none.
func quoted(s string) string {
	if _, rest, found := strings.Cut(s, `"`); found {
		if inside, _, closed := strings.Cut(rest, `"`); closed {
			return inside
		}
	}
	return s
}
