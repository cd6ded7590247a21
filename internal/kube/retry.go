package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/klog/v2"
)

// Backoff returns the wait after the n-th failure in a row, counted from 1. retryAfter
// is what the server asked for; 0 if it asked for nothing.
type Backoff func(n int, retryAfter time.Duration) time.Duration

// DefaultBackoff doubles from 0.1 s to 5 s and subtracts a random part of up to one
// half, so that many clients do not return at once. It never waits less than
// retryAfter.
func DefaultBackoff(n int, retryAfter time.Duration) time.Duration {
	const first, most = 100 * time.Millisecond, 5 * time.Second
	wait := most
	if n < 7 {
		wait = min(most, first<<(n-1))
	}
	wait = wait/2 + rand.N(wait/2)
	return max(wait, retryAfter)
}

// Limits of Retry-After. An overloaded API server asks for about a second. An hour
// would stop a release without a message, and setting the weight to 0 must not wait
// that long.
const (
	maxRetryAfter           = 30 * time.Second
	maxRetryAfterPersistent = 10 * time.Second
)

// operation identifies a call in messages.
type operation struct {
	verb string
	ref  Ref
}

func (o operation) String() string { return o.verb + " " + o.ref.String() }

// withRetry calls call until it succeeds, fails for a permanent reason, or has used up
// its attempts.
func withRetry[T any](ctx context.Context, c *Cluster, what operation, call func(context.Context) (T, error)) (T, error) {
	ctx = klog.NewContext(ctx, klog.Logger{}) // otherwise client-go also writes errors to standard error
	waiting := c.delays.begin(what)
	defer waiting.end()
	var last error
	for n := 1; ; n++ {
		value, err := once(ctx, c, waiting, n, call)
		switch {
		case err == nil || ctx.Err() != nil && (last == nil || isAnswer(err)):
			return value, err
		case ctx.Err() != nil:
			return value, fmt.Errorf("%w (%w)", context.Cause(ctx), last)
		}
		last = err
		if isKindGone(err) {
			// Somebody has deleted a CRD, or replaced it by another version.
			c.kinds.forget()
			c.mapper.ResetWithContext(ctx)
		}
		wait, final := c.nextWait(n, err)
		if final != nil {
			return value, final
		}
		waiting.failed(err)
		if stopped := Pause(ctx, wait); stopped != nil {
			return value, fmt.Errorf("%w (%w)", err, stopped)
		}
	}
}

// once makes the n-th attempt of a call. After an attempt without an answer it closes
// idle connections, because they may be dead too.
func once[T any](ctx context.Context, c *Cluster, waiting *delayed, n int, call func(context.Context) (T, error)) (T, error) {
	attempting, a := begin(ctx, waiting, c.timeout(n))
	defer a.end()
	value, err := call(attempting)
	switch {
	case err == nil || attempting.Err() == nil || isAnswer(err):
	case ctx.Err() != nil:
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	default:
		err = context.Cause(attempting)
		utilnet.CloseIdleConnectionsFor(c.http.Transport)
	}
	return value, err
}

// timeout returns how long the server may be silent in the n-th attempt. From the third
// attempt on, the limit is doubled for a server that answers slowly, for example
// because of an admission webhook.
func (c *Cluster) timeout(n int) time.Duration {
	if n > 2 {
		return 2 * c.options.Timeout
	}
	return c.options.Timeout
}

// nextWait returns the wait after the n-th failure in a row, or the error that ends the
// call.
func (c *Cluster) nextWait(n int, err error) (wait time.Duration, final error) {
	retryAfter, passing := temporary(err, n)
	most := maxRetryAfter
	if c.persistent {
		most = maxRetryAfterPersistent
	}
	switch {
	case !passing:
		return 0, err
	case isClients(err) && !c.patient():
		return 0, err
	case n >= c.options.Attempts && !c.patient():
		return 0, fmt.Errorf("given up after %d attempts: %w", n, err)
	}
	return c.options.Backoff(n, min(retryAfter, most)), nil
}

// patient reports whether a call is retried even if its attempts are used up.
func (c *Cluster) patient() bool {
	return c.persistent || c.options.Patient != nil && c.options.Patient()
}

// Pause waits for d. If ctx ends first, it returns the cause.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// isAnswer reports whether err is an answer of the API server.
func isAnswer(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

// temporary reports whether the reason of err may disappear without a change by a user,
// and returns the server's Retry-After. Every error that is not an answer of the API
// server counts as a network error, except for kinds that are not served.
func temporary(err error, n int) (retryAfter time.Duration, passing bool) {
	var (
		status apierrors.APIStatus
		other  busyError
	)
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ErrChanged) || meta.IsNoMatchError(err):
		return 0, false
	case errors.As(err, &other) || !errors.As(err, &status):
		return 0, true
	}
	if details := status.Status().Details; details != nil {
		retryAfter = time.Duration(details.RetryAfterSeconds) * time.Second
	}
	code := status.Status().Code
	if code == http.StatusUnauthorized {
		return retryAfter, n == 1 // the next request may have a new token
	}
	return retryAfter, code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
}

// clientError is a failure before anything was sent, for example of a credential
// plugin.
type clientError struct{ error }

func (e clientError) Unwrap() error { return e.error }

// isClients reports whether err comes from the client or its kubeconfig: missing
// credentials, certificates that do not match, a server without TLS. A retry helps only
// if somebody repairs the cause.
func isClients(err error) bool {
	var (
		own          clientError
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
		record       tls.RecordHeaderError
	)
	return errors.As(err, &own) || errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) ||
		errors.As(err, &invalid) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) || isRefusedCertificate(err)
}

// isRefusedCertificate reports whether the server has refused the client's certificate.
// Package crypto/tls gives the reason only as text.
func isRefusedCertificate(err error) bool {
	var remote *net.OpError
	return errors.As(err, &remote) && remote.Op == "remote error" && slices.Contains([]string{
		"tls: bad certificate", "tls: certificate required", "tls: expired certificate", "tls: revoked certificate",
		"tls: unknown certificate", "tls: unknown certificate authority", "tls: unsupported certificate",
	}, remote.Err.Error())
}

// reasonOf removes the requested address from an error. The address is known and
// differs from call to call.
func reasonOf(err error) error {
	var long *url.Error
	if errors.As(err, &long) {
		return long.Err
	}
	return err
}

// busyError is a temporary conflict: somebody else wrote the object at the same moment,
// and the change can be applied to the new version.
type busyError struct{ error }

func (e busyError) Unwrap() error { return e.error }

// busy marks a conflict as temporary if the change does not depend on the version of
// the object. A conflict over the owners of fields is permanent.
func busy(err error) error {
	if apierrors.IsConflict(err) && len(ownersOf(err)) == 0 {
		return busyError{err}
	}
	return err
}
