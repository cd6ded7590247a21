package live

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/kube"
)

// Tunnel is a connection to a gateway pod, like kube.Tunnel.
type Tunnel interface {
	// Client returns an HTTP client whose requests go to the pod. URL returns the URL
	// of a page for it.
	Client() *http.Client
	URL(port int, path string) string
	// Pod returns the pod's name for messages.
	Pod() string
	// Closed returns a channel that is closed when the tunnel ends.
	Closed() <-chan bool
	Close() error
}

// podID identifies a gateway pod. A new pod with the same name has another UID.
type podID struct{ namespace, name, uid string }

func idOf(p kube.Pod) podID { return podID{p.Namespace, p.Name, p.UID} }

// tunnels holds one tunnel to each gateway pod.
type tunnels struct {
	forward func(ctx context.Context, namespace, pod string) (Tunnel, error)

	mu  sync.Mutex
	all map[podID]*podTunnel
}

// podTunnel is the tunnel to a pod.
type podTunnel struct {
	turn chan struct{} // held while the tunnel is opened

	open Tunnel        // nil if there is none; guarded by tunnels.mu
	took time.Duration // duration of the last page; guarded by tunnels.mu
}

// tunnelError reports that a tunnel cannot be opened.
type tunnelError struct{ error }

func (e tunnelError) Unwrap() error { return e.error }

// open returns the open tunnel to a pod, or opens one.
func (t *tunnels) open(ctx context.Context, pod podID) (Tunnel, error) {
	t.mu.Lock()
	p := t.of(pod)
	t.mu.Unlock()
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	t.mu.Lock()
	open := p.open
	t.mu.Unlock()
	if open != nil {
		select {
		case <-open.Closed():
		default:
			return open, nil
		}
	}
	opened, err := t.forward(ctx, pod.namespace, pod.name)
	if err != nil {
		return nil, tunnelError{err}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[pod] != p {
		_ = opened.Close()
		return nil, tunnelError{fmt.Errorf("%s no longer exists", kube.Ref{Kind: "Pod", Namespace: pod.namespace, Name: pod.name})}
	}
	p.close()
	p.open = opened
	return opened, nil
}

// of needs the mutex.
func (t *tunnels) of(pod podID) *podTunnel {
	p, found := t.all[pod]
	if !found {
		p = &podTunnel{turn: make(chan struct{}, 1)}
		t.all[pod] = p
	}
	return p
}

// close closes a tunnel. It ignores the error, because the tunnel is not used again. It
// needs the mutex.
func (p *podTunnel) close() {
	if p.open != nil {
		_ = p.open.Close()
		p.open = nil
	}
}

// drop closes a broken tunnel.
func (t *tunnels) drop(pod podID, broken Tunnel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.all[pod]; p != nil && broken != nil && p.open == broken {
		p.close()
	}
}

// keep closes the tunnels to all other pods.
func (t *tunnels) keep(wanted func(podID) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for pod, p := range t.all {
		if !wanted(pod) {
			p.close()
			delete(t.all, pod)
		}
	}
}
