//go:build integration

package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// kubelet simulates the part of a node that port-forwards and logs need: the API server
// sends it connections, which it forwards, and asks it for logs.
type kubelet struct {
	mu      sync.Mutex
	ports   map[string]string // addresses by POD:PORT
	tunnels int               // opened so far
	logs    map[string]string // of the previous run, by POD/CONTAINER
}

// wrote makes the previous run of a container have a log.
func (k *kubelet) wrote(pod, container, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.logs[pod+"/"+container] = text
}

// serveLog serves /containerLogs/NAMESPACE/POD/CONTAINER, whole: canarize has to cut it.
func (k *kubelet) serveLog(w http.ResponseWriter, r *http.Request, name string) {
	k.mu.Lock()
	text, known := k.logs[name]
	k.mu.Unlock()
	if !known || r.URL.Query().Get("previous") != "true" {
		http.NotFound(w, r)
		return
	}
	_, _ = io.WriteString(w, text)
}

// startKubelet registers a node with the name.
func (s site) startKubelet(t *testing.T, name string) *kubelet {
	t.Helper()
	k := &kubelet{ports: map[string]string{}, logs: map[string]string{}}
	server := httptest.NewTLSServer(k)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s.apply(t, "{apiVersion: v1, kind: Node, metadata: {name: "+name+"}}")
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.setStatus(t, nodes, name, "{addresses: [{type: InternalIP, address: 127.0.0.1}], daemonEndpoints: {kubeletEndpoint: {Port: "+port+"}}}")
	return k
}

// open connects a port of a pod to a server.
func (k *kubelet) open(pod string, port int, server *httptest.Server) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ports[fmt.Sprint(pod, ":", port)] = server.Listener.Addr().String()
}

// shut closes a port of a pod: connections to it are refused.
func (k *kubelet) shut(pod string, port int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.ports, fmt.Sprint(pod, ":", port))
}

func (k *kubelet) opened() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tunnels
}

// ServeHTTP serves /portForward/NAMESPACE/POD.
func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) == 5 && parts[1] == "containerLogs" {
		k.serveLog(w, r, parts[3]+"/"+parts[4])
		return
	}
	if len(parts) != 4 || parts[1] != "portForward" {
		http.NotFound(w, r)
		return
	}
	if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
		return // it has answered
	}
	streams := make(chan httpstream.Stream)
	connection := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		streams <- s
		return nil
	})
	if connection == nil {
		return
	}
	defer connection.Close()
	k.mu.Lock()
	k.tunnels++
	k.mu.Unlock()
	complaints := map[string]httpstream.Stream{}
	for {
		select {
		case <-connection.CloseChan():
			return
		case s := <-streams:
			id := s.Headers().Get(corev1.PortForwardRequestIDHeader)
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				complaints[id] = s
				continue
			}
			go k.connect(parts[3], s, complaints[id])
		}
	}
}

func (k *kubelet) connect(pod string, data, complaints httpstream.Stream) {
	defer complaints.Close()
	defer data.Close()
	k.mu.Lock()
	address := k.ports[pod+":"+data.Headers().Get(corev1.PortHeader)]
	k.mu.Unlock()
	connection, err := net.Dial("tcp", address)
	if address == "" || err != nil {
		fmt.Fprintf(complaints, "nobody listens on port %s", data.Headers().Get(corev1.PortHeader))
		return
	}
	defer connection.Close()
	go func() {
		_, _ = io.Copy(connection, data)
		_ = connection.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(data, connection)
}
