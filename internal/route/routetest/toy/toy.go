// Package toy is the smallest possible traffic router, for tests of the contracts. An
// object of kind Split gives requests to a Service, and a share of them to another one.
// The canary's route is a part of the stable object.
package toy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
)

// Stable is a Split that gives all requests to Service shop.
const Stable = "apiVersion: toy.example.com/v1\nkind: Split\nmetadata: {name: shop}\nspec: {path: /, service: shop}\n"

// Edit changes the path of a Split.
func Edit(split map[string]any) { object.Spec(split)["path"] = "/edited" }

// Deriver implements route.Deriver for objects of kind Split.
type Deriver struct{}

// Leads implements route.Deriver.
func (Deriver) Leads(set *manifest.Set) (route.Leads, error) {
	var leads route.Leads
	for _, o := range set.Objects {
		if o.Group() == "toy.example.com" && o.Kind() == "Split" {
			leads.Add(set.Namespace(o), manifest.GetString(o.Root, "spec", "service"))
		}
	}
	return leads, nil
}

// Canary implements route.Deriver.
func (Deriver) Canary(request route.Request) (route.Result, error) {
	var result route.Result
	for _, o := range request.Set.Objects {
		if o.Group() != "toy.example.com" || o.Kind() != "Split" {
			continue
		}
		for _, s := range request.Services {
			if s.Stable.Name() == manifest.GetString(o.Root, "spec", "service") {
				result.Routes = append(result.Routes, route.Route{Derived: manifest.Derived{Stable: o, Canary: o}, Name: s.Canary.Name(), TimeoutMS: 1000})
			}
		}
	}
	return result, nil
}

// Live implements route.Live and route.Inside.
type Live struct {
	Cluster route.Cluster
	// Gateway returns whether there is a gateway, and whether it does what Splits say.
	Gateway func() (there, follows bool)
}

// The canary's part of a Split.
const (
	canaryField = "canary"
	weightField = "canaryWeight"
)

// SetShare implements route.Live.
func (l Live) SetShare(ctx context.Context, routes []rollout.Route, percent int) error {
	var errs []error
	for _, r := range routes {
		split, err := l.Cluster.Get(ctx, r.Stable)
		spec := object.Spec(split)
		switch {
		case err != nil:
			errs = append(errs, err)
		case spec[canaryField] != nil:
			errs = append(errs, l.Cluster.SetNumber(ctx, r.Stable, weightField, percent, percent == 0))
		case percent > 0:
			errs = append(errs, fmt.Errorf("%s: it has no canary", r.Stable))
		}
	}
	return errors.Join(errs...)
}

// Verify implements route.Live.
func (l Live) Verify(_ context.Context, _ []rollout.Route, percent int, _ time.Duration) (string, rollout.Proof, error) {
	switch there, follows := l.Gateway(); {
	case !there:
		return fmt.Sprintf("the canary gets %d %%, if what is written is done", percent), rollout.ByModelAlone, nil
	case !follows:
		return "", "", errors.New("the gateway does something else")
	}
	return fmt.Sprintf("the canary gets %d %%", percent), rollout.SeenOnGateways, nil
}

// Reachable implements route.Live.
func (l Live) Reachable(context.Context, []rollout.Route) error {
	if there, _ := l.Gateway(); !there {
		return errors.New("there is no gateway")
	}
	return nil
}

// Find implements route.Live. A Split has no label of a release, so Find returns all
// Splits with a canary.
func (l Live) Find(ctx context.Context, namespace, _ string) ([]rollout.Route, error) {
	objects, err := l.Cluster.List(ctx, manifest.ID{Group: "toy.example.com", Kind: "Split", Namespace: namespace}, "")
	var routes []rollout.Route
	for _, o := range objects {
		if object.Spec(o)[canaryField] != nil {
			id := object.ID(o)
			routes = append(routes, rollout.Route{Pair: rollout.Pair{Stable: id, Canary: id}})
		}
	}
	return routes, err
}

// Limit implements route.Live.
func (Live) Limit([]rollout.Route) int { return 100 }

// Share implements route.Live.
func (Live) Share(_ rollout.Route, split map[string]any) int {
	switch n := object.Spec(split)[weightField].(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	}
	return 0
}

// Beside implements route.Live.
func (l Live) Beside(r rollout.Route, stable, canary map[string]any) (map[string]any, error) {
	split, _, err := l.Resync(r, stable, canary)
	return split, err
}

// Resync implements route.Live.
func (l Live) Resync(r rollout.Route, stable, canary map[string]any) (map[string]any, bool, error) {
	spec := object.Spec(stable)
	synced := maps.Clone(spec)
	synced[canaryField], synced[weightField] = r.Name, int64(l.Share(r, canary))
	changed := spec[canaryField] != r.Name || l.Share(r, stable) != l.Share(r, canary)
	return object.WithSpec(stable, synced), changed, nil
}

// Without implements route.Inside.
func (Live) Without(_ rollout.Route, stable map[string]any) (map[string]any, error) {
	alone := maps.Clone(object.Spec(stable))
	delete(alone, canaryField)
	delete(alone, weightField)
	return object.WithSpec(stable, alone), nil
}
