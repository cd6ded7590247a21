package kubetest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Tunnel is a tunnel to a pod whose pages a function answers, in place of kube.Tunnel.
type Tunnel struct {
	pod    string
	answer func(r *http.Request) (*http.Response, error)
	closed chan bool
	close  func()
}

// NewTunnel opens a tunnel to a pod.
func NewTunnel(pod string, answer func(r *http.Request) (*http.Response, error)) *Tunnel {
	t := &Tunnel{pod: pod, answer: answer, closed: make(chan bool)}
	t.close = sync.OnceFunc(func() { close(t.closed) })
	return t
}

// Client returns a client whose requests go to the pod.
func (t *Tunnel) Client() *http.Client { return &http.Client{Transport: t} }

// URL returns the address of a page for the client.
func (t *Tunnel) URL(port int, path string) string { return fmt.Sprintf("http://pod:%d%s", port, path) }

// Pod returns the name of the pod.
func (t *Tunnel) Pod() string { return t.pod }

// Closed returns a channel that is closed when the tunnel ends.
func (t *Tunnel) Closed() <-chan bool { return t.closed }

// Close ends the tunnel.
func (t *Tunnel) Close() error { t.close(); return nil }

// RoundTrip implements http.RoundTripper.
func (t *Tunnel) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-t.closed:
		return nil, errors.New("the tunnel is closed")
	default:
		return t.answer(r)
	}
}

// Text returns a response with a text, dated now.
func Text(text string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}, Body: io.NopCloser(strings.NewReader(text))}
}
