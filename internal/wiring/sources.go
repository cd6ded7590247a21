package wiring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/hub"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/azuremonitor"
	"github.com/canarize/canarize/internal/metric/emissary"
	"github.com/canarize/canarize/internal/metric/endpoint"
	"github.com/canarize/canarize/internal/metric/pods"
	"github.com/canarize/canarize/internal/metric/prometheus"
	"github.com/canarize/canarize/internal/metric/web"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/live"
)

// sources opens the metric sources.
type sources struct{ gateways *live.Gateways }

// open opens the source that a release names; without a name it is Emissary.
func (s sources) open(ctx context.Context, o hub.Opening) (*metric.Opened, error) {
	openers := map[metric.SourceName]hub.Opener{
		"":                  s.emissary,
		metric.Emissary:     s.emissary,
		metric.Pods:         openPods,
		metric.Prometheus:   openPrometheus,
		metric.AzureMonitor: openAzureMonitor,
		metric.Web:          openWeb,
	}
	opener, known := openers[o.Config.Source]
	if !known {
		return nil, fmt.Errorf("unknown metric source %s; known: %v", o.Config.Source, metric.SourceNames())
	}
	return opener(ctx, o)
}

func openWeb(_ context.Context, o hub.Opening) (*metric.Opened, error) {
	server, err := endpoint.New(o.Config.Access, o.Getenv, nil)
	if err != nil {
		return nil, err
	}
	return &metric.Opened{Source: web.New(server)}, nil
}

func openPrometheus(_ context.Context, o hub.Opening) (*metric.Opened, error) {
	options, err := series(o)
	if err != nil {
		return nil, err
	}
	server, err := endpoint.New(o.Config.Access, o.Getenv, nil)
	if err != nil {
		return nil, err
	}
	return &metric.Opened{Source: prometheus.New(server, options), Metrics: metric.Metrics(o.Config.Queries), Remembers: true}, nil
}

func openAzureMonitor(_ context.Context, o hub.Opening) (*metric.Opened, error) {
	options, err := series(o)
	if err != nil {
		return nil, err
	}
	credential, err := azuremonitor.Login(o.Getenv)
	if err != nil {
		return nil, fmt.Errorf("azuremonitor: %w", err)
	}
	source, err := azuremonitor.New(o.Config.Access, options, o.Getenv, credential)
	return &metric.Opened{Source: source, Metrics: metric.Metrics(o.Config.Queries), Remembers: true}, err
}

// series returns how the series of both versions are told apart: by the labels of the
// release file, or by the names of their pods.
func series(o hub.Opening) (prometheus.Options, error) {
	options := prometheus.Options{Queries: o.Config.Queries, PodLabel: o.Config.PodLabel, Labels: map[metric.Arm][]metric.Matcher{metric.Canary: o.Config.Canary, metric.Stable: o.Config.Stable}}
	if o.Config.Canary != nil {
		return options, nil
	}
	workloads := map[metric.Arm][]manifest.ID{}
	for _, w := range o.Plan.Workloads {
		workloads[metric.Stable] = append(workloads[metric.Stable], w.Stable)
		workloads[metric.Canary] = append(workloads[metric.Canary], w.Canary)
	}
	if options.PodLabel == "" {
		options.PodLabel = prometheus.PodLabel
	}
	var err error
	options.Labels, err = prometheus.PodNames(workloads)
	return options, err
}

func (s sources) emissary(ctx context.Context, o hub.Opening) (*metric.Opened, error) {
	router, can := o.Router.(route.Counted)
	if !can {
		return nil, errors.New("the metric source emissary needs a router that counts requests")
	}
	clusters := emissary.Clusters{}
	for _, r := range o.Plan.Routes {
		stable, canary, err := router.Names(ctx, r)
		if err != nil {
			return nil, err
		}
		for arm, name := range map[metric.Arm]string{metric.Stable: stable, metric.Canary: canary} {
			if name != "" && !slices.Contains(clusters[arm], name) {
				clusters[arm] = append(clusters[arm], name)
			}
		}
	}
	if len(clusters) == 0 {
		return nil, errors.New("the metric source emissary counts HTTP requests, and the release has only TCPMappings; name another source in spec.metrics")
	}
	statistics := s.gateways.Statistics(clusters.Names())
	source, err := emissary.New(statistics, clusters)
	if err != nil {
		statistics.Close()
		return nil, err
	}
	return &metric.Opened{
		Source: source, Metrics: metric.Metrics(emissary.Queries()), End: statistics.Close,
		Every: time.Second, // its tunnels are already open
	}, nil
}

func openPods(ctx context.Context, o hub.Opening) (*metric.Opened, error) {
	pages, err := hub.NewPodPages(ctx, o.Cluster, o.Plan.Workloads, hub.Page{Port: o.Config.Port, Path: o.Config.Path, Accept: pods.Accept(o.Config.Queries)})
	if err != nil {
		return nil, err
	}
	source, err := pods.New(pages, o.Config.Queries)
	if err != nil {
		pages.Close()
		return nil, err
	}
	return &metric.Opened{Source: source, Metrics: metric.Metrics(o.Config.Queries), End: pages.Close}, nil
}
