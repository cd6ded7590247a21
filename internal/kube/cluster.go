// Package kube talks to a cluster, as kubectl would: the same kubeconfig, the
// same contexts. It is the only package that writes to one.
//
// Every call is repeated when it failed for a reason that may pass, and is such
// that repeating it is safe: an answer that got lost does no harm. Objects are
// the values that JSON decodes to, so that no field is lost that this program
// does not know.
package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// FieldManager is the name under which the API server remembers which fields are
// canarize's.
const FieldManager = "canarize"

// Target says which cluster is meant, as kubectl's flags of the same names do;
// empty fields mean kubectl's defaults, and inside a pod its own cluster.
type Target struct{ Kubeconfig, Context string }

func (t Target) loader() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = t.Kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: t.Context})
}

func (t Target) config() (*rest.Config, error) {
	config, err := t.loader().ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w; see kubectl config get-contexts", err)
	}
	return config, nil
}

// Namespace is the one the context names, "default" where it names none.
func (t Target) Namespace() (string, error) {
	namespace, _, err := t.loader().Namespace()
	if err != nil {
		return "", fmt.Errorf("kubeconfig: %w; see kubectl config get-contexts", err)
	}
	return namespace, nil
}

// Options say how patient a Cluster is. The zero value means the defaults.
type Options struct {
	// Attempts is how often a call is tried before its error is believed; 0 means 8.
	Attempts int
	// Timeout is how long the server may be silent in the first two attempts at a
	// call, and the double of it in later ones; 0 means 5 s.
	Timeout time.Duration
	// Backoff is how long to wait between two attempts; nil means DefaultBackoff. What
	// a server asks for is cut to 30 s, and to 10 s for calls that are not given up.
	Backoff Backoff
	// Patient, if not nil, is asked when a call is about to be given up, as also when
	// the client's own credentials or certificates fail; it is tried again while
	// Patient says so. It has to be safe for concurrent use.
	Patient func() bool
	// Delayed, if not nil, is called when a call waits for the API server: after 3 s,
	// every 30 s, and when the reason changes, once for all calls that wait for the
	// same reason. It is never called twice at once, and no call waits for it.
	Delayed func(Delay)
	// Silence is how long a watch may say nothing, not even that nothing has changed,
	// before the objects are listed again; 0 means 75 s. API servers speak once a minute.
	Silence time.Duration
	// Now is the clock that Leases are dated by; nil means time.Now.
	Now func() time.Time
}

// Cluster is a cluster one can talk to. It is safe for concurrent use.
type Cluster struct {
	config    *rest.Config
	client    dynamic.Interface
	discovery *discovery.DiscoveryClient // asks anew each time
	mapper    *restmapper.DeferredDiscoveryRESTMapper
	kinds     *kinds       // that were found by mapper
	http      *http.Client // of all requests but tunnels
	plugin    *plugin      // nil where credentials need none
	delays    *delays
	options   Options
	requests  *atomic.Int64
	pods      *podWatches
	cache     *cache     // nil where there is none
	cached    *cacheUser // of cache; nil where nothing is remembered
	// persistent is a cluster whose calls are not given up.
	persistent bool
}

// Connect prepares to talk to a cluster. It sends no request yet.
func Connect(target Target, options Options) (*Cluster, error) {
	config, err := target.config()
	if err != nil {
		return nil, err
	}
	return New(config, options)
}

// New prepares to talk to the cluster of a configuration. It sends no request yet.
func New(config *rest.Config, options Options) (*Cluster, error) {
	c := &Cluster{config: rest.CopyConfig(config), options: options.withDefaults(), requests: new(atomic.Int64)}
	c.config.QPS = -1 // the server says itself when it is too much
	c.config.UserAgent = "canarize"
	if err := c.connect(); err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfigAndClient(c.config, c.http)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", config.Host, err)
	}
	found, err := discovery.NewDiscoveryClientForConfigAndClient(c.config, c.http)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", config.Host, err)
	}
	c.client, c.discovery = client, found
	c.pods = &podWatches{cluster: c, namespaces: map[string]*podNamespace{}}
	c.kinds = &kinds{asked: time.Now(), known: map[schema.GroupVersionKind]*meta.RESTMapping{}}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapperWithContext(memory.NewMemCacheClientWithContext(found))
	return c, nil
}

