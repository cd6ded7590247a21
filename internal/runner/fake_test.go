package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
)

// crash is the panic value of a killed process.
type crash struct{}

// cluster is a cluster in memory with a gateway that follows at once. It counts its
// writes, so that a test can kill the process before or after any of them.
type cluster struct {
	objects map[manifest.ID]map[string]any
	records map[string]Record
	version int
	writing sync.Mutex // held against Listen

	writes  []string
	weights []int // the weights written
	// before and after are the numbers of the writes, from 1, at which the process dies.
	before, after int
	// broken maps what fails to its error: the name of a write, or "ready KIND NAME".
	broken map[string]error
	// onWrite is called before each write.
	afterWrite func(n int) // called after each write
	onWrite    func(name string)
	faults     []string // moments at which a request could have failed

	dead       bool                    // the process was killed: it does nothing any more
	unreadable error                   // reading statements fails with this
	unseen     bool                    // no gateway can be asked
	frozen     *int                    // the share that the gateway gives, whatever is written; nil if it follows
	opened     bool                    // the silent watch was opened and reported the state at that time
	silent     bool                    // the watch of statements reports nothing
	listener   func(map[string]string) // the listener of the watch
	dying      bool                    // the holder of the lock does not renew it
	loses      func(error)
	conflicts  int // writes of annotations that fail because somebody else wrote
}

func newCluster(objects ...map[string]any) *cluster {
	c := &cluster{objects: map[manifest.ID]map[string]any{}, records: map[string]Record{}, broken: map[string]error{}}
	for _, o := range objects {
		c.objects[object.ID(o)] = copied(o)
	}
	return c
}

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

