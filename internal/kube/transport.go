package kube

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
)

// Pings detect a connection that has gone silent before the attempt times out:
// pingAfter + pingTimeout is less than the default of Options.Timeout. client-go's own
// defaults are 30 s and 15 s. HTTP/1.1 has no pings; there the end of the attempt
// closes the connection.
const (
	pingAfter   = 2 * time.Second
	pingTimeout = 2 * time.Second
	dialTimeout = 10 * time.Second
)

// connect creates the HTTP client for all requests of the cluster.
func (c *Cluster) connect() error {
	server, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return fmt.Errorf("cluster %s: %w; correct the server in the kubeconfig", c.config.Host, err)
	}
	if server.Scheme != "https" && server.Scheme != "http" {
		return fmt.Errorf("cluster %s: the protocol %q is not supported; the server in the kubeconfig has to begin with https://", c.config.Host, server.Scheme)
	}
	// With its own dialer, the cluster gets its own transport. Otherwise client-go would
	// share the transport with others, and it could not be changed.
	if c.config.Dial == nil && c.config.Transport == nil {
		c.config.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	c.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		checkHealth(next)
		return &observer{cluster: c, next: next}
	})
	transport, err := rest.TransportFor(c.config)
	if err != nil {
		return fmt.Errorf("cluster %s: %w", c.config.Host, err)
	}
	if command := pluginOf(c.config); command != "" {
		c.plugin = &plugin{command: command, next: transport}
		transport = c.plugin
	}
	c.http = &http.Client{Transport: transport}
	c.delays = &delays{host: server.Host, report: c.options.Delayed, waiting: map[*delayed]bool{}, reported: map[string]time.Time{}}
	return nil
}

// checkHealth enables pings on HTTP/2 connections.
func checkHealth(transport http.RoundTripper) {
	for {
		switch t := transport.(type) {
		case *http.Transport:
			t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
			return
		case utilnet.RoundTripperWrapper:
			transport = t.WrappedRoundTripper()
		default:
			return
		}
	}
}

var errBroken = errors.New("the connection broke before an answer arrived")

// observer counts requests. It also turns into errors what client-go would retry by
// itself with waits that cannot be configured: broken connections and answers with
// Retry-After.
type observer struct {
	cluster *Cluster
	next    http.RoundTripper
}

// WrappedRoundTripper lets client-go find the transport.
func (o *observer) WrappedRoundTripper() http.RoundTripper { return o.next }

// RoundTrip implements http.RoundTripper.
func (o *observer) RoundTrip(r *http.Request) (*http.Response, error) {
	o.cluster.requests.Add(1)
	response, err := o.send(r)
	if utilnet.IsProbableEOF(err) || utilnet.IsConnectionReset(err) || utilnet.IsHTTP2ConnectionLost(err) {
		return nil, errBroken
	}
	if err != nil {
		return nil, err
	}
	a := attemptOf(r.Context())
	a.heard()
	if a != nil {
		response.Body = heardBody{response.Body, a}
	}
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode < http.StatusInternalServerError {
		return response, nil
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
}

// send sends a request that already has its credentials.
func (o *observer) send(r *http.Request) (*http.Response, error) {
	if c, through := r.Context().Value(pluginRequestKey{}).(*pluginRequest); through {
		c.reached.Store(true)
		c.pass()
		defer c.enter() // after a refused token, the plugin may fetch a new one
	}
	return o.next.RoundTrip(r)
}