func (o Options) withDefaults() Options {
	if o.Attempts == 0 {
		o.Attempts = 8
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Backoff == nil {
		o.Backoff = DefaultBackoff
	}
	if o.Silence == 0 {
		o.Silence = 75 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Patient is the same cluster for calls that are not given up while patient says so.
func (c *Cluster) Patient(patient func() bool) *Cluster {
	p := *c
	p.options.Patient = patient
	return &p
}

// Persistent is the same cluster for calls that must not be given up, as the one that
// takes traffic off: they are tried until their context ends.
func (c *Cluster) Persistent() *Cluster {
	p := *c
	p.persistent = true
	return &p
}

// Host is the address of the API server.
func (c *Cluster) Host() string { return c.config.Host }

// Timeout is how long the API server may be silent before a call is tried again.
func (c *Cluster) Timeout() time.Duration { return c.options.Timeout }

// Requests is how many requests were sent so far; a watch counts as one.
func (c *Cluster) Requests() int { return int(c.requests.Load()) }

// Ref names an object.
type Ref struct{ Group, Kind, Namespace, Name string }

func (r Ref) String() string {
	switch {
	case r.Name == "" && r.Namespace == "":
		return r.Kind
	case r.Name == "":
		return r.Kind + " in namespace " + r.Namespace
	case r.Namespace == "":
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// RefOf names an object that carries its own identity.
func RefOf(object map[string]any) Ref {
	u := unstructured.Unstructured{Object: object}
	return Ref{Group: u.GroupVersionKind().Group, Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
}

// at finds where objects like the named one are served; in the version that is
// given or, with "", the one the server prefers.
func (c *Cluster) at(ctx context.Context, ref Ref, version string) (served, error) {
	resource, namespaced, err := c.resource(ctx, ref, version)
	switch {
	case err != nil:
		return served{}, err
	case namespaced && ref.Namespace == "":
		return served{}, fmt.Errorf("%s: it has no namespace; name one with -n", ref)
	case namespaced:
		return served{c.client.Resource(resource).Namespace(ref.Namespace), keyOf(resource, ref.Namespace, ref.Name)}, nil
	}
	return served{c.client.Resource(resource), keyOf(resource, "", ref.Name)}, nil
}

// served is where an object is served.
type served struct {
	dynamic.ResourceInterface
	key
}

func (c *Cluster) resource(ctx context.Context, ref Ref, version string) (schema.GroupVersionResource, bool, error) {
	var versions []string
	if version != "" {
		versions = []string{version}
	}
	kind := schema.GroupKind{Group: ref.Group, Kind: ref.Kind}
	if mapping := c.kinds.get(kind.WithVersion(version)); mapping != nil {
		return mapping.Resource, mapping.Scope.Name() == meta.RESTScopeNameNamespace, nil
	}
	find := func(ctx context.Context) (*meta.RESTMapping, error) {
		return aside(ctx, func() (*meta.RESTMapping, error) { return c.mapper.RESTMappingWithContext(ctx, kind, versions...) })
	}
	mapping, err := again(ctx, c, doing{"discover", ref}, find)
	if meta.IsNoMatchError(err) && c.kinds.old() { // somebody may have installed it meanwhile
		c.mapper.ResetWithContext(ctx)
		mapping, err = again(ctx, c, doing{"discover", ref}, find)
	}
	switch {
	case meta.IsNoMatchError(err):
		return schema.GroupVersionResource{}, false, fmt.Errorf("%s: %w", ref, notServedError{kind.WithVersion(version), err})
	case err != nil:
		return schema.GroupVersionResource{}, false, undiscovered(ref, err)
	}
	c.kinds.put(kind.WithVersion(version), mapping)
	return mapping.Resource, mapping.Scope.Name() == meta.RESTScopeNameNamespace, nil
}

// kinds are where objects are served, as far as that was found out. The mapper of
// client-go keeps everybody waiting while it asks for one more kind.
type kinds struct {
	mu    sync.Mutex
	known map[schema.GroupVersionKind]*meta.RESTMapping
	asked time.Time // when the mapper had to ask anew
}

// discoverAgain is how old the knowledge of what is served may be, where something is
// missing.
const discoverAgain = 30 * time.Second

// old says, once in discoverAgain, that it is.
func (k *kinds) old() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.asked) < discoverAgain {
		return false
	}
	k.asked = time.Now()
	return true
}

func (k *kinds) get(kind schema.GroupVersionKind) *meta.RESTMapping {
	if mapping := wellKnown(kind); mapping != nil {
		return mapping
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[kind]
}

// wellKnown is where every Kubernetes serves what a release is remembered and locked by.
func wellKnown(kind schema.GroupVersionKind) *meta.RESTMapping {
	if kind.Version != "" && kind.Version != "v1" {
		return nil
	}
	resource := map[schema.GroupKind]string{
		{Kind: "ConfigMap"}: "configmaps", {Group: "coordination.k8s.io", Kind: "Lease"}: "leases",
	}[kind.GroupKind()]
	if resource == "" {
		return nil
	}
	kind.Version = "v1"
	return &meta.RESTMapping{Resource: kind.GroupVersion().WithResource(resource), GroupVersionKind: kind, Scope: meta.RESTScopeNamespace}
}

func (k *kinds) put(kind schema.GroupVersionKind, mapping *meta.RESTMapping) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[kind] = mapping
}

// forget has all kinds asked for again.
func (k *kinds) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.known)
	k.asked = time.Now()
}

// result is what a call gave.
type result[T any] struct {
	value T
	err   error
}

// calling calls in the background, and gives what comes of it.
func calling[T any](call func() (T, error)) <-chan result[T] {
	done := make(chan result[T], 1)
	go func() {
		value, err := call()
		done <- result[T]{value, err}
	}()
	return done
}

// aside calls, and does not wait for a call longer than its context lasts.
func aside[T any](ctx context.Context, call func() (T, error)) (T, error) {
	done := calling(call)
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	late := time.NewTimer(asideGrace)
	defer late.Stop()
	select {
	case r := <-done: // its own error says more
		return r.value, r.err
	case <-late.C:
		var none T
		return none, context.Cause(ctx)
	}
}

// asideGrace is how long a call whose context has ended is waited for: one that is not
// kept waiting by another ends at once.
const asideGrace = 100 * time.Millisecond

// undiscovered words the error of a question of which client-go gives the code alone,
// not what the API server says about it. The permission is none that canarize rbac
// prints: Kubernetes grants it to whoever is logged in.
func undiscovered(ref Ref, err error) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("%s: not allowed to find out where the cluster serves it (%w); the ClusterRole system:discovery has the permission", ref, err)
	}
	return failed(ref, "finding out where the cluster serves it", err)
}

