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

// Tunnel is a connection to a pod, through the API server, that carries any number
// of connections to the pod's ports, those that only listen on its own localhost
// included. It costs one request.
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
	streams, err := again(ctx, c, doing{"port-forward to", ref}, func(ctx context.Context) (httpstream.Connection, error) {
		return c.dial(ctx, dialer)
	})
	if err != nil {
		return nil, failed(ref, "port-forward to", err)
	}
	return &Tunnel{pod: ref.String(), streams: streams}, nil
}

// dialer speaks as kubectl does: through a WebSocket, and with an API server or a
// proxy that does not know that, by SPDY.
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

// dial gives up with its context, which a dialer knows nothing of.
func (c *Cluster) dial(ctx context.Context, dialer httpstream.Dialer) (httpstream.Connection, error) {
	if c.plugin != nil {
		if err := c.plugin.turn(ctx, nil); err != nil {
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
		came := func() {}
		if c.plugin != nil {
			came = c.plugin.leave() // it may be what was waited for
		}
		go func() {
			if r := <-dialed; r.err == nil {
				_ = r.streams.Close() // nobody is left who wants it
			}
			came()
		}()
		return nil, context.Cause(ctx)
	}
}

// Closed is closed when the tunnel has come down.
func (t *Tunnel) Closed() <-chan bool { return t.streams.CloseChan() }

// Close takes the tunnel down with all its connections.
func (t *Tunnel) Close() error { return t.streams.Close() }

// Dial connects to a TCP port of the pod. What the pod's side says about a
// connection that it cannot make comes as an error of the first read.
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
	_ = complaints.Close() // for writing: it is only read from
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

// Client is an HTTP client whose requests go to the pod: only the port of their
// URLs counts, not the host.
func (t *Tunnel) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, // an idle connection to a pod may die without a word
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

// Pod names the pod.
func (t *Tunnel) Pod() string { return t.pod }

// URL is that of a page of the pod, for its Client.
func (t *Tunnel) URL(port int, path string) string {
	u := url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", strconv.Itoa(port))}
	return u.String() + path
}

// forwarded is one connection through a tunnel.
type forwarded struct {
	tunnel           *Tunnel
	data, complaints httpstream.Stream
	address          forwardedAddress
	complaint        chan error // one, nil when there is nothing to complain about

	mu       sync.Mutex
	deadline *time.Timer
}

// listen waits for the other side's complaint, and ends the connection with it.
func (c *forwarded) listen() {
	text, err := io.ReadAll(io.LimitReader(c.complaints, 1000))
	if err != nil || len(text) == 0 {
		c.complaint <- nil
		return
	}
	c.complaint <- fmt.Errorf("%s: %s", c.address, text)
	_ = c.data.Reset() // wakes up whoever reads
}

// complaintLimit is how long to wait, at the end of a connection, for the reason.
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
		c.complaint <- nil // for the next who asks
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

// SetDeadline ends the connection at a time; the zero time takes that back. A
// stream has no deadlines of its own, so one for reading counts for writing too.
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
