package live

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

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
	uid := types.UID(pod.UID)
	open, most := g.patience(uid)
	if open {
		trying, stop := context.WithTimeout(ctx, most)
		text, err := g.page(trying, pod, path, accept, limit)
		stop()
		if err == nil || ctx.Err() != nil {
			return text, err
		}
	}
	return g.page(ctx, pod, path, accept, limit)
}

// patience says whether there is an open tunnel to a pod, and how long it may take to
// answer: a page that took longer before gets three times as long.
func (g *Gateways) patience(uid types.UID) (open bool, most time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tunnels[uid] != nil, max(tunnelSilence, 3*g.took[uid])
}

// page gets a page through the tunnel to a pod, which is taken down when that fails.
func (g *Gateways) page(ctx context.Context, pod kube.Pod, path, accept string, limit int64) ([]byte, error) {
	uid := types.UID(pod.UID)
	began := time.Now()
	tunnel, err := g.tunnel(ctx, &gatewayPod{namespace: pod.Namespace, name: pod.Name, uid: uid})
	if err != nil {
		return nil, err
	}
	text, err := kube.GetPage(ctx, tunnel.Client(), tunnel.URL(adminPort, path), accept, limit)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.drop(uid) // it may be the tunnel
		return text, err
	}
	g.took[uid] = time.Since(began)
	return text, nil
}

// Pods follows the gateway's pods. The caller closes it.
func (g *Gateways) Pods() *kube.Pods { return g.cluster.Follow(g.where.Namespace, g.where.Selector) }
