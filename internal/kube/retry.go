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

// Limits of what a server may ask for by Retry-After. An API server that sheds load
// asks for a second. Whoever asks for an hour would stop a release without a word, and
// taking traffic off must not wait for it.
const (
	mostAsked           = 30 * time.Second
	mostAskedPersistent = 10 * time.Second
)

// doing says what a call asks for.
type doing struct {
	verb string
	ref  Ref
}

func (d doing) String() string { return d.verb + " " + d.ref.String() }

// again calls until the call succeeds, fails for a reason that will not pass, or
// was tried often enough.
func again[T any](ctx context.Context, c *Cluster, what doing, call func(context.Context) (T, error)) (T, error) {
	ctx = klog.NewContext(ctx, klog.Logger{}) // client-go would write errors to standard error, too
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
			// Somebody has deleted a CRD, or brought it in another version.
			c.kinds.forget()
			c.mapper.ResetWithContext(ctx)
		}
		wait, final := c.retry(n, err)
		if final != nil {
			return value, final
		}
		waiting.failed(err)
		if stopped := Pause(ctx, wait); stopped != nil {
			return value, fmt.Errorf("%w (%w)", err, stopped)
		}
	}
}

// once is the n-th attempt at a call. After an attempt that got no answer the next one
// does not take a connection that lies idle: it may be dead, too.
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

// timeout is for how long the server may be silent in the n-th attempt. A server that
// is slow to begin its answer, as behind an admission webhook, gets the double time
// from the third attempt on.
func (c *Cluster) timeout(n int) time.Duration {
	if n > 2 {
		return 2 * c.options.Timeout
	}
	return c.options.Timeout
}

// retry says how long to wait after the n-th failure in a row, or gives the error that
// ends the call.
func (c *Cluster) retry(n int, err error) (wait time.Duration, final error) {
	asked, passing := passes(err, n)
	most := mostAsked
	if c.persistent {
		most = mostAskedPersistent
	}
	switch {
	case !passing:
		return 0, err
	case isClients(err) && !c.patient():
		return 0, err
	case n >= c.options.Attempts && !c.patient():
		return 0, fmt.Errorf("given up after %d attempts: %w", n, err)
	}
	return c.options.Backoff(n, min(asked, most)), nil
}

// patient says whether a call is tried again however often it failed.
func (c *Cluster) patient() bool {
	return c.persistent || c.options.Patient != nil && c.options.Patient()
}

// Pause waits, or gives the reason why ctx ended.
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

// isAnswer says whether an error is what the API server answered.
func isAnswer(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

// passes says whether the reason of an error may pass by itself, and for how long
// the server asked to be left alone. Whatever is no answer of the API server is a
// matter of the network, except for kinds it lacks.
func passes(err error, n int) (asked time.Duration, passing bool) {
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
		asked = time.Duration(details.RetryAfterSeconds) * time.Second
	}
	code := status.Status().Code
	if code == http.StatusUnauthorized {
		return asked, n == 1 // the next request may carry a new token
	}
	return asked, code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
}

// clientError is a failure before anything was sent: of a credential plugin.
type clientError struct{ error }

func (e clientError) Unwrap() error { return e.error }

// isClients says whether an error is one of the client or its kubeconfig: credentials
// that cannot be had, certificates that do not fit, a server that does not speak TLS.
// Asking again does not help, unless somebody repairs it meanwhile.
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

// isRefusedCertificate says whether the server has refused the client's certificate.
// Package crypto/tls gives the reason as a text only.
func isRefusedCertificate(err error) bool {
	var remote *net.OpError
	return errors.As(err, &remote) && remote.Op == "remote error" && slices.Contains([]string{
		"tls: bad certificate", "tls: certificate required", "tls: expired certificate", "tls: revoked certificate",
		"tls: unknown certificate", "tls: unknown certificate authority", "tls: unsupported certificate",
	}, remote.Err.Error())
}

// reasonOf is an error without the address that was asked, which says what is known
// and differs from call to call.
func reasonOf(err error) error {
	var long *url.Error
	if errors.As(err, &long) {
		return long.Err
	}
	return err
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
