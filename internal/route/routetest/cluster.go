package routetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/runner"
)

// Cluster is a cluster in memory whose pods are ready at once. It implements the
// interfaces of routers and of the runner.
type Cluster struct {
	mu      sync.Mutex
	objects map[manifest.ID]map[string]any
	records map[string]runner.Record
	version int
}

// NewCluster returns a cluster with objects.
func NewCluster(objects ...map[string]any) *Cluster {
	c := &Cluster{objects: map[manifest.ID]map[string]any{}, records: map[string]runner.Record{}}
	for _, o := range objects {
		c.objects[object.ID(o)] = copied(o)
	}
	return c
}

// copied returns a deep copy, with numbers as in decoded JSON.
func copied(o map[string]any) map[string]any {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	var c map[string]any
	if err := json.Unmarshal(text, &c); err != nil {
		panic(err)
	}
	return c
}

// Objects returns all objects by name.
func (c *Cluster) Objects() map[manifest.ID]map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[manifest.ID]map[string]any{}
	for id, o := range c.objects {
		all[id] = copied(o)
	}
	return all
}

// Get implements route.Cluster and runner.Objects.
func (c *Cluster) Get(_ context.Context, id manifest.ID) (map[string]any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, found := c.objects[id]; found {
		return copied(o), nil
	}
	return nil, nil
}

// Fresh implements runner.Objects.
func (c *Cluster) Fresh(ctx context.Context, id manifest.ID) (map[string]any, error) {
	return c.Get(ctx, id)
}

// List implements route.Cluster. The selector is one LABEL=VALUE, or "".
func (c *Cluster) List(_ context.Context, kind manifest.ID, selector string) ([]map[string]any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []map[string]any
	label, value, _ := strings.Cut(selector, "=")
	for id, o := range c.objects {
		if id.Group == kind.Group && id.Kind == kind.Kind && id.Namespace == kind.Namespace && (selector == "" || labels(o)[label] == value) {
			found = append(found, copied(o))
		}
	}
	return found, nil
}

func labels(o map[string]any) map[string]any {
	meta, _ := o["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	return labels
}

// SetNumber implements route.Cluster.
func (c *Cluster) SetNumber(_ context.Context, id manifest.ID, field string, n int, _ bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, found := c.objects[id]
	if !found {
		return fmt.Errorf("%s: %w", id, route.ErrAbsent)
	}
	spec, _ := o["spec"].(map[string]any)
	spec[field] = float64(n)
	return nil
}

// Apply implements runner.Objects. Each object is replaced by the applied one.
func (c *Cluster) Apply(_ context.Context, objects []map[string]any, how runner.Apply) ([]runner.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var changes []runner.Result
	for _, o := range objects {
		id := object.ID(o)
		if !how.Try {
			c.objects[id] = copied(o)
		}
		changes = append(changes, runner.Result{ID: id, What: "configured", After: copied(o)})
	}
	return changes, nil
}

// Delete implements runner.Objects.
func (c *Cluster) Delete(_ context.Context, ids []manifest.ID, only map[string]string) ([]runner.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var changes []runner.Result
	for _, id := range ids {
		for label, value := range only {
			if labels(c.objects[id])[label] == value {
				delete(c.objects, id)
				changes = append(changes, runner.Result{ID: id, What: "deleted"})
			}
		}
	}
	return changes, nil
}

// Ready implements runner.Workloads.
func (c *Cluster) Ready(context.Context, []manifest.ID, time.Duration) error { return nil }

// SetReplicas implements runner.Workloads.
func (c *Cluster) SetReplicas(ctx context.Context, id manifest.ID, n int) error {
	return c.SetNumber(ctx, id, "replicas", n, false)
}

// Load implements runner.Store.
func (c *Cluster) Load(_ context.Context, namespace, name string) (runner.Record, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.records[namespace+"/"+name], nil
}

// Save implements runner.Store.
func (c *Cluster) Save(_ context.Context, namespace, name string, r runner.Record) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	r.Version = fmt.Sprint(c.version)
	c.records[namespace+"/"+name] = r
	return r.Version, nil
}

// Acquire implements runner.Lock.
func (c *Cluster) Acquire(ctx context.Context, _, _, _ string) (runner.Hold, error) {
	return hold{ctx}, nil
}

// Alive implements runner.Lock.
func (c *Cluster) Alive(context.Context, string, string) (bool, error) { return false, nil }

type hold struct{ ctx context.Context }

func (h hold) Context() context.Context     { return h.ctx }
func (hold) Sure(ctx context.Context) error { return ctx.Err() }
func (hold) Release()                       {}

// Listen implements runner.Inbox. There are no statements.
func (c *Cluster) Listen(ctx context.Context, _ manifest.ID, handle func(map[string]string)) {
	handle(map[string]string{})
	<-ctx.Done()
}

// Annotate implements runner.Inbox.
func (c *Cluster) Annotate(_ context.Context, id manifest.ID, _ string, annotations map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	meta, _ := c.objects[id]["metadata"].(map[string]any)
	if meta == nil {
		return nil
	}
	all := map[string]any{}
	old, _ := meta["annotations"].(map[string]any)
	maps.Copy(all, old)
	for key, value := range annotations {
		all[key] = value
	}
	meta["annotations"] = all
	return nil
}
