// Command breakable replaces the sample application in tests of a version that becomes bad
// while it runs. It answers like the sample until somebody posts to /break on its second
// port. From then on every request fails.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	latency, err := strconv.Atoi(os.Getenv("LATENCY_MS"))
	if err != nil {
		log.Fatal("LATENCY_MS: ", err)
	}
	a := &application{version: os.Getenv("VERSION"), latency: time.Duration(latency) * time.Millisecond}
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: ":8080", Handler: a.routes()}
	go func() { log.Fatal(http.ListenAndServe(":8000", a.switches())) }()
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			log.Fatal(err)
		}
	}()
	<-stopped.Done()
	if err := server.Shutdown(context.Background()); err != nil { // the kubelet kills it after the grace period
		log.Fatal(err)
	}
}

type application struct {
	version string
	latency time.Duration
	broken  atomic.Bool
}

// routes returns the handler for users and the kubelet. The probes still succeed when the
// application is broken, because the judge has to find out.
func (a *application) routes() http.Handler {
	mux := http.NewServeMux()
	healthy := func(http.ResponseWriter, *http.Request) {}
	mux.HandleFunc("GET /readyz", healthy)
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", a.version)
		select {
		case <-time.After(a.latency):
		case <-r.Context().Done():
			return
		}
		if a.broken.Load() {
			http.Error(w, "broken", http.StatusInternalServerError)
		}
	})
	return mux
}

// switches returns the handler for the test.
func (a *application) switches() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /break", func(http.ResponseWriter, *http.Request) { a.broken.Store(true) })
	return mux
}
