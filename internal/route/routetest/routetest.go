// Package routetest tests the contracts that every traffic router has to fulfil.
package routetest

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/runner"
)

// Gateway is the gateway of a router under test.
type Gateway struct {
	There   bool // it can be queried
	Follows bool // it applies the routes
}

// State returns There and Follows.
func (g *Gateway) State() (there, follows bool) { return g.There, g.Follows }

// Subject is a router under test, perhaps among others.
type Subject struct {
	Routers []route.Named
	// Live returns the router for a cluster and a gateway.
	Live func(route.Cluster, *Gateway) route.Live
	// Stable is a route, in YAML, for all requests to Service shop, port 80.
	Stable string
	// Edit changes a stable object like a user who edits the route.
	Edit func(object map[string]any)
	// Features lists the features of the router.
	Features []Feature
}

// Feature is an optional ability of a router.
type Feature string

// The features that tests may need.
const (
	OwnObject Feature = "the canary's route is an object of its own"
	Inside    Feature = "the canary's route is a part of the stable object"
	Counted   Feature = "the gateway counts requests by route"
	Seen      Feature = "the gateway can verify a share"
)

// world is an application with a route and a deployed canary in a cluster.
type world struct {
	*Cluster
	subject Subject
	gateway *Gateway
	live    route.Live
	plan    rollout.Plan
}

// cases lists the tests with the feature that each needs; "" means none.
var cases = []struct {
	name  string
	needs Feature
	run   func(*testing.T, *world)
}{
	{"the canary begins at 0", "", beginsAtZero},
	{"every share is as set", "", sharesAreExact},
	{"setting a share changes nothing else", "", sharesMoveNothingElse},
	{"a canary that does not exist has no share", "", absentHasNoShare},
	{"an edit of the stable route reaches the canary's", "", editedTakesAlong},
	{"only a gateway proves a share", Seen, proofByGateway},
	{"the routes of a release are found without its record", "", foundByLabel},
	{"the canary's route is deleted with the canary", OwnObject, ownRouteGoes},
	{"the stable object without the canary is unchanged", Inside, withoutIsBefore},
	{"each version is counted under its own name", Counted, namesDiffer},
	{"a release is promoted", "", promoted},
	{"a release is rejected", "", rejected},
}

// Run runs the tests for which the router has the features.
func Run(t *testing.T, s Subject) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.needs != "" && !s.has(c.needs) {
				t.Skipf("not a feature of the router: %s", c.needs)
			}
			c.run(t, newWorld(t, s))
		})
	}
}

func (s Subject) has(f Feature) bool {
	for _, has := range s.Features {
		if has == f {
			return true
		}
	}
	return false
}

