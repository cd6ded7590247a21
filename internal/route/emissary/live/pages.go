package live

import (
	"context"
	"time"

	"github.com/canarize/canarize/internal/kube"
)

// tunnelSilence is how long a tunnel that is open may be silent before a page is read
// through a new one. Envoy answers within milliseconds, and a connection that has died
// without a word says nothing for ever.
const tunnelSilence = 2 * time.Second

// Page gets a page of Envoy's admin interface on a gateway pod, through its tunnel or,
// where that does not answer in time, through a new one. It gives at most limit+1 bytes
// of the page.
func (g *Gateways) Page(ctx context.Context, pod kube.Pod, path, accept string, limit int64) ([]byte, error) {
	id := idOf(pod)
	open, most := g.tunnels.patience(id)
	if open {
		trying, stop := context.WithTimeout(ctx, most)
		text, err := g.page(trying, id, path, accept, limit)
		stop()
		if err == nil || ctx.Err() != nil {
			return text, err
		}
	}
	return g.page(ctx, id, path, accept, limit)
}

// patience says whether there is an open tunnel to a pod, and how long it may take to
// answer: a page that took longer before gets three times as long.
func (t *tunnels) patience(pod podID) (open bool, most time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.of(pod)
	return p.open != nil, max(tunnelSilence, 3*p.took)
}

// page gets a page through the tunnel to a pod, which is taken down when that fails.
func (g *Gateways) page(ctx context.Context, pod podID, path, accept string, limit int64) ([]byte, error) {
	began := time.Now()
	tunnel, err := g.tunnels.to(ctx, pod)
	if err != nil {
		return nil, err
	}
	text, err := kube.GetPage(ctx, tunnel.Client(), tunnel.URL(adminPort, path), accept, limit)
	switch {
	case err == nil:
		g.tunnels.answered(pod, time.Since(began))
	case context.Cause(ctx) != context.Canceled: // it may be the tunnel, and not that nobody waits any more
		g.tunnels.drop(pod, tunnel)
	}
	return text, err
}

// answered remembers how long a page took.
func (t *tunnels) answered(pod podID, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of(pod).took = took
}

// Pods follows the gateway's pods. The caller closes it.
func (g *Gateways) Pods() *kube.Pods { return g.cluster.Follow(g.where.Namespace, g.where.Selector) }
