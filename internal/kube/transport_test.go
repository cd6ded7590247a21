package kube

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

// memoryNet is a network in memory, for synctest's clock.
type memoryNet struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once

	mu    sync.Mutex
	conns []*muteConn // of clients, in order
}

func newMemoryNet() *memoryNet {
	return &memoryNet{accepted: make(chan net.Conn), closed: make(chan struct{})}
}

func (n *memoryNet) Accept() (net.Conn, error) {
	select {
	case c := <-n.accepted:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *memoryNet) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *memoryNet) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 6443} }

func (n *memoryNet) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	c := &muteConn{Conn: client, muted: make(chan struct{}), gone: make(chan struct{})}
	select {
	case n.accepted <- server:
	case <-n.closed:
		return nil, net.ErrClosed
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, c)
	return c, nil
}

// mute makes all existing connections silent; later ones work.
func (n *memoryNet) mute() (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		c.silence.Do(func() { close(c.muted) })
	}
	return len(n.conns)
}

// muteConn is a connection that can go silent, as behind a firewall that has dropped
// its state: writes are swallowed, and nothing arrives.
type muteConn struct {
	net.Conn
	silence, closing sync.Once
	muted, gone      chan struct{}
}

func (c *muteConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	select {
	case <-c.muted:
		<-c.gone
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (c *muteConn) Write(p []byte) (int, error) {
	select {
	case <-c.muted:
		return len(p), nil
	case <-c.gone:
		return 0, net.ErrClosed
	default:
		return c.Conn.Write(p)
	}
}

func (c *muteConn) Close() error {
	c.closing.Do(func() { close(c.gone) })
	return c.Conn.Close()
}

// overTLS returns a cluster in memory behind real connections of HTTP/2 or HTTP/1.1.
func overTLS(t *testing.T, http2 bool) (*Cluster, *kubetest.API, *memoryNet) {
	t.Helper()
	_, api := newFake(t, Options{})
	network := newMemoryNet()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response, err := api.RoundTrip(r)
		if err != nil {
			return
		}
		defer response.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(response.StatusCode)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(flushing{w}, response.Body)
	}))
	_ = server.Listener.Close()
	server.Listener, server.EnableHTTP2, server.Config.ErrorLog = network, http2, log.New(io.Discard, "", 0)
	server.StartTLS()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	c, err := New(&rest.Config{Host: server.URL, Dial: network.dial, TLSClientConfig: rest.TLSClientConfig{CAData: certificate}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.http.CloseIdleConnections()
		for _, connection := range network.conns {
			_ = connection.Close()
		}
		_ = network.Close()
		server.CloseClientConnections()
	})
	return c, api, network
}

type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	return n, errors.Join(err, http.NewResponseController(f.ResponseWriter).Flush())
}

// A silent connection costs less than one attempt with HTTP/2, and one attempt with
// HTTP/1.1. The next attempt uses a new connection.
func TestSilentConnection(t *testing.T) {
	for name, w := range map[string]struct {
		http2 bool
		most  time.Duration
	}{"HTTP/2": {true, 4 * time.Second}, "HTTP/1.1": {false, 5 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _, network := overTLS(t, w.http2)
				warmUp(t, c)
				if n := network.mute(); w.http2 && n != 1 {
					t.Fatalf("%d connections; HTTP/2 needs one", n)
				}
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := c.Fresh(ctx, aMapping)
				if took := time.Since(began); err != nil || took > w.most+time.Second {
					t.Errorf("%v after %s, expected about %s", err, took, w.most)
				}
			})
		})
	}
}
