package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/emissary/live"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/traffic/emissary"
)

// router is what the runner needs of Emissary in a cluster.
type router struct {
	*cluster
	namespace string // Emissary's own
	gateways  *kube.Gateways
	seen      *bool // whether there are gateway pods, once that is known
}

// SetShare implements runner.Router. Taking traffic off the canary is not given
// up before the context ends.
func (r *router) SetShare(ctx context.Context, routes []rollout.Route, percent int) error {
	patient := r.kube
	if percent == 0 {
		patient = r.kube.Persistent()
	}
	var errs []error
	for _, route := range routes {
		id := route.Canary
		err := patient.SetWeight(ctx, kube.Ref(id), emissary.Weight(id.Kind, percent), kube.Write{DryRun: r.dryRun})
		if kube.IsNotFound(err) && (percent == 0 || r.dryRun != kube.DryRunNone) {
			continue // what is not there has no share
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Share implements runner.Router.
func (r *router) Share(canary map[string]any) int { return emissary.Share(canary) }

// Beside implements runner.Router.
func (r *router) Beside(route rollout.Route, stable, canary map[string]any) (map[string]any, error) {
	synced, _, err := emissary.Resync(stable, route.Name, canary)
	if err != nil {
		return nil, err
	}
	if synced == nil {
		return nil, fmt.Errorf("the route %s is not in it, and a canary's route alone gets every request whatever its weight; apply the stable version first", route.Name)
	}
	share, err := emissary.RealShare(stable, synced, r.namespace)
	if err == nil && share != 0 {
		err = fmt.Errorf("at weight 0 it would get %g %%", share)
	}
	if err != nil {
		return nil, fmt.Errorf("its canary %s cannot stand beside it as it is in the cluster: %w; mend it there first", route.Canary, err)
	}
	return synced, nil
}

// Resync implements runner.Router.
func (r *router) Resync(route rollout.Route, stable, canary map[string]any) (map[string]any, bool, error) {
	return emissary.Resync(stable, route.Name, canary)
}

// Verify implements runner.Router: by what the gateway's pods do or, where there
// are none, by the model of Emissary, which is no proof.
func (r *router) Verify(ctx context.Context, routes []rollout.Route, percent int) (string, rollout.Proof, error) {
	if r.dryRun != kube.DryRunNone {
		return "the share is not verified: this is a dry run", rollout.ByModelAlone, nil
	}
	if err := r.look(ctx); err != nil {
		return "", "", err
	}
	var wants []live.Want
	for _, route := range routes {
		w, err := r.wants(ctx, route, percent)
		if err != nil {
			return "", "", err
		}
		wants = append(wants, w...)
	}
	switch {
	case percent == 0 && len(wants) == 0: // there is no route by which it could get any
		return "the canary gets 0 %: it has no route any more", rollout.SeenOnGateways, nil
	case !*r.seen:
		return fmt.Sprintf("the canary gets %d %%, by the model of Emissary alone: %v", percent, r.unreachable()), rollout.ByModelAlone, nil
	case len(wants) == 0:
		return fmt.Sprintf("the canary gets %d %%, by the model of Emissary alone", percent), rollout.ByModelAlone, nil
	}
	verified, err := r.gateways.VerifyShare(ctx, wants)
	if err != nil {
		return "", "", err
	}
	return fmt.Sprintf("the canary gets %d %% %s", percent, verified), rollout.SeenOnGateways, nil
}

// Find implements runner.Router.
func (r *router) Find(ctx context.Context, namespace, release string) ([]rollout.Route, error) {
	var routes []rollout.Route
	for _, kind := range []string{"Mapping", "TCPMapping"} {
		objects, err := r.kube.List(ctx, kube.Ref{Group: "getambassador.io", Kind: kind, Namespace: namespace}, selectRelease(release))
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			routes = append(routes, rollout.Route{Pair: rollout.Pair{Canary: rollout.IDOf(o)}})
		}
	}
	return routes, nil
}

// Reachable implements runner.Router.
func (r *router) Reachable(ctx context.Context) error {
	if r.dryRun != kube.DryRunNone {
		return nil
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	if !*r.seen {
		return r.unreachable()
	}
	return nil
}

func (r *router) unreachable() error {
	return fmt.Errorf("there is no pod of Emissary in namespace %s", r.namespace)
}

// gatewayPods selects the pods of Emissary, by the name that its own manifests
// and its chart give them.
const gatewayPods = "app.kubernetes.io/name=emissary-ingress"

// look finds out, once, whether there are gateway pods to ask.
func (r *router) look(ctx context.Context) error {
	if r.seen != nil {
		return nil
	}
	pods, err := r.kube.List(ctx, kube.Ref{Kind: "Pod", Namespace: r.namespace}, gatewayPods)
	if err != nil {
		return err
	}
	seen := len(pods) > 0
	r.seen = &seen
	return nil
}

// wants are the shares that a pair of routes has to have, checked by the model
// first. What is not there any more wants nothing.
func (r *router) wants(ctx context.Context, route rollout.Route, percent int) ([]live.Want, error) {
	canary, err := r.Get(ctx, route.Canary)
	if err != nil {
		return nil, err
	}
	if canary == nil {
		if percent > 0 {
			return nil, &rollout.Refusal{Code: rollout.RefusedGone, Objects: []string{route.Canary.String()}}
		}
		return nil, nil
	}
	object, err := r.Get(ctx, route.Stable)
	if err != nil {
		return nil, err
	}
	var stable map[string]any
	if object != nil {
		if stable, err = emissary.StableRoute(object, route.Name); err != nil {
			return nil, fmt.Errorf("%s: %w", route.Stable, err)
		}
	}
	if stable == nil {
		return nil, fmt.Errorf("%s: it is gone, and its canary %s gets every request; restore it at once, or delete the canary's objects yourself", route.Stable, route.Canary)
	}
	share, err := emissary.RealShare(object, canary, r.namespace)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", route.Canary, err)
	}
	if emissary.Share(canary) != percent {
		return nil, fmt.Errorf("%s: its weight was set to %d %% and is %d %%: somebody else moves it", route.Canary, percent, emissary.Share(canary))
	}
	if route.Canary.Kind == "TCPMapping" {
		return nil, nil // the name of its cluster is not known
	}
	return []live.Want{r.want(canary, share), r.want(stable, 100-share)}, nil
}

func (r *router) want(route map[string]any, share float64) live.Want {
	id := rollout.IDOf(route)
	spec, _ := route["spec"].(map[string]any)
	return live.Want{Namespace: id.Namespace, Mapping: id.Name, Cluster: emissary.Cluster(route, r.namespace), Route: live.RouteOf(spec), Share: share}
}
