package live

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// Asker implements route.Asker.
type Asker struct {
	Gateways  *Gateways
	Namespace string // of Emissary
}

// inFlight is how long a change may be on its way before an examination reports it.
const inFlight = 3 * time.Second

// Behind implements route.Asker.
func (a Asker) Behind(ctx context.Context, get func(manifest.ID) map[string]any, routes []rollout.Route) (string, error) {
	r := &Router{Cluster: objects{get: get}, Namespace: a.Namespace, Gateways: a.Gateways}
	var wants []Want
	for _, route := range routes {
		share := 0
		if canary := get(route.Canary); canary != nil {
			share = derive.Share(canary, r.Version)
		}
		these, err := r.wants(ctx, route, share)
		if err != nil {
			continue // the objects themselves are wrong, which the examination finds
		}
		wants = append(wants, these...)
	}
	if there, err := r.isThere(ctx); err != nil || !there || len(wants) == 0 {
		return "", err
	}
	_, err := a.Gateways.VerifyShare(ctx, wants, inFlight)
	var not *NotVerifiedError
	if errors.As(err, &not) && not.Taken != nil {
		return err.Error(), nil
	}
	return "", err
}

// Posted implements route.Asker. It reads the diagnostics of a pod.
func (a Asker) Posted(ctx context.Context) (posted []route.Posted, known bool, err error) {
	ready, err := a.Gateways.readyPods(ctx)
	for _, p := range ready {
		var page pageView
		if page, err = a.Gateways.view(ctx, idOf(p), diagnosticsPage); err != nil {
			continue
		}
		for _, e := range page.Errors {
			posted = append(posted, e.posted())
		}
		return posted, true, nil
	}
	return nil, false, err
}

// Close closes the connections.
func (a Asker) Close() { a.Gateways.Close() }

// posted splits Emissary's notation of an object.
func (e Error) posted() route.Posted {
	name, rest, named := strings.Cut(e.Object, ".")
	if !named {
		return route.Posted{Text: e.Text}
	}
	namespace, _, _ := strings.Cut(rest, ".")
	return route.Posted{Namespace: namespace, Name: name, Text: e.Text}
}

// objects is a cluster whose objects were read before.
type objects struct {
	route.Cluster
	get func(manifest.ID) map[string]any
}

func (o objects) Get(_ context.Context, id manifest.ID) (map[string]any, error) {
	return o.get(id), nil
}
