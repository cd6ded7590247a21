package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Permission lists verbs on a resource in a namespace.
type Permission struct {
	Namespace string
	Group     string
	Resource  string // with its subresource: pods/portforward
	Verbs     []string
}

// String returns the resource as kubectl auth can-i names it: deployments.apps.
func (p Permission) String() string {
	return schema.GroupResource{Group: p.Group, Resource: p.Resource}.String()
}

// needs returns the permissions that Permissions grants, without the optional ones.
func (a Access) needs() []Permission {
	var all []Permission
	for _, granted := range byNamespace(a.Granted) {
		for _, g := range granted.Grants {
			for _, r := range g.Resources {
				all = append(all, Permission{granted.Namespace, g.Group, r, g.Verbs})
			}
		}
	}
	return all
}

// maxReviews limits the concurrent access reviews.
const maxReviews = 8

// Denied returns the permissions in a that the current user lacks, in the order of
// Permissions and without the optional ones. It asks the API server for each.
func (c *Cluster) Denied(ctx context.Context, a Access) ([]Permission, error) {
	needs := a.needs()
	denied, errs := make([]Permission, len(needs)), make([]error, len(needs))
	room := make(chan struct{}, maxReviews)
	var asking sync.WaitGroup
	for i, need := range needs {
		room <- struct{}{}
		asking.Go(func() {
			defer func() { <-room }()
			denied[i], errs[i] = c.denied(ctx, need)
		})
	}
	asking.Wait()
	none := func(p Permission) bool { return len(p.Verbs) == 0 }
	return slices.DeleteFunc(denied, none), errors.Join(errs...)
}

// Allows reports whether the current user has all of some verbs on objects of a kind in a
// namespace.
func (c *Cluster) Allows(ctx context.Context, kind Ref, verbs ...string) (bool, error) {
	resource, _, err := c.resource(ctx, kind, "")
	if err != nil {
		return false, err
	}
	missing, err := c.denied(ctx, Permission{kind.Namespace, resource.Group, resource.Resource, verbs})
	return err == nil && len(missing.Verbs) == 0, err
}

// denied returns the verbs of a permission that are not allowed.
func (c *Cluster) denied(ctx context.Context, p Permission) (Permission, error) {
	out := p
	out.Verbs = nil
	for _, verb := range p.Verbs {
		allowed, err := c.allowed(ctx, p, verb)
		if err != nil {
			return out, err
		}
		if !allowed {
			out.Verbs = append(out.Verbs, verb)
		}
	}
	return out, nil
}

func (c *Cluster) allowed(ctx context.Context, p Permission, verb string) (bool, error) {
	name, sub, _ := strings.Cut(p.Resource, "/")
	review := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]any{
			"namespace": p.Namespace, "group": p.Group, "resource": name, "subresource": sub, "verb": verb,
		}},
	}}
	reviews := c.client.Resource(schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"})
	answer, err := withRetry(ctx, c, operation{http.MethodPost, Ref{Kind: "SelfSubjectAccessReview"}}, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return reviews.Create(ctx, review, metav1.CreateOptions{})
	})
	if err != nil {
		return false, fmt.Errorf("cluster %s: check the permission to %s %s: %w", c.config.Host, verb, p, err)
	}
	allowed, _, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	return allowed, err
}

// Versions returns the served versions of an API group, the preferred one first; none
// if the cluster does not have the group.
func (c *Cluster) Versions(ctx context.Context, group string) ([]string, error) {
	groups, err := withRetry(ctx, c, operation{"discover", Ref{Kind: "the API groups"}}, c.discovery.ServerGroupsWithContext)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", c.config.Host, err)
	}
	at := slices.IndexFunc(groups.Groups, func(g metav1.APIGroup) bool { return g.Name == group })
	if at < 0 {
		return nil, nil
	}
	versions := []string{groups.Groups[at].PreferredVersion.Version}
	for _, v := range groups.Groups[at].Versions {
		if v.Version != versions[0] {
			versions = append(versions, v.Version)
		}
	}
	return versions, nil
}

// Serves reports whether the cluster serves an object's apiVersion and kind.
func (c *Cluster) Serves(ctx context.Context, object map[string]any) (bool, error) {
	u := unstructured.Unstructured{Object: object}
	_, _, err := c.resource(ctx, RefOf(object), u.GroupVersionKind().Version)
	if IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// IsForbidden reports whether err means that a permission is missing, or that admission
// refuses an object.
func IsForbidden(err error) bool { return apierrors.IsForbidden(err) }

// IsRefused reports whether err means that the API server would refuse an object from
// any user: it is invalid, or admission refuses it by a policy or a quota. The text of
// a missing permission names the user.
func IsRefused(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsForbidden(err) && !strings.Contains(err.Error(), `User "`)
}

// IsTerminating reports whether err means that a namespace is being deleted.
func IsTerminating(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}
