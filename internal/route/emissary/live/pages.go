package live

import (
	"context"
	"time"

	"github.com/canarize/canarize/internal/kube"
)

// tunnelSilence is how long an open tunnel may be silent before a page is read through
// a new one. Envoy answers within milliseconds, but a dead connection is silent for
// ever.
const tunnelSilence = 2 * time.Second

// Page gets a page of Envoy's admin interface on a gateway pod, and returns at most
// limit+1 bytes. If the open tunnel does not answer in time, it uses a new one.
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

// patience reports whether a tunnel to a pod is open, and how long it may take to
// answer: at least three times as long as the last page.
func (t *tunnels) patience(pod podID) (open bool, most time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.of(pod)
	return p.open != nil, max(tunnelSilence, 3*p.took)
}

// page gets a page through the tunnel to a pod. After an error it closes the tunnel.
func (g *Gateways) page(ctx context.Context, pod podID, path, accept string, limit int64) ([]byte, error) {
	began := time.Now()
	tunnel, err := g.tunnels.open(ctx, pod)
	if err != nil {
		return nil, err
	}
	text, err := kube.GetPage(ctx, tunnel.Client(), tunnel.URL(adminPort, path), accept, limit)
	switch {
	case err == nil:
		g.tunnels.answered(pod, time.Since(began))
	case context.Cause(ctx) != context.Canceled: // the tunnel may be the reason, unless the caller has left
		g.tunnels.drop(pod, tunnel)
	}
	return text, err
}

// answered records how long a page took.
func (t *tunnels) answered(pod podID, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of(pod).took = took
}

// Pods follows the gateway's pods. The caller closes it.
func (g *Gateways) Pods() *kube.Pods { return g.cluster.Follow(g.where.Namespace, g.where.Selector) }
