package hub

import (
	"cmp"
	"context"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
)

// Opening holds what an Opener needs.
type Opening struct {
	Cluster *kube.Cluster
	Router  route.Live
	Plan    rollout.Plan
	Config  metric.Config
	Getenv  func(string) string // looks up secrets
}

// Opener opens the metric source of a release whose canary is deployed. The caller
// closes it.
type Opener func(context.Context, Opening) (*metric.Opened, error)

// OpenMetrics opens the metric source of a release that another process carries out.
func (h *Hub) OpenMetrics(ctx context.Context, plan rollout.Plan, config metric.Config, getenv func(string) string) (*metric.Opened, error) {
	c := &cluster{kube: h.options.Cluster}
	return h.open(ctx, Opening{Cluster: c.kube, Router: h.options.Router(c), Plan: plan, Config: config, Getenv: getenv})
}

func (h *Hub) open(ctx context.Context, o Opening) (*metric.Opened, error) {
	opened, err := h.options.Source(ctx, o)
	if err != nil {
		return nil, err
	}
	opened.Timeout = cmp.Or(o.Config.Timeout, metric.DefaultTimeout)
	return opened, nil
}
