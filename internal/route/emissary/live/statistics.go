package live

import (
	"context"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/exposition"
	"github.com/canarize/canarize/internal/metric/scrape"
)

// Statistics are what the gateway's Envoys count. The caller closes them.
type Statistics struct {
	gateways *Gateways
	followed *kube.Pods
	path     string
}

// Statistics prepares to read a page of Envoy's admin interface on every gateway pod.
func (g *Gateways) Statistics(path string) *Statistics {
	return &Statistics{gateways: g, followed: g.cluster.Follow(g.where.Namespace, g.where.Selector), path: path}
}

// Pods implements scrape.Cluster.
func (s *Statistics) Pods(ctx context.Context) ([]scrape.Pod, error) {
	running, err := s.followed.Running(ctx)
	all := make([]scrape.Pod, len(running))
	for i, p := range running {
		all[i] = scrape.Pod{Namespace: p.Namespace, Name: p.Name, UID: p.UID, Restarts: p.Restarts, Ready: p.Ready, Arms: metric.Arms()}
	}
	return all, err
}

// Page implements scrape.Cluster.
func (s *Statistics) Page(ctx context.Context, p scrape.Pod) ([]byte, error) {
	return s.gateways.Page(ctx, kube.Pod{Namespace: p.Namespace, Name: p.Name, UID: p.UID}, s.path, exposition.Accept, scrape.Limit)
}

// Close stops following the pods.
func (s *Statistics) Close() { s.followed.Close() }
