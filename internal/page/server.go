package page

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Options configures Serve.
type Options struct {
	// Port is the port on loopback. If it is busy, the next free one is taken. 0 lets the
	// system choose.
	Port int
	// List returns the list of releases, the same one until something changes. Without List
	// the page shows one release.
	List func() *List
	// Find returns a release by its Row.ID, or the only one by ""; nil if there is none.
	Find func(id string) Release
	// Old says why what is shown may be old; "" if it is not. Without Old it never is.
	Old func() string
}

// Release is a release on the page. What it shows is asked for while somebody watches, from
// several goroutines.
type Release interface {
	About() About
	Frame() Frame
	Past() Past
	// Do does a deed of About. Its error is shown to the visitor.
	Do(ctx context.Context, act Act) error
	// Report returns the HTML report of the release; nil while there is none.
	Report() []byte
}

// Act is what a visitor does.
type Act struct {
	Deed string // Deed.ID
	// Seen is About.Seen of the release that the visitor saw. Another release of the same
	// name may have begun since.
	Seen string
	Why  string // in the visitor's words; "" without a reason
}

// Server serves the page.
type Server struct {
	// URL is the address of the page. Its path is the visitor's permission.
	URL string

	options Options
	token   string
	hosts   []string // that a browser may ask for
	http    *http.Server
	ending  chan struct{} // closed when the streams have to end
	streams chan struct{} // holds one element for every stream
	close   func()
}

// ports is how many ports are tried.
const ports = 20

// Serve serves the page until ctx ends or Close is called.
func Serve(ctx context.Context, o Options) (*Server, error) {
	listener, err := listen(ctx, o.Port)
	if err != nil {
		return nil, err
	}
	address, is := listener.Addr().(*net.TCPAddr)
	if !is {
		return nil, errors.Join(fmt.Errorf("the page: %s is no TCP address", listener.Addr()), listener.Close())
	}
	s := newServer(o, address.Port)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.http.Serve(listener) }) // until it is closed
	s.close = sync.OnceFunc(func() {
		close(s.ending)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := s.http.Shutdown(last); err != nil {
			_ = s.http.Close() // somebody does not read; nothing is lost
		}
		serving.Wait()
	})
	stop := context.AfterFunc(ctx, s.close)
	shut := s.close
	s.close = func() { stop(); shut() }
	return s, nil
}

// Watched returns how many tabs show the page.
func (s *Server) Watched() int { return len(s.streams) }

// Close tells all visitors that it is over, and ends the server within a second.
func (s *Server) Close() { s.close() }

// newServer returns a server that is not listening yet.
func newServer(o Options, port int) *Server {
	if o.Old == nil {
		o.Old = func() string { return "" }
	}
	s := &Server{options: o, token: rand.Text(), ending: make(chan struct{}), streams: make(chan struct{}, maxStreams)} // 130 bits
	for _, host := range []string{"127.0.0.1", "localhost"} {
		s.hosts = append(s.hosts, net.JoinHostPort(host, strconv.Itoa(port)))
		if port == 80 {
			s.hosts = append(s.hosts, host) // browsers leave out the usual port
		}
	}
	s.URL = "http://" + s.hosts[0] + "/" + s.token + "/"
	s.http = &http.Server{
		Handler: s, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	return s
}

// listen listens on the first free port of loopback.
func listen(ctx context.Context, port int) (net.Listener, error) {
	if port < 0 || port > 65535 {
		return nil, fmt.Errorf("port %d: expected 0 to 65535", port)
	}
	var config net.ListenConfig
	var first error
	for p := port; p < port+ports && p <= 65535; p++ {
		listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err == nil {
			return listener, nil
		}
		if first == nil {
			first = err
		}
		if port == 0 || ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("the page finds no free port on loopback; choose another one: %w", first)
}

// allowed reports whether a request is one of the page itself, and not of a page elsewhere
// whose name leads here.
func (s *Server) allowed(r *http.Request) bool {
	if !slices.Contains(s.hosts, r.Host) {
		return false
	}
	for _, origin := range r.Header.Values("Origin") {
		if origin != "http://"+r.Host {
			return false
		}
	}
	return true
}
