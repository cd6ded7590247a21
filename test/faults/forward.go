package faults

import (
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// Forwarder is a TCP forwarder in front of an API server, or of a Proxy. It injects faults
// below HTTP: TLS and HTTP/2 pass through it unchanged.
type Forwarder struct {
	// Kubeconfig is the path of a file that leads a program to the forwarder.
	Kubeconfig string

	target string

	mu    sync.Mutex
	away  bool
	links map[*link]bool
	made  int
}

// link is one connection through the forwarder.
type link struct {
	client, server net.Conn
	silent         chan struct{} // closed when the link becomes silent
	once           sync.Once
}

// Forward starts a forwarder in front of the API server of a kubeconfig. It ends with
// the test.
func Forward(t testing.TB, kubeconfig string) *Forwarder {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cluster := config.Clusters[config.Contexts[config.CurrentContext].Cluster]
	server, err := url.Parse(cluster.Server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &Forwarder{Kubeconfig: filepath.Join(t.TempDir(), "kubeconfig"), target: server.Host, links: map[*link]bool{}}
	if cluster.TLSServerName == "" {
		cluster.TLSServerName = server.Hostname()
	}
	server.Host = listener.Addr().String()
	cluster.Server = server.String()
	if err := clientcmd.WriteToFile(*config, f.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() { f.accept(listener) })
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
		f.Away()
	})
	return f
}

func (f *Forwarder) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go f.serve(client)
	}
}

func (f *Forwarder) serve(client net.Conn) {
	server, err := net.Dial("tcp", f.target)
	if err != nil {
		hardClose(client)
		return
	}
	l := &link{client: client, server: server, silent: make(chan struct{})}
	f.mu.Lock()
	if f.away {
		f.mu.Unlock()
		l.close()
		return
	}
	f.links[l] = true
	f.made++
	f.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.copy(server, client) })
	both.Go(func() { l.copy(client, server) })
	both.Wait()
	l.close()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.links, l)
}

// copy copies from one side to the other until one of them ends. On a silent link it
// swallows everything, even the end.
func (l *link) copy(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-l.silent:
			if err != nil {
				return
			}
			continue
		default:
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	l.close() // ends the other direction too
}

func (l *link) close() {
	hardClose(l.client)
	hardClose(l.server)
}

// hardClose resets a connection.
func hardClose(c net.Conn) {
	if tcp, isTCP := c.(*net.TCPConn); isTCP {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// Silence makes the open connections silent and returns their number: they swallow what
// either side sends, like a firewall that has forgotten them. Later connections work.
func (f *Forwarder) Silence() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.links {
		l.once.Do(func() { close(l.silent) })
	}
	return len(f.links)
}

// Away breaks all connections, and every new one, until the caller calls back: the API
// server is away meanwhile.
func (f *Forwarder) Away() (back func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = true
	for l := range f.links {
		l.close()
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.away = false
	}
}

// Connections returns the number of connections so far.
func (f *Forwarder) Connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.made
}
