package live

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/kube"
)

// Tunnel is a connection to a gateway pod, as kube.Tunnel is.
type Tunnel interface {
	// Client is an HTTP client whose requests go to the pod, and URL a page for it.
	Client() *http.Client
	URL(port int, path string) string
	// Pod names the pod.
	Pod() string
	// Closed is closed when the tunnel has come down.
	Closed() <-chan bool
	Close() error
}

// podID names a gateway pod. Another pod of the same name has another UID.
type podID struct{ namespace, name, uid string }

func idOf(p kube.Pod) podID { return podID{p.Namespace, p.Name, p.UID} }

// tunnels are those to the gateway's pods, one for each.
type tunnels struct {
	forward func(ctx context.Context, namespace, pod string) (Tunnel, error)

	mu  sync.Mutex
	all map[podID]*podTunnel
}

// podTunnel is the tunnel to a pod.
type podTunnel struct {
	turn chan struct{} // held by whoever opens it

	open Tunnel        // nil while there is none; tunnels.mu guards it
	took time.Duration // the last page; tunnels.mu guards it
}

// tunnelError reports that there is no tunnel to a pod.
type tunnelError struct{ error }

func (e tunnelError) Unwrap() error { return e.error }

// to is the tunnel to a pod that is open, or a new one.
func (t *tunnels) to(ctx context.Context, pod podID) (Tunnel, error) {
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
		return nil, tunnelError{fmt.Errorf("Pod %s/%s: it is gone", pod.namespace, pod.name)}
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

// close takes a tunnel down. What an error of that could say is of no interest: the
// tunnel is not used again. It needs the mutex.
func (p *podTunnel) close() {
	if p.open != nil {
		_ = p.open.Close()
		p.open = nil
	}
}

// drop takes a tunnel down that does not work.
func (t *tunnels) drop(pod podID, broken Tunnel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.all[pod]; p != nil && broken != nil && p.open == broken {
		p.close()
	}
}

// keep takes the tunnels to all other pods down.
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
