package kube

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConflictError says that somebody else owns fields that were to be written.
type ConflictError struct {
	Ref Ref
	// Fields are the paths of the fields in dispute, by the name of their owner: a
	// field manager, such as argocd-controller or kubectl-client-side-apply.
	Fields map[string][]string
}

func (e *ConflictError) Error() string {
	var parts []string
	for _, owner := range slices.Sorted(maps.Keys(e.Fields)) {
		parts = append(parts, fmt.Sprintf("%s by %q", strings.Join(e.Fields[owner], ", "), owner))
	}
	return fmt.Sprintf("%s: owned by somebody else: %s; leave these fields out, or take them over with --force-conflicts", e.Ref, strings.Join(parts, "; "))
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
