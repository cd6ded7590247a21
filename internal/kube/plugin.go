package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
)

// pluginPatience is how long a credential plugin may take: somebody may have to log in
// by a browser meanwhile.
const pluginPatience = 3 * time.Minute

// plugin makes requests end with their contexts also while a credential plugin has not
// answered, which client-go waits for without a limit. At most the requests that were
// under way at that moment are left behind: those that come later wait for them.
type plugin struct {
	command string
	next    http.RoundTripper

	mu     sync.Mutex
	behind int           // requests that outlive their contexts
	back   chan struct{} // closed when there are none any more
}

// pluginOf names what a kubeconfig gets credentials from; "" when it has them itself.
func pluginOf(config *rest.Config) string {
	switch {
	case config.ExecProvider != nil:
		return config.ExecProvider.Command
	case config.AuthProvider != nil:
		return config.AuthProvider.Name
	}
	return ""
}

// crossing is a request on its way through the plugin to the network.
type crossing struct {
	plugin  *plugin
	attempt *attempt
	late    *time.Timer
	reached atomic.Bool // the network

	mu   sync.Mutex
	sent func() // lets the attempt's clock run; nil while it does
	over bool   // nobody waits for the request any more
}

type crossingKey struct{}

// enter says that the plugin is at work.
func (c *crossing) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.late.Reset(pluginPatience)
	c.sent = c.attempt.authenticate(c.plugin.command)
}

// cross says that the request goes over the network.
func (c *crossing) cross() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late.Stop()
	if c.sent != nil {
		c.sent()
		c.sent = nil
	}
}

// end says that the request is back, or left behind.
func (c *crossing) end() {
	c.cross()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// RoundTrip implements http.RoundTripper.
func (p *plugin) RoundTrip(r *http.Request) (*http.Response, error) {
	c := &crossing{plugin: p, attempt: attemptOf(r.Context()), late: time.NewTimer(pluginPatience)}
	c.enter()
	defer c.end()
	if err := p.turn(r.Context(), c.late.C); err != nil {
		return nil, err
	}
	r = r.WithContext(context.WithValue(r.Context(), crossingKey{}, c))
	response, err := leaving(r.Context(), p, c, func() (*http.Response, error) { return p.next.RoundTrip(r) }, func(late *http.Response) { _ = late.Body.Close() })
	var left leftError
	if err != nil && !c.reached.Load() && !errors.As(err, &left) {
		err = clientError{fmt.Errorf("the credential plugin %s of the kubeconfig: %s; run it by itself to see why", p.command, strings.Join(strings.Fields(err.Error()), " "))}
	}
	return response, err
}

// WrappedRoundTripper lets client-go find the transport.
func (p *plugin) WrappedRoundTripper() http.RoundTripper { return p.next }

// turn waits until no request is left behind.
func (p *plugin) turn(ctx context.Context, late <-chan time.Time) error {
	p.mu.Lock()
	back := p.back
	p.mu.Unlock()
	if back == nil {
		return nil
	}
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return p.left(context.Cause(ctx))
	case <-late:
		return p.overdue()
	}
}

// leftError says that a call did not wait for its request any longer.
type leftError struct{ error }

func (e leftError) Unwrap() error { return e.error }

func (p *plugin) left(cause error) error {
	return leftError{fmt.Errorf("the credential plugin %s of the kubeconfig has not answered: %w", p.command, cause)}
}

func (p *plugin) overdue() error {
	return clientError{leftError{fmt.Errorf("the credential plugin %s of the kubeconfig has not answered for %s; run it by itself to see why", p.command, pluginPatience)}}
}

// leaving calls, and leaves the call behind when ctx ends or the plugin is overdue. What
// it gives afterwards goes to dispose.
func leaving[T any](ctx context.Context, p *plugin, c *crossing, call func() (T, error), dispose func(T)) (T, error) {
	done := calling(call)
	var why error
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		why = p.left(context.Cause(ctx))
		if c.reached.Load() {
			why = leftError{context.Cause(ctx)}
		}
	case <-c.late.C:
		why = p.overdue()
	}
	came := p.leave()
	go func() {
		if r := <-done; r.err == nil {
			dispose(r.value)
		}
		came()
	}()
	var none T
	return none, why
}

// leave counts a request that is left behind, until it has come back.
func (p *plugin) leave() (came func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.behind++; p.back == nil {
		p.back = make(chan struct{})
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.behind--; p.behind == 0 {
			close(p.back)
			p.back = nil
		}
	}
}
