package kube

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// undiscovered wraps an error of discovery, for which client-go keeps only the code and
// not the API server's text. canarize rbac does not print this permission: Kubernetes
// grants it to every logged-in user.
func undiscovered(ref Ref, err error) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("%s: not allowed to discover how the cluster serves it (%w); the ClusterRole system:discovery has the permission", ref, err)
	}
	return failed(ref, "discover", err)
}

// notServedError reports that a cluster does not serve a kind.
type notServedError struct {
	kind schema.GroupVersionKind
	err  error
}

func (e notServedError) Error() string {
	name := strings.TrimSuffix(schema.GroupVersion{Group: e.kind.Group, Version: e.kind.Version}.String(), "/")
	return fmt.Sprintf("the cluster does not serve %s of %s; install its CRD, or leave the object out", e.kind.Kind, name)
}

func (e notServedError) Unwrap() error { return e.err }

// IsNotFound reports whether err means that an object, or its kind, does not exist in
// the cluster.
func IsNotFound(err error) bool {
	var unserved notServedError
	return apierrors.IsNotFound(err) || errors.As(err, &unserved)
}

// ForbiddenError reports that the API server does not allow a call: a permission is
// missing, or admission refuses the object.
type ForbiddenError struct {
	Ref  Ref
	Verb string
	Err  error // of the API server
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%s: not allowed to %s it: %v", e.Ref, e.Verb, e.Err)
}

func (e *ForbiddenError) Unwrap() error { return e.Err }

// failed wraps the error of a call with its object and verb.
func failed(ref Ref, verb string, err error) error {
	switch {
	case err == nil:
		return nil
	case isNamespaceGone(err):
		return fmt.Errorf("%s: %s: the namespace %s does not exist: it was never created, or somebody deleted it with everything in it: %w", ref, verb, ref.Namespace, err)
	case IsTerminating(err):
		return fmt.Errorf("%s: %s: the namespace %s is being deleted: %w", ref, verb, ref.Namespace, err)
	case isKindGone(err):
		return fmt.Errorf("%s: %s: %w", ref, verb, notServedError{schema.GroupVersionKind{Group: ref.Group, Kind: ref.Kind}, err})
	case apierrors.IsForbidden(err):
		return &ForbiddenError{Ref: ref, Verb: verb, Err: err}
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%s: %s: %w; the credentials are not valid or have expired, log in again", ref, verb, err)
	}
	if err := invalidObject(ref, verb, err); err != nil {
		return err
	}
	return fmt.Errorf("%s: %s: %w", ref, verb, err)
}
