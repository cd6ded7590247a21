// Package wiring lists the concrete adapters: routers, metric sources, CI systems. A
// new adapter is a folder and a line here.
package wiring

import (
	"context"
	"time"

	"github.com/canarize/canarize/internal/hub"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/survey"
)

// Options configures Connect.
type Options struct {
	hub.Options              // Router, Source and Emit are ignored
	Target       kube.Target // where to connect to if there is no Cluster
	Emissary     Emissary
	ShareTimeout time.Duration // how long Emissary may take to apply a share; 0 means its default
	Emit         func(rollout.Event)
	// Forward opens a tunnel to a pod of the gateway; nil means through the API server.
	Forward func(ctx context.Context, namespace, pod string) (live.Tunnel, error)
}

// Hub is a hub with the adapters of this package. The caller closes it.
type Hub struct {
	*hub.Hub
	close func()
}

// Close closes the connections that stay open between verifications.
func (h Hub) Close() { h.close() }

// Connect returns a hub for a cluster. It sends no request yet.
func Connect(o Options) (Hub, error) {
	var h Hub
	if o.Cluster == nil {
		var err error
		if o.Cluster, err = kube.Connect(o.Target, kube.Options{Delayed: func(d kube.Delay) { h.Delayed(d) }}); err != nil {
			return h, err
		}
	}
	gateways := live.NewGateways(o.Cluster, live.Gateway{Namespace: o.Emissary.Namespace, Patience: o.ShareTimeout, Forward: o.Forward})
	h.close = gateways.Close
	o.Router = func(c route.Cluster) route.Live {
		return together(routers(Routing{Emissary: o.Emissary}, gateways), c)
	}
	o.Source = sources{gateways}.open
	o.Options.Emit = func(_ runner.Release, e rollout.Event) { o.Emit(e) }
	h.Hub = hub.New(o.Options)
	return h, nil
}

// Survey returns the options of a survey.
func Survey(target kube.Target, namespace, emissaryNamespace string, source metric.SourceName) (survey.Options, error) {
	cluster, err := kube.Connect(target, kube.Options{Attempts: 3})
	o := survey.Options{
		Cluster: cluster, Namespace: namespace,
		Access: Access(AccessOptions{Namespace: namespace, EmissaryNamespace: emissaryNamespace, PodMetrics: NeedsPodMetrics(source)}),
	}
	if err != nil {
		return o, err
	}
	for _, r := range routers(Routing{Emissary: Emissary{Namespace: emissaryNamespace}}, live.NewGateways(cluster, live.Gateway{Namespace: emissaryNamespace})) {
		o.Gateways = append(o.Gateways, r.gateways...)
	}
	return o, nil
}
