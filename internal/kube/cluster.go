// Package kube reads and writes the objects of a cluster. It uses the same kubeconfig
// and the same contexts as kubectl. No other package writes to a cluster.
//
// A call that fails for a temporary reason is retried. Every call is safe to repeat, so
// a lost answer does no harm. Objects are decoded JSON values, so fields that this
// program does not know are kept.
package kube

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// FieldManager is the name under which the API server records the fields that canarize
// owns.
const FieldManager = "canarize"

// Options configures the timeouts and retries of a Cluster. The zero value means the
// defaults.
type Options struct {
	// Attempts limits the attempts of a call; 0 means 8.
	Attempts int
	// Timeout limits how long the server may be silent during an attempt; 0 means 5 s.
	// From the third attempt on, the limit is twice as long.
	Timeout time.Duration
	// Backoff returns the wait between two attempts; nil means DefaultBackoff. A
	// server's Retry-After is limited to 30 s, and to 10 s for persistent calls.
	Backoff Backoff
	// Patient, if not nil, is called when the attempts of a call are used up, and when
	// the client's own credentials or certificates fail. The call is retried as long as
	// Patient returns true. It must be safe for concurrent use.
	Patient func() bool
	// Delayed, if not nil, is called when a call waits for the API server: after 3 s,
	// then every 30 s, and when the reason changes. Calls that wait for the same reason
	// are reported once. Delayed is never called concurrently, and no call waits for
	// it.
	Delayed func(Delay)
	// Silence limits how long a watch may send nothing, not even a bookmark, before the
	// objects are listed again; 0 means 75 s. API servers send a bookmark about once a
	// minute.
	Silence time.Duration
	// Now returns the time that is written to Leases; nil means time.Now.
	Now func() time.Time
}

// Cluster is a client of one cluster. It is safe for concurrent use.
type Cluster struct {
	config    *rest.Config
	client    dynamic.Interface
	discovery *discovery.DiscoveryClient // without a cache
	mapper    *restmapper.DeferredDiscoveryRESTMapper
	kinds     *kinds       // found by mapper
	http      *http.Client // of all requests except tunnels
	plugin    *plugin      // nil if the credentials need no plugin
	delays    *delays
	options   Options
	requests  *atomic.Int64
	pods      *podWatches
	cache     *cache     // nil without a cache
	cached    *cacheUser // of cache; nil without a cache
	// persistent means that calls are retried until their context ends.
	persistent bool
}

// Connect returns a client of the target's cluster. It sends no request yet.
func Connect(target Target, options Options) (*Cluster, error) {
	config, err := target.config()
	if err != nil {
		return nil, err
	}
	return New(config, options)
}

// New returns a client for a REST configuration. It sends no request yet.
func New(config *rest.Config, options Options) (*Cluster, error) {
	c := &Cluster{config: rest.CopyConfig(config), options: options.withDefaults(), requests: new(atomic.Int64)}
	c.config.QPS = -1 // no client-side limit: the server limits the rate itself
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
	c.kinds = &kinds{refreshed: time.Now(), known: map[schema.GroupVersionKind]*meta.RESTMapping{}}
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

// Patient returns a copy of the client whose calls are retried as long as patient
// returns true.
func (c *Cluster) Patient(patient func() bool) *Cluster {
	p := *c
	p.options.Patient = patient
	return &p
}

// Persistent returns a copy of the client whose calls are retried until their context
// ends. It is for calls that must succeed, such as setting the weight to 0.
func (c *Cluster) Persistent() *Cluster {
	p := *c
	p.persistent = true
	return &p
}

// Host returns the address of the API server.
func (c *Cluster) Host() string { return c.config.Host }

// Timeout returns how long the API server may be silent before a call is retried.
func (c *Cluster) Timeout() time.Duration { return c.options.Timeout }

// Requests returns the number of requests sent so far; a watch counts as one.
func (c *Cluster) Requests() int { return int(c.requests.Load()) }

// Ref identifies an object.
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

// RefOf returns the Ref of an object.
func RefOf(object map[string]any) Ref {
	u := unstructured.Unstructured{Object: object}
	return Ref{Group: u.GroupVersionKind().Group, Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
}

// locate finds the resource that serves the object ref. The version "" means the one
// that the server prefers.
func (c *Cluster) locate(ctx context.Context, ref Ref, version string) (served, error) {
	resource, namespaced, err := c.resource(ctx, ref, version)
	switch {
	case err != nil:
		return served{}, err
	case namespaced && ref.Namespace == "":
		return served{}, fmt.Errorf("%s: the namespace is missing; set it with -n", ref)
	case namespaced:
		return served{c.client.Resource(resource).Namespace(ref.Namespace), keyOf(resource, ref.Namespace, ref.Name)}, nil
	}
	return served{c.client.Resource(resource), keyOf(resource, "", ref.Name)}, nil
}

// served is the resource that serves an object.
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
		return runUntil(ctx, func() (*meta.RESTMapping, error) { return c.mapper.RESTMappingWithContext(ctx, kind, versions...) })
	}
	mapping, err := withRetry(ctx, c, operation{"discover", ref}, find)
	if meta.IsNoMatchError(err) && c.kinds.refresh() { // it may have been installed since
		c.mapper.ResetWithContext(ctx)
		mapping, err = withRetry(ctx, c, operation{"discover", ref}, find)
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

// kinds caches which resource serves which kind. The mapper of client-go has a cache
// too, but it blocks all callers while it asks for one more kind.
type kinds struct {
	mu        sync.Mutex
	known     map[schema.GroupVersionKind]*meta.RESTMapping
	refreshed time.Time // when the mapper's cache was last discarded
}

// rediscoverAfter is the least time between two discoveries of missing kinds.
const rediscoverAfter = 30 * time.Second

// refresh reports whether to discover again: true at most once in rediscoverAfter.
func (k *kinds) refresh() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.refreshed) < rediscoverAfter {
		return false
	}
	k.refreshed = time.Now()
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

// wellKnown returns the mapping of ConfigMaps and Leases, which every Kubernetes
// serves. The records and locks of releases are stored in them.
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

// forget drops all cached kinds.
func (k *kinds) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.known)
	k.refreshed = time.Now()
}

// result holds what a call returned.
type result[T any] struct {
	value T
	err   error
}

// start runs call in a goroutine and sends its result.
func start[T any](call func() (T, error)) <-chan result[T] {
	done := make(chan result[T], 1)
	go func() {
		value, err := call()
		done <- result[T]{value, err}
	}()
	return done
}

// runUntil runs call and returns its result, or the cause of ctx shortly after ctx
// ends.
func runUntil[T any](ctx context.Context, call func() (T, error)) (T, error) {
	done := start(call)
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	late := time.NewTimer(runUntilGrace)
	defer late.Stop()
	select {
	case r := <-done: // its own error has more detail
		return r.value, r.err
	case <-late.C:
		var none T
		return none, context.Cause(ctx)
	}
}

// runUntilGrace is how long runUntil waits for a call after its context has ended. A
// call that is not blocked by another one ends at once.
const runUntilGrace = 100 * time.Millisecond
