package kube

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// Tunnel is a connection to a pod through the API server. It carries any number of
// connections to the pod's ports, even to those that listen only on localhost in the
// pod. It needs one request.
type Tunnel struct {
	pod     string
	streams httpstream.Connection

	mu   sync.Mutex
	last int // number of the last connection
}

// Forward opens a tunnel to a pod. The caller closes it.
func (c *Cluster) Forward(ctx context.Context, namespace, pod string) (*Tunnel, error) {
	ref := Ref{Kind: "Pod", Namespace: namespace, Name: pod}
	dialer, err := c.dialer(namespace, pod)
	if err != nil {
		return nil, fmt.Errorf("%s: port-forward: %w", ref, err)
	}
	streams, err := withRetry(ctx, c, operation{"port-forward to", ref}, func(ctx context.Context) (httpstream.Connection, error) {
		return c.dial(ctx, dialer)
	})
	if err != nil {
		return nil, failed(ref, "port-forward to", err)
	}
	return &Tunnel{pod: ref.String(), streams: streams}, nil
}

// dialer uses the protocols of kubectl: WebSocket, or SPDY if the API server or a proxy
// does not support WebSocket.
func (c *Cluster) dialer(namespace, pod string) (httpstream.Dialer, error) {
	server, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return nil, err
	}
	where := server.JoinPath("api", "v1", "namespaces", namespace, "pods", pod, "portforward")
	websocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(where, c.config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	plain := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, where)
	return portforward.NewFallbackDialerForStreaming(websocket, plain, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

// dial returns when ctx ends; a dialer itself has no context.
func (c *Cluster) dial(ctx context.Context, dialer httpstream.Dialer) (httpstream.Connection, error) {
	if c.plugin != nil {
		if err := c.plugin.waitIdle(ctx, nil); err != nil {
			return nil, err
		}
	}
	type result struct {
		streams httpstream.Connection
		err     error
	}
	dialed := make(chan result, 1)
	go func() {
		streams, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
		dialed <- result{streams, err}
	}()
	select {
	case r := <-dialed:
		return r.streams, r.err
	case <-ctx.Done():
		returned := func() {}
		if c.plugin != nil {
			returned = c.plugin.abandon() // the plugin may be the reason of the delay
		}
		go func() {
			if r := <-dialed; r.err == nil {
				_ = r.streams.Close() // no caller is left
			}
			returned()
		}()
		return nil, context.Cause(ctx)
	}
}

// Closed returns a channel that is closed when the tunnel ends.
func (t *Tunnel) Closed() <-chan bool { return t.streams.CloseChan() }

// Close closes the tunnel and all its connections.
func (t *Tunnel) Close() error { return t.streams.Close() }

// Dial connects to a TCP port of the pod. If the pod refuses the connection, the first
// read returns its error.
func (t *Tunnel) Dial(port int) (net.Conn, error) {
	t.mu.Lock()
	t.last++
	header := http.Header{}
	header.Set(corev1.PortHeader, strconv.Itoa(port))
	header.Set(corev1.PortForwardRequestIDHeader, strconv.Itoa(t.last))
	t.mu.Unlock()
	header.Set(corev1.StreamType, corev1.StreamTypeError)
	complaints, err := t.streams.CreateStream(header)
	if err != nil {
		return nil, fmt.Errorf("%s: port %d: %w", t.pod, port, err)
	}
	_ = complaints.Close() // closes only the direction to the pod
	header.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := t.streams.CreateStream(header)
	if err != nil {
		t.streams.RemoveStreams(complaints)
		return nil, fmt.Errorf("%s: port %d: %w", t.pod, port, err)
	}
	c := &forwarded{tunnel: t, data: data, complaints: complaints, address: forwardedAddress(fmt.Sprintf("%s:%d", t.pod, port)), complaint: make(chan error, 1)}
	go c.listen()
	return c, nil
}

// Client returns an HTTP client whose requests go to the pod. It uses only the port of
// a URL, not the host.
func (t *Tunnel) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, // an idle connection to a pod may die silently
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			n, err := strconv.Atoi(port)
			if err != nil {
				return nil, err
			}
			return t.Dial(n)
		},
	}}
}

// Pod returns the pod's name for messages.
func (t *Tunnel) Pod() string { return t.pod }

// URL returns the URL of a page of the pod, for its Client.
func (t *Tunnel) URL(port int, path string) string {
	u := url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", strconv.Itoa(port))}
	return u.String() + path
}

// forwarded is one connection through a tunnel.
type forwarded struct {
	tunnel           *Tunnel
	data, complaints httpstream.Stream
	address          forwardedAddress
	complaint        chan error // receives one error; nil if there is none

	mu       sync.Mutex
	deadline *time.Timer
}

// listen reads the error that the pod's side sends, and ends the connection with it.
func (c *forwarded) listen() {
	text, err := io.ReadAll(io.LimitReader(c.complaints, 1000))
	if err != nil || len(text) == 0 {
		c.complaint <- nil
		return
	}
	c.complaint <- fmt.Errorf("%s: %s", c.address, text)
	_ = c.data.Reset() // wakes the reader
}

// complaintLimit is how long to wait for the reason after a connection has ended.
const complaintLimit = time.Second

func (c *forwarded) Read(p []byte) (int, error) {
	n, err := c.data.Read(p)
	if err == nil {
		return n, nil
	}
	late := time.NewTimer(complaintLimit)
	defer late.Stop()
	select {
	case complaint := <-c.complaint:
		c.complaint <- nil // for the next read
		if complaint != nil {
			return n, complaint
		}
	case <-late.C:
	}
	return n, err
}

func (c *forwarded) Write(p []byte) (int, error) { return c.data.Write(p) }

func (c *forwarded) Close() error {
	c.setTimer(nil)
	err := c.data.Reset()
	_ = c.complaints.Reset() // it may have ended already
	c.tunnel.streams.RemoveStreams(c.data, c.complaints)
	return err
}

func (c *forwarded) LocalAddr() net.Addr  { return forwardedAddress("canarize") }
func (c *forwarded) RemoteAddr() net.Addr { return c.address }

// SetDeadline ends the connection at a time; the zero time removes the deadline. A
// stream has no deadlines of its own, so a read deadline applies to writes too.
func (c *forwarded) SetDeadline(t time.Time) error {
	if t.IsZero() {
		c.setTimer(nil)
		return nil
	}
	c.setTimer(time.AfterFunc(time.Until(t), func() { _ = c.data.Reset() }))
	return nil
}

func (c *forwarded) SetReadDeadline(t time.Time) error  { return c.SetDeadline(t) }
func (c *forwarded) SetWriteDeadline(t time.Time) error { return c.SetDeadline(t) }

func (c *forwarded) setTimer(timer *time.Timer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline != nil {
		c.deadline.Stop()
	}
	c.deadline = timer
}

type forwardedAddress string

func (forwardedAddress) Network() string  { return "port-forward" }
func (a forwardedAddress) String() string { return string(a) }