const application = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: main, image: registry.example.com/shop:1}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
---
`

func newWorld(t *testing.T, s Subject) *world {
	t.Helper()
	objects, err := manifest.Parse(manifest.Source{Name: "shop.yml", Data: []byte(application + s.Stable)})
	if err != nil {
		t.Fatal(err)
	}
	set, err := plan.NewSet(objects, "eu")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Cluster: NewCluster(), subject: s, gateway: &Gateway{There: true, Follows: true}}
	for _, o := range set.Objects {
		value := set.Value(o)
		w.objects[object.ID(value)] = copied(value)
	}
	image := canary.Image{Reference: "registry.example.com/shop:2"}
	planned, err := plan.Release(set, plan.ReleaseOptions{Generate: plan.Options{
		Canary: canary.Options{Suffix: "-canary", Images: []canary.Image{image}}, Routers: s.Routers,
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.plan = planned.Plan
	w.live = s.Live(w.Cluster, w.gateway)
	return w
}

// must carries out requests, each in a new process.
func (w *world) must(t *testing.T, asks ...rollout.Request) {
	t.Helper()
	for _, request := range asks {
		if err := w.do(t.Context(), request); err != nil {
			t.Fatalf("%s: %v", request.Verb, err)
		}
	}
}

func (w *world) do(ctx context.Context, request rollout.Request) error {
	r := runner.Runner{
		Objects: w, Workloads: w, Store: w, Lock: w, Inbox: w, Router: w.live,
		Now:  func() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) },
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Emit: func(rollout.Event) {},
	}
	_, err := r.Do(ctx, runner.Release{Namespace: "eu", Name: "shop"}, request, &w.plan)
	return err
}

var (
	deploy = rollout.Request{Verb: rollout.Deploy}
	reject = rollout.Request{Verb: rollout.Reject}
)

func shift(to int) rollout.Request { return rollout.Request{Verb: rollout.Shift, Weight: to} }

// shares returns the shares that the canary's routes request now.
func (w *world) shares(t *testing.T) (shares []int) {
	t.Helper()
	for _, r := range w.plan.Routes {
		object, err := w.Get(t.Context(), r.Canary)
		if err != nil || object == nil {
			t.Fatalf("%s: %v, %v", r.Canary, object, err)
		}
		shares = append(shares, w.live.Share(r, object))
	}
	return shares
}

func (w *world) expectShares(t *testing.T, percent int) {
	t.Helper()
	for i, share := range w.shares(t) {
		if share != percent {
			t.Errorf("%s: the share is %d %%, expected %d %%", w.plan.Routes[i].Canary, share, percent)
		}
	}
}

func beginsAtZero(t *testing.T, w *world) {
	if len(w.plan.Routes) != 1 || w.plan.Routes[0].TimeoutMS <= 0 {
		t.Fatalf("routes %+v, expected one with a timeout", w.plan.Routes)
	}
	w.must(t, deploy)
	w.expectShares(t, 0)
}

func sharesAreExact(t *testing.T, w *world) {
	w.must(t, deploy)
	for percent := range w.live.Limit(w.plan.Routes) + 1 {
		if err := w.live.SetShare(t.Context(), w.plan.Routes, percent); err != nil {
			t.Fatal(err)
		}
		w.expectShares(t, percent)
	}
}

func sharesMoveNothingElse(t *testing.T, w *world) {
	w.must(t, deploy)
	before := w.Objects()
	for _, percent := range []int{7, 0} {
		if err := w.live.SetShare(t.Context(), w.plan.Routes, percent); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, w.Objects()); diff != "" {
		t.Errorf("to 7 %% and back: %s", diff)
	}
}

func absentHasNoShare(t *testing.T, w *world) {
	if err := w.live.SetShare(t.Context(), w.plan.Routes, 0); err != nil {
		t.Error(err)
	}
	if err := w.live.SetShare(t.Context(), w.plan.Routes, 5); err == nil {
		t.Error("no error for 5 % to a canary that does not exist")
	}
}

func editedTakesAlong(t *testing.T, w *world) {
	w.must(t, deploy, shift(20))
	r := w.plan.Routes[0]
	w.subject.Edit(w.objects[r.Stable])
	w.must(t, shift(20))
	w.expectShares(t, 20)
	stable, _ := w.Get(t.Context(), r.Stable)
	canary, _ := w.Get(t.Context(), r.Canary)
	if _, changed, err := w.live.Resync(r, stable, canary); err != nil || changed {
		t.Errorf("the canary's route still differs: %v, %v", changed, err)
	}
	edited := copied(stable)
	w.subject.Edit(edited)
	if diff := cmp.Diff(edited, stable); diff != "" {
		t.Errorf("the edit is lost: %s", diff)
	}
}

func proofByGateway(t *testing.T, w *world) {
	w.must(t, deploy, shift(10))
	for _, c := range []struct {
		gateway Gateway
		proof   rollout.Proof
		fails   bool
	}{
		{Gateway{There: true, Follows: true}, rollout.SeenOnGateways, false},
		{Gateway{There: true}, "", true},
		{Gateway{}, rollout.ByModelAlone, false},
	} {
		*w.gateway = c.gateway
		w.live = w.subject.Live(w.Cluster, w.gateway) // a process checks only once whether there is a gateway
		text, proof, err := w.live.Verify(t.Context(), w.plan.Routes, 10, 0)
		if proof != c.proof || (err != nil) != c.fails || !c.fails && !strings.Contains(text, "10 %") {
			t.Errorf("gateway %+v: %q, %q, %v", c.gateway, text, proof, err)
		}
		if err := w.live.Reachable(t.Context(), w.plan.Routes); (err == nil) != c.gateway.There {
			t.Errorf("gateway %+v: reachable: %v", c.gateway, err)
		}
	}
}

func foundByLabel(t *testing.T, w *world) {
	find := func() (found []manifest.ID) {
		routes, err := w.live.Find(t.Context(), "eu", "shop")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range routes {
			found = append(found, r.Canary)
		}
		return found
	}
	if found := find(); len(found) > 0 {
		t.Errorf("found before the deployment: %v", found)
	}
	w.must(t, deploy)
	if found := find(); !reflect.DeepEqual(found, []manifest.ID{w.plan.Routes[0].Canary}) {
		t.Errorf("found %v, expected %v", found, w.plan.Routes[0].Canary)
	}
}

func ownRouteGoes(t *testing.T, w *world) {
	w.must(t, deploy, shift(5), reject)
	if o := w.Objects()[w.plan.Routes[0].Canary]; o != nil {
		t.Errorf("it still exists: %v", o)
	}
}

func withoutIsBefore(t *testing.T, w *world) {
	r := w.plan.Routes[0]
	before := w.Objects()[r.Stable]
	w.must(t, deploy, shift(5))
	alone, err := w.live.(route.Inside).Without(r, w.Objects()[r.Stable])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, copied(alone)); diff != "" {
		t.Error(diff)
	}
}

func namesDiffer(t *testing.T, w *world) {
	w.must(t, deploy)
	stable, canary, err := w.live.(route.Counted).Names(t.Context(), w.plan.Routes[0])
	if err != nil || stable == "" || canary == "" || stable == canary {
		t.Errorf("%q, %q, %v", stable, canary, err)
	}
}

func promoted(t *testing.T, w *world) {
	before := w.Objects()
	promote := rollout.Request{Verb: rollout.Promote, Unverified: !w.subject.has(Seen)}
	w.must(t, deploy, shift(10), shift(50), promote)
	w.expectStable(t, before, "registry.example.com/shop:2")
}

func rejected(t *testing.T, w *world) {
	before := w.Objects()
	w.must(t, deploy, shift(10), reject)
	w.expectStable(t, before, "registry.example.com/shop:1")
}

// expectStable expects the same objects as before, with another image.
func (w *world) expectStable(t *testing.T, before map[manifest.ID]map[string]any, image string) {
	t.Helper()
	for id, o := range before {
		if id.Kind == "Deployment" {
			template := o["spec"].(map[string]any)["template"].(map[string]any)
			template["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)["image"] = image
		}
	}
	if diff := cmp.Diff(before, w.Objects()); diff != "" {
		t.Error(diff)
	}
}
