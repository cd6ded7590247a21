// Package wiring names the concrete adapters: routers, metric sources, CI systems. A new
// one is a folder and a line here.
package wiring

import (
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

// Options say which cluster releases are carried out in, and how.
type Options struct {
	hub.Options       // Cluster, Router, Source and Emit are not looked at
	Target            kube.Target
	EmissaryNamespace string
	ShareTimeout      time.Duration // for Emissary, until a share is real; 0 means its default
	Emit              func(rollout.Event)
}

// Hub is a hub with what it was wired with. The caller closes it.
type Hub struct {
	*hub.Hub
	close func()
}

// Close ends what is kept open between two verifications.
func (h Hub) Close() { h.close() }

// Connect prepares to carry out releases in a cluster. It sends no request yet.
func Connect(o Options) (Hub, error) {
	var h Hub
	cluster, err := kube.Connect(o.Target, kube.Options{Delayed: func(d kube.Delay) { h.Delayed(d) }})
	if err != nil {
		return h, err
	}
	gateways := live.NewGateways(cluster, live.Gateway{Namespace: o.EmissaryNamespace, Patience: o.ShareTimeout})
	h.close = gateways.Close
	o.Cluster = cluster
	o.Router = func(c route.Cluster) route.Live {
		return together(routers(o.EmissaryNamespace, gateways), c)
	}
	o.Source = sources{gateways}.open
	o.Options.Emit = func(_ runner.Release, e rollout.Event) { o.Emit(e) }
	h.Hub = hub.New(o.Options)
	return h, nil
}

// Survey says where a survey looks.
func Survey(target kube.Target, namespace, emissaryNamespace string, source metric.SourceName) (survey.Options, error) {
	cluster, err := kube.Connect(target, kube.Options{Attempts: 3})
	o := survey.Options{
		Cluster: cluster, Namespace: namespace,
		Access: Access(AccessOptions{Namespace: namespace, EmissaryNamespace: emissaryNamespace, PodMetrics: source == metric.Pods}),
	}
	for _, r := range routers(emissaryNamespace, nil) {
		o.Gateways = append(o.Gateways, r.gateways...)
	}
	return o, err
}