// notServedError says that a cluster does not know a kind of objects.
type notServedError struct {
	kind schema.GroupVersionKind
	err  error
}

func (e notServedError) Error() string {
	name := strings.TrimSuffix(schema.GroupVersion{Group: e.kind.Group, Version: e.kind.Version}.String(), "/")
	return fmt.Sprintf("the cluster does not serve %s of %s; install what brings it, or leave the object out", e.kind.Kind, name)
}

func (e notServedError) Unwrap() error { return e.err }

// IsNotFound says whether an error means that an object, or its kind, does not
// exist in the cluster.
func IsNotFound(err error) bool {
	var unserved notServedError
	return apierrors.IsNotFound(err) || errors.As(err, &unserved)
}

// ForbiddenError reports that the API server does not allow a call: a permission is
// missing, or admission refuses the object.
type ForbiddenError struct {
	Ref  Ref
	Verb string
	Err  error // what the API server says
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%s: not allowed to %s it: %v", e.Ref, e.Verb, e.Err)
}

func (e *ForbiddenError) Unwrap() error { return e.Err }

// failed words the error of a call: what was done to which object.
func failed(ref Ref, verb string, err error) error {
	switch {
	case err == nil:
		return nil
	case isNamespaceGone(err):
		return fmt.Errorf("%s: %s: the namespace %s does not exist: it was never made, or somebody has deleted it with everything in it: %w", ref, verb, ref.Namespace, err)
	case IsTerminating(err):
		return fmt.Errorf("%s: %s: the namespace %s is being deleted: %w", ref, verb, ref.Namespace, err)
	case isKindGone(err):
		return fmt.Errorf("%s: %s: %w", ref, verb, notServedError{schema.GroupVersionKind{Group: ref.Group, Kind: ref.Kind}, err})
	case apierrors.IsForbidden(err):
		return &ForbiddenError{Ref: ref, Verb: verb, Err: err}
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%s: %s: %w; the credentials are not valid or have expired, log in again", ref, verb, err)
	}
	return fmt.Errorf("%s: %s: %w", ref, verb, err)
}