func (c *cluster) write(ctx context.Context, name string, do func()) error {
	if c.onWrite != nil {
		c.onWrite(name)
	}
	if c.dead {
		panic(crash{})
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.broken[name]; err != nil {
		return err
	}
	c.writes = append(c.writes, name)
	if len(c.writes) == c.before {
		c.dead = true
		panic(crash{})
	}
	c.writing.Lock()
	do()
	c.writing.Unlock()
	c.checkTraffic(name)
	if len(c.writes) == c.after {
		c.dead = true
		panic(crash{})
	}
	if c.afterWrite != nil {
		c.afterWrite(len(c.writes))
	}
	return ctx.Err() // the response is lost
}

// checkTraffic records when a request could reach a pod or Service that does not exist.
func (c *cluster) checkTraffic(after string) {
	for id, o := range c.objects {
		if id.Kind != "Mapping" {
			continue
		}
		service, _ := field(o, "spec", "service").(string)
		if c.objects[manifest.ID{Kind: "Service", Namespace: id.Namespace, Name: service}] == nil {
			c.faults = append(c.faults, fmt.Sprintf("after %s: %s routes to Service %s, which is not there", after, id, service))
		}
		weight := number(field(o, "spec", "weight"))
		pods := c.objects[manifest.ID{Group: "apps", Kind: "Deployment", Namespace: id.Namespace, Name: service}]
		if weight > 0 && pods == nil {
			c.faults = append(c.faults, fmt.Sprintf("after %s: %s sends %d %% to pods that are not there", after, id, weight))
		}
		stable := c.objects[manifest.ID{Group: "apps", Kind: "Deployment", Namespace: id.Namespace, Name: strings.TrimSuffix(service, "-canary")}]
		if need := (rollout.Replicas{}).For(object.Replicas(stable), weight); pods != nil && weight > 0 && object.Replicas(pods) < need {
			c.faults = append(c.faults, fmt.Sprintf("after %s: %s sends %d %% to %d pods, which needs %d", after, id, weight, object.Replicas(pods), need))
		}
	}
}

func field(o map[string]any, path ...string) any {
	var v any = o
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func number(v any) int {
	switch n := v.(type) {
	case float64:
		return int(n)
	case int64:
		return int(n)
	case int:
		return n
	}
	return 0
}

func (c *cluster) set(id manifest.ID, value any, path ...string) {
	o := c.objects[id]
	for _, key := range path[:len(path)-1] {
		o = o[key].(map[string]any)
	}
	o[path[len(path)-1]] = value
}

// Get, Apply and Delete implement Objects.

func (c *cluster) Fresh(ctx context.Context, id manifest.ID) (map[string]any, error) {
	if id == canaryPods && c.unreadable != nil {
		return nil, c.unreadable
	}
	return c.Get(ctx, id)
}

func (c *cluster) Get(_ context.Context, id manifest.ID) (map[string]any, error) {
	if c.dead {
		panic(crash{})
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.objects[id] == nil {
		return nil, nil
	}
	return copied(c.objects[id]), nil
}

func (c *cluster) Apply(ctx context.Context, objects []map[string]any, how Apply) ([]Result, error) {
	var changes []Result
	for _, o := range objects {
		id := object.ID(o)
		if err := c.broken["try "+id.String()]; err != nil && !how.Force {
			return changes, err
		}
		before, want := c.objects[id], copied(o)
		switch {
		case how.Try:
			changes = append(changes, Result{ID: id, Same: before != nil && reflect.DeepEqual(before, merged(before, want))})
		case before != nil && reflect.DeepEqual(before, merged(before, want)):
			changes = append(changes, Result{ID: id, What: "unchanged"})
		default:
			what := "configured"
			if before == nil {
				what = "created"
			}
			if err := c.write(ctx, "apply "+id.String(), func() { c.objects[id] = merged(before, want) }); err != nil {
				return changes, err
			}
			changes = append(changes, Result{ID: id, What: what})
		}
	}
	return changes, nil
}

// merged imitates server-side apply for the maps of this test.
func merged(have, want map[string]any) map[string]any {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]any{}
	}
	for key, v := range want {
		h, isMap := out[key].(map[string]any)
		if w, ok := v.(map[string]any); ok && isMap {
			v = merged(h, w)
		}
		out[key] = v
	}
	return out
}

func (c *cluster) Delete(ctx context.Context, ids []manifest.ID, labels map[string]string) ([]Result, error) {
	var changes []Result
	for _, id := range ids {
		if c.objects[id] == nil {
			continue
		}
		if field(c.objects[id], "metadata", "labels", rollout.ReleaseLabel) != labels[rollout.ReleaseLabel] {
			changes = append(changes, Result{ID: id, What: "skipped", Why: "it is not of this release"})
			continue
		}
		if err := c.write(ctx, "delete "+id.String(), func() { delete(c.objects, id) }); err != nil {
			return changes, err
		}
		changes = append(changes, Result{ID: id, What: "deleted"})
	}
	return changes, nil
}

// Ready and SetReplicas implement Workloads.

func (c *cluster) Ready(ctx context.Context, ids []manifest.ID, _ time.Duration) error {
	for _, id := range ids {
		if c.onWrite != nil {
			c.onWrite("ready " + id.String())
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.broken["ready "+id.String()]; err != nil {
			return NotReadyError{err}
		}
		if c.objects[id] == nil {
			return fmt.Errorf("%s: it is not there", id)
		}
	}
	return nil
}

func (c *cluster) SetReplicas(ctx context.Context, id manifest.ID, n int) error {
	path := []string{"spec", "replicas"}
	if id.Kind == "HorizontalPodAutoscaler" {
		path[1] = "minReplicas"
	}
	switch o := c.objects[id]; {
	case o == nil:
		return fmt.Errorf("%s: it is not there", id)
	case number(field(o, path...)) == n:
		return nil
	}
	return c.write(ctx, "scale "+id.String(), func() { c.set(id, float64(n), path...) })
}

// SetShare, Verify, Share, Beside and Resync implement Router.

func (c *cluster) SetShare(ctx context.Context, routes []rollout.Route, percent int) error {
	for _, r := range routes {
		o := c.objects[r.Canary]
		if o == nil || number(field(o, "spec", "weight")) == percent {
			continue
		}
		c.weights = append(c.weights, percent)
		if err := c.write(ctx, "weight "+r.Canary.String(), func() { c.set(r.Canary, float64(percent), "spec", "weight") }); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) Verify(ctx context.Context, routes []rollout.Route, percent int, _ time.Duration) (string, rollout.Proof, error) {
	if err := errors.Join(ctx.Err(), c.broken[fmt.Sprintf("verify %d", percent)]); err != nil {
		return "", "", err
	}
	for _, r := range routes {
		share := 0
		if o := c.objects[r.Canary]; o != nil {
			share = number(field(o, "spec", "weight"))
			if c.objects[r.Stable] == nil || !c.together(r) {
				share = 100 // a Mapping alone gets every request
			}
		}
		if c.frozen != nil {
			share = *c.frozen
		}
		if share != percent {
			return "", "", &rollout.Refusal{Code: rollout.RefusedNotTaken, Err: fmt.Errorf("%s: it gets %d %%, not %d %%", r.Canary, share, percent)}
		}
	}
	if c.unseen {
		return "by the model alone", rollout.ByModelAlone, nil
	}
	return fmt.Sprintf("the gateway gives the canary %d %%", percent), rollout.SeenOnGateways, nil
}

func (c *cluster) Find(_ context.Context, namespace, release string) (routes []rollout.Route, err error) {
	for id, o := range c.objects {
		if id.Kind == "Mapping" && id.Namespace == namespace && field(o, "metadata", "labels", rollout.ReleaseLabel) == release {
			routes = append(routes, rollout.Route{Pair: rollout.Pair{Canary: id}})
		}
	}
	return routes, nil
}

func (c *cluster) Reachable(context.Context, []rollout.Route) error {
	if c.unseen {
		return errors.New("there is no gateway")
	}
	return nil
}

// together reports whether both Mappings form one group, as far as this cluster knows.
func (c *cluster) together(r rollout.Route) bool {
	return field(c.objects[r.Stable], "spec", "prefix") == field(c.objects[r.Canary], "spec", "prefix")
}

func (c *cluster) Beside(r rollout.Route, stable, canary map[string]any) (map[string]any, error) {
	synced, _, err := c.Resync(r, stable, canary)
	return synced, err
}

func (c *cluster) Limit([]rollout.Route) int { return 100 }

func (c *cluster) Share(_ rollout.Route, canary map[string]any) int {
	return number(field(canary, "spec", "weight"))
}

func (c *cluster) Resync(_ rollout.Route, stable, canary map[string]any) (map[string]any, bool, error) {
	synced := copied(canary)
	synced["spec"].(map[string]any)["prefix"] = field(stable, "spec", "prefix")
	return synced, !reflect.DeepEqual(synced, canary), c.broken["resync"]
}

// Load and Save implement Store.

func (c *cluster) Load(_ context.Context, namespace, name string) (Record, error) {
	return c.records[namespace+"/"+name], nil
}

func (c *cluster) Save(ctx context.Context, namespace, name string, r Record) (string, error) {
	key := namespace + "/" + name
	if c.records[key].Version != r.Version {
		return "", ErrChanged
	}
	err := c.write(ctx, "save", func() {
		c.version++
		r.Version = fmt.Sprint(c.version)
		c.records[key] = r
	})
	return r.Version, err
}

// Acquire and Alive implement Lock. A killed process leaves its lease, which is stale.
func (c *cluster) Acquire(ctx context.Context, _, _, _ string) (Hold, error) {
	held, lose := context.WithCancelCause(ctx)
	c.loses = lose
	return hold{held}, ctx.Err()
}

func (c *cluster) Alive(context.Context, string, string) (bool, error) { return !c.dying, nil }

type hold struct{ held context.Context }

func (h hold) Context() context.Context   { return h.held }
func (h hold) Sure(context.Context) error { return context.Cause(h.held) }
func (h hold) Release()                   {}

// Listen and Annotate implement Inbox.
func (c *cluster) Listen(ctx context.Context, id manifest.ID, hear func(map[string]string)) {
	said := map[string]string{}
	c.writing.Lock()
	annotations, _ := field(c.objects[id], "metadata", "annotations").(map[string]any)
	for key, value := range annotations {
		said[key], _ = value.(string)
	}
	if c.listener = hear; c.silent {
		c.listener = nil
	}
	c.writing.Unlock()
	if c.silent {
		if c.opened {
			hear(said)
			<-ctx.Done()
		}
		return
	}
	hear(said)
	<-ctx.Done()
}

func (c *cluster) Annotate(ctx context.Context, id manifest.ID, version string, annotations map[string]string) error {
	if c.conflicts > 0 {
		c.conflicts--
		return ErrChanged
	}
	return c.write(ctx, "annotate "+id.String(), func() {
		if c.objects[id] == nil {
			return
		}
		all, _ := field(c.objects[id], "metadata", "annotations").(map[string]any)
		if all = maps.Clone(all); all == nil {
			all = map[string]any{}
		}
		for key, value := range annotations {
			all[key] = value
		}
		c.set(id, all, "metadata", "annotations")
	})
}
