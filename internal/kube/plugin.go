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

// pluginTimeout limits how long a credential plugin may run: a user may have to log in
// with a browser.
const pluginTimeout = 3 * time.Minute

// plugin ends requests with their contexts even if a credential plugin hangs, for which
// client-go waits without a limit. A request that is running at that moment is
// abandoned: its goroutine stays. Later requests wait until no abandoned one is left.
type plugin struct {
	command string
	next    http.RoundTripper

	mu        sync.Mutex
	abandoned int           // requests that outlive their contexts
	idle      chan struct{} // closed when no abandoned request is left
}

// pluginOf returns the name of the plugin from which a kubeconfig gets credentials; ""
// if it has none.
func pluginOf(config *rest.Config) string {
	switch {
	case config.ExecProvider != nil:
		return config.ExecProvider.Command
	case config.AuthProvider != nil:
		return config.AuthProvider.Name
	}
	return ""
}

// pluginRequest is a request on its way through the plugin to the network.
type pluginRequest struct {
	plugin  *plugin
	attempt *attempt
	late    *time.Timer
	reached atomic.Bool // the network

	mu   sync.Mutex
	sent func() // restarts the attempt's timer; nil while it runs
	over bool   // no caller waits for the request any more
}

type pluginRequestKey struct{}

// enter records that the plugin runs.
func (c *pluginRequest) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.late.Reset(pluginTimeout)
	c.sent = c.attempt.authenticate(c.plugin.command)
}

// pass records that the request is sent to the network.
func (c *pluginRequest) pass() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late.Stop()
	if c.sent != nil {
		c.sent()
		c.sent = nil
	}
}

// end records that the request has returned or is abandoned.
func (c *pluginRequest) end() {
	c.pass()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// RoundTrip implements http.RoundTripper.
func (p *plugin) RoundTrip(r *http.Request) (*http.Response, error) {
	c := &pluginRequest{plugin: p, attempt: attemptOf(r.Context()), late: time.NewTimer(pluginTimeout)}
	c.enter()
	defer c.end()
	if err := p.waitIdle(r.Context(), c.late.C); err != nil {
		return nil, err
	}
	r = r.WithContext(context.WithValue(r.Context(), pluginRequestKey{}, c))
	response, err := abandonable(r.Context(), p, c, func() (*http.Response, error) { return p.next.RoundTrip(r) }, func(late *http.Response) { _ = late.Body.Close() })
	var left abandonedError
	if err != nil && !c.reached.Load() && !errors.As(err, &left) {
		err = clientError{fmt.Errorf("the credential plugin %s of the kubeconfig: %s; run it by itself to see why", p.command, strings.Join(strings.Fields(err.Error()), " "))}
	}
	return response, err
}

// WrappedRoundTripper lets client-go find the transport.
func (p *plugin) WrappedRoundTripper() http.RoundTripper { return p.next }

// waitIdle waits until no abandoned request is left.
func (p *plugin) waitIdle(ctx context.Context, late <-chan time.Time) error {
	p.mu.Lock()
	idle := p.idle
	p.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return p.unanswered(context.Cause(ctx))
	case <-late:
		return p.overdue()
	}
}

// abandonedError reports that a call no longer waits for its request.
type abandonedError struct{ error }

func (e abandonedError) Unwrap() error { return e.error }

func (p *plugin) unanswered(cause error) error {
	return abandonedError{fmt.Errorf("the credential plugin %s of the kubeconfig has not answered: %w", p.command, cause)}
}

func (p *plugin) overdue() error {
	return clientError{abandonedError{fmt.Errorf("the credential plugin %s of the kubeconfig has not answered for %s; run it by itself to see why", p.command, pluginTimeout)}}
}

// abandonable runs call, but abandons it when ctx ends or the plugin times out. A later
// result goes to dispose.
func abandonable[T any](ctx context.Context, p *plugin, c *pluginRequest, call func() (T, error), dispose func(T)) (T, error) {
	done := start(call)
	var why error
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		why = p.unanswered(context.Cause(ctx))
		if c.reached.Load() {
			why = abandonedError{context.Cause(ctx)}
		}
	case <-c.late.C:
		why = p.overdue()
	}
	returned := p.abandon()
	go func() {
		if r := <-done; r.err == nil {
			dispose(r.value)
		}
		returned()
	}()
	var none T
	return none, why
}

// abandon counts an abandoned request until it returns.
func (p *plugin) abandon() (returned func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.abandoned++; p.idle == nil {
		p.idle = make(chan struct{})
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.abandoned--; p.abandoned == 0 {
			close(p.idle)
			p.idle = nil
		}
	}
}
