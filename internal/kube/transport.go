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

// A connection that goes silent is noticed by pings, before an attempt at a call is
// given up: pingAfter + pingTimeout is less than the default of Options.Timeout.
// client-go's own defaults are 30 s and 15 s. HTTP/1.1 has no pings; there it is the
// attempt's end that closes the connection.
const (
	pingAfter   = 2 * time.Second
	pingTimeout = 2 * time.Second
	dialTimeout = 10 * time.Second
)

// connect makes the client that all requests of a cluster go through.
func (c *Cluster) connect() error {
	server, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return fmt.Errorf("cluster %s: %w; correct the server in the kubeconfig", c.config.Host, err)
	}
	if server.Scheme != "https" && server.Scheme != "http" {
		return fmt.Errorf("cluster %s: the protocol %q is not supported; the server in the kubeconfig has to begin with https://", c.config.Host, server.Scheme)
	}
	// With a dialer of its own a cluster has a transport of its own. client-go would
	// share it with others, and it could not be changed.
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
	c.delays = &delays{host: server.Host, tell: c.options.Delayed, said: map[string]time.Time{}}
	return nil
}

// checkHealth has a transport look after its HTTP/2 connections.
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

var errBroken = errors.New("the connection broke before there was an answer")

// observer counts requests, and hands on as errors what client-go would try again
// by itself, after waits that nobody could set: broken connections, and servers
// that want to be left alone for a while.
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

// send sends a request that has its credentials.
func (o *observer) send(r *http.Request) (*http.Response, error) {
	if c, through := r.Context().Value(crossingKey{}).(*crossing); through {
		c.reached.Store(true)
		c.cross()
		defer c.enter() // a refused token may be renewed now
	}
	return o.next.RoundTrip(r)
}
