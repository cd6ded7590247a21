package kube

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// attempt is one attempt of a call, which may need several requests. It is cancelled
// when the server is silent for too long; a slow but steady answer is not cut off. The
// timer stops while a credential plugin runs.
type attempt struct {
	waiting  *delayed
	cancel   context.CancelCauseFunc
	patience time.Duration

	mu             sync.Mutex
	timer          *time.Timer // nil after the end
	authenticating int         // requests that wait for the credential plugin
}

type attemptKey struct{}

// begin starts an attempt and stores it in the returned context.
func begin(ctx context.Context, waiting *delayed, patience time.Duration) (context.Context, *attempt) {
	ctx, cancel := context.WithCancelCause(ctx)
	a := &attempt{waiting: waiting, cancel: cancel, patience: patience}
	a.timer = time.AfterFunc(patience, func() { cancel(fmt.Errorf("no answer within %s", patience)) })
	return context.WithValue(ctx, attemptKey{}, a), a
}

// attemptOf returns the attempt of a request; nil if there is none.
func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

// heard restarts the timer, because the server sent something.
func (a *attempt) heard() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil && a.authenticating == 0 {
		a.timer.Reset(a.patience)
	}
}

// authenticate stops the timer while a credential plugin runs, until the returned
// function is called.
func (a *attempt) authenticate(plugin string) (sent func()) {
	if a == nil {
		return func() {}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.authenticating++
	if a.timer != nil {
		a.timer.Stop()
	}
	a.waiting.waitsFor(plugin)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.authenticating--; a.authenticating > 0 {
			return
		}
		a.waiting.waitsFor("")
		if a.timer != nil {
			a.timer.Reset(a.patience)
		}
	}
}

// answered stops the timer for good, because the server may now be silent, as in a
// watch.
func (a *attempt) answered() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}

func (a *attempt) end() {
	a.answered()
	a.cancel(nil)
}

// heardBody is a response body that calls heard for every part read.
type heardBody struct {
	io.ReadCloser
	attempt *attempt
}

func (b heardBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.attempt.heard()
	}
	return n, err
}
