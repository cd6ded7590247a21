package kube

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// attempt is one attempt at a call, which may consist of several requests. It is given
// up when nothing is heard of the server for a time: an answer that comes slowly is not
// cut off. While a credential plugin is at work its clock stands still.
type attempt struct {
	waiting  *delayed
	cancel   context.CancelCauseFunc
	patience time.Duration

	mu             sync.Mutex
	timer          *time.Timer // nil at the end
	authenticating int         // requests that wait for the credential plugin
}

type attemptKey struct{}

// begin begins an attempt. Its context carries it to the requests.
func begin(ctx context.Context, waiting *delayed, patience time.Duration) (context.Context, *attempt) {
	ctx, cancel := context.WithCancelCause(ctx)
	a := &attempt{waiting: waiting, cancel: cancel, patience: patience}
	a.timer = time.AfterFunc(patience, func() { cancel(fmt.Errorf("no answer within %s", patience)) })
	return context.WithValue(ctx, attemptKey{}, a), a
}

// attemptOf is the attempt that a request belongs to; nil when there is none.
func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

// heard says that the server gave a sign of life.
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

// authenticate stops the clock while a credential plugin is at work, until the function
// it returns is called.
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

// answered says that the server may be silent from now on, as in a watch.
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

// heardBody is the body of an answer, each part of which is a sign of life.
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
