package kube

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/klog/v2"
)

// Backoff says how long to wait after the n-th failure in a row, counted from 1,
// of a server that asked to be left alone for a while; 0 when it did not ask.
type Backoff func(n int, asked time.Duration) time.Duration

// DefaultBackoff doubles from a tenth of a second to five seconds, takes a random
// half off so that many clients do not come back at once, and never comes back
// sooner than asked.
func DefaultBackoff(n int, asked time.Duration) time.Duration {
	const first, most = 100 * time.Millisecond, 5 * time.Second
	wait := most
	if n < 7 {
		wait = min(most, first<<(n-1))
	}
	wait = wait/2 + rand.N(wait/2)
	return max(wait, asked)
}

// again calls until the call succeeds, fails for a reason that will not pass, or
// was tried often enough.
func again[T any](ctx context.Context, c *Cluster, call func(context.Context) (T, error)) (T, error) {
	ctx = klog.NewContext(ctx, klog.Logger{}) // client-go would write errors to standard error, too
	for n := 1; ; n++ {
		attempt, cancel := context.WithTimeoutCause(ctx, c.options.Timeout, fmt.Errorf("no answer within %s", c.options.Timeout))
		value, err := call(attempt)
		if err != nil && attempt.Err() != nil {
			err = fmt.Errorf("%w (%w)", context.Cause(attempt), err)
		}
		cancel()
		asked, passing := passes(err, n)
		switch {
		case err == nil || !passing || ctx.Err() != nil:
			return value, err
		case n == c.options.Attempts:
			return value, fmt.Errorf("given up after %d attempts: %w", n, err)
		}
		c.options.Retrying(n, err)
		if stopped := pause(ctx, c.options.Backoff(n, asked)); stopped != nil {
			return value, fmt.Errorf("%w (%w)", err, stopped)
		}
	}
}

// pause waits, or gives the reason why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// passes says whether the reason of an error may pass by itself, and for how long
// the server asked to be left alone. Whatever is no answer of the API server is a
// matter of the network, except for keys that do not fit and kinds it lacks.
func passes(err error, n int) (asked time.Duration, passing bool) {
	var (
		status apierrors.APIStatus
		key    *tls.CertificateVerificationError
		other  busyError
	)
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ErrChanged) || meta.IsNoMatchError(err) || errors.As(err, &key):
		return 0, false
	case errors.As(err, &other) || !errors.As(err, &status):
		return 0, true
	}
	if details := status.Status().Details; details != nil {
		asked = time.Duration(details.RetryAfterSeconds) * time.Second
	}
	code := status.Status().Code
	if code == http.StatusUnauthorized {
		return asked, n == 1 // the next request may carry a new token
	}
	return asked, code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
}

// busyError is a conflict that passes: somebody else wrote the object at the same
// moment, and the same change can be made to what it is now.
type busyError struct{ error }

func (e busyError) Unwrap() error { return e.error }

// busy marks the conflict of a change that does not depend on what was there
// before. That fields have other owners does not pass.
func busy(err error) error {
	if apierrors.IsConflict(err) && len(ownersOf(err)) == 0 {
		return busyError{err}
	}
	return err
}

var errBroken = errors.New("the connection broke before there was an answer")

// observe counts requests, and hands on as errors what client-go would try again
// by itself, after waits that nobody could set: broken connections, and servers
// that want to be left alone for a while.
func (c *Cluster) observe(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		c.requests.Add(1)
		response, err := next.RoundTrip(r)
		if utilnet.IsProbableEOF(err) || utilnet.IsConnectionReset(err) || utilnet.IsHTTP2ConnectionLost(err) {
			return nil, errBroken
		}
		if err != nil || response.StatusCode != http.StatusTooManyRequests && response.StatusCode < http.StatusInternalServerError {
			return response, err
		}
		seconds, notANumber := strconv.Atoi(response.Header.Get("Retry-After"))
		if notANumber != nil {
			return response, nil
		}
		defer response.Body.Close()
		text, err := io.ReadAll(io.LimitReader(response.Body, 2000))
		if err != nil {
			return nil, err
		}
		return nil, apierrors.NewGenericServerResponse(response.StatusCode, r.Method, schema.GroupResource{}, "", string(text), max(seconds, 0), true)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
