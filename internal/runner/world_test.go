package runner

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
)

var (
	noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	shop = Release{Namespace: "eu", Name: "shop"}
)

type values = map[string]any

func decoded(apiVersion, kind, name string, rest values) values {
	o := values{"apiVersion": apiVersion, "kind": kind, "metadata": values{"namespace": "eu", "name": name}}
	maps.Copy(o, rest)
	return o
}

// moved is the version whose route has another prefix than the others.
const moved = "shop:moved"

// application returns a version of the application, or its canary.
func application(suffix, image, secret string) []map[string]any {
	name := "shop" + suffix
	mapping := values{"prefix": "/", "service": name}
	if image == moved {
		mapping["prefix"] = "/moved"
	}
	if suffix != "" {
		mapping["weight"] = int64(0)
	}
	n := int64(4)
	if suffix != "" {
		n = 1
	}
	template := values{"image": image, "spec": values{"containers": []any{values{"name": "web", "image": image}}}}
	objects := []map[string]any{
		decoded("v1", "Secret", "key"+suffix, values{"data": values{"key": secret}}),
		decoded("apps/v1", "Deployment", name, values{"spec": values{"replicas": n, "template": template}}),
		decoded("v1", "Service", name, values{"spec": values{"selector": values{"app": name}}}),
		decoded("getambassador.io/v3alpha1", "Mapping", name, values{"spec": mapping}),
	}
	for _, o := range objects {
		if suffix != "" {
			o["metadata"].(values)["labels"] = values{rollout.ReleaseLabel: "shop"}
		}
	}
	return objects
}

func id(group, kind, name string) manifest.ID {
	return manifest.ID{Group: group, Kind: kind, Namespace: "eu", Name: name}
}

var (
	stablePods    = id("apps", "Deployment", "shop")
	canaryPods    = id("apps", "Deployment", "shop-canary")
	stableMapping = id("getambassador.io", "Mapping", "shop")
	canaryMapping = id("getambassador.io", "Mapping", "shop-canary")
)

// release returns the plan of a version.
func release(image string) *rollout.Plan {
	return &rollout.Plan{
		Stable: application("", image, image), Canary: application("-canary", image, image),
		Workloads: []rollout.Workload{{Pair: rollout.Pair{Stable: stablePods, Canary: canaryPods}}},
		Routes:    []rollout.Route{{Pair: rollout.Pair{Stable: stableMapping, Canary: canaryMapping}, TimeoutMS: 3000}},
		Services:  []rollout.Pair{{Stable: id("", "Service", "shop"), Canary: id("", "Service", "shop-canary")}},
		Configs:   []rollout.Pair{{Stable: id("", "Secret", "key"), Canary: id("", "Secret", "key-canary")}},
	}
}

// say makes a statement about the release, as a person would.
func (w *world) say(said rollout.Statements) {
	annotations := map[string]any{}
	for key, text := range said.Annotations(noon) {
		annotations[key] = text
	}
	w.writing.Lock()
	w.set(canaryPods, annotations, "metadata", "annotations")
	hear := w.listener
	w.writing.Unlock()
	if hear != nil {
		hear(said.Annotations(noon))
	}
}

// world is a cluster with version 1, and the processes that work on it one after the
// other.
type world struct {
	*cluster
	options  Options
	examiner Examiner
	events   []rollout.Event
	waited   time.Duration
}

func newWorld() *world { return &world{cluster: newCluster(application("", "shop:1", "shop:1")...)} }

func (w *world) runner() *Runner {
	return &Runner{
		Inbox: w.cluster, Objects: w.cluster, Workloads: w.cluster, Router: w.cluster, Store: w.cluster, Lock: w.cluster, Examiner: w.examiner,
		Now: func() time.Time { return noon },
		Wait: func(ctx context.Context, d time.Duration) error {
			if d == cleanUpTimeout { // leaving takes no time here
				<-ctx.Done()
				return ctx.Err()
			}
			w.waited += d
			return ctx.Err()
		},
		Emit:    func(e rollout.Event) { w.events = append(w.events, e) },
		Options: w.options,
	}
}

// ask runs one process with one request.
type ask struct {
	request rollout.Request
	plan    *rollout.Plan
}

func deploy(image string) ask { return ask{rollout.Request{Verb: rollout.Deploy}, release(image)} }
func shift(to int) ask        { return ask{rollout.Request{Verb: rollout.Shift, Weight: to}, nil} }
func promote() ask            { return ask{rollout.Request{Verb: rollout.Promote}, nil} }
func reject() ask             { return ask{rollout.Request{Verb: rollout.Reject}, nil} }

func (w *world) do(ctx context.Context, a ask) (rollout.State, error) {
	w.dead = false
	return w.runner().Do(ctx, shop, a.request, a.plan)
}

func (w *world) must(t *testing.T, asks ...ask) rollout.State {
	t.Helper()
	var s rollout.State
	for _, a := range asks {
		var err error
		if s, err = w.do(t.Context(), a); err != nil {
			t.Fatalf("%s: %v", a.request.Verb, err)
		}
	}
	return s
}

func (w *world) state(t *testing.T) rollout.State {
	t.Helper()
	s, err := w.runner().Load(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// expect checks which version is stable and the canary's weight; -1 means that no object
// of the canary exists.
func (w *world) expect(t *testing.T, image string, weight int) {
	t.Helper()
	for _, o := range application("-canary", image, image) {
		if there := w.objects[object.ID(o)] != nil; there != (weight >= 0) {
			t.Errorf("%s is there: %v", object.ID(o), there)
		}
	}
	if mapping := w.objects[canaryMapping]; mapping != nil && number(field(mapping, "spec", "weight")) != weight {
		t.Errorf("weight %v, expected %d", field(mapping, "spec", "weight"), weight)
	}
	if got := field(w.objects[stablePods], "spec", "template", "image"); got != image {
		t.Errorf("stable is %v, expected %s", got, image)
	}
	if got := field(w.objects[id("", "Secret", "key")], "data", "key"); got != image {
		t.Errorf("stable's secret is %v, expected %s", got, image)
	}
	for _, fault := range w.faults {
		t.Error(fault)
	}
}
