package kube

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/canarize/canarize/internal/excerpt"
)

// InvalidError reports that the API server refuses the content of an object. Its text has
// every reason, but shortens the values that the API server repeats: a message about a field
// that must not change may contain the whole template of a pod.
type InvalidError struct {
	Ref       Ref
	Verb      string
	Immutable bool  // a field differs from the object in the cluster, and must not change
	Err       error // of the API server
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Ref, e.Verb, strings.Join(reasons(e.Err), "; "))
}

func (e *InvalidError) Unwrap() error { return e.Err }

// Remedy says what to do about an immutable field.
func (e *InvalidError) Remedy() string {
	switch e.Ref.Kind {
	case "Job", "Pod": // a second one does the same work again, and nothing else depends on it
		in := ""
		if e.Ref.Namespace != "" {
			in = " -n " + e.Ref.Namespace
		}
		return fmt.Sprintf("delete it once it has ended (kubectl delete %s %s%s), give it a new name for every version, or leave it out of the manifests", strings.ToLower(e.Ref.Kind), e.Ref.Name, in)
	case "ConfigMap", "Secret":
		return "give it a new name, also where the pods refer to it, or leave it out of the manifests"
	}
	return "leave the field as it is in the cluster, or give the object a new name"
}

// invalidObject returns an InvalidError for an object that the API server refuses; otherwise nil.
func invalidObject(ref Ref, verb string, err error) error {
	if !apierrors.IsInvalid(err) {
		return nil
	}
	return &InvalidError{Ref: ref, Verb: verb, Immutable: slices.ContainsFunc(causes(err), unchangeable.MatchString), Err: err}
}

// unchangeable matches the reasons of the API server and of CRDs why a field must not
// change. Kubernetes has no code for it: k8s.io/kubernetes/pkg/apis/*/validation.
var unchangeable = regexp.MustCompile(`(?i)\bimmutable\b|\b(?:may|must|can) ?not (?:be )?(?:changed?|modified|updated|edited)\b|\bonce set\b|\bupdates to .* (?:are|is) forbidden\b`)

const (
	maxReason  = 240 // bytes of a reason
	maxReasons = 4
)

// reasons returns the causes in a length that can be read.
func reasons(err error) []string {
	all := causes(err)
	for i, text := range all {
		all[i] = excerpt.Cut(text, maxReason)
	}
	if more := len(all) - maxReasons; more > 0 {
		all = append(all[:maxReasons], fmt.Sprintf("and %d more reasons", more))
	}
	return all
}

// causes returns what the API server says, each cause with its field. A difference that
// follows on more lines is left out.
func causes(err error) []string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return []string{err.Error()}
	}
	var all []string
	for _, cause := range status.Status().Details.Causes {
		text, _, _ := strings.Cut(strings.TrimSpace(cause.Message), "\n")
		if cause.Field != "" {
			text = cause.Field + ": " + text
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}
