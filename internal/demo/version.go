package demo

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Behaviour is how a version answers, besides its usual few errors. Ratios are from 0 to 1.
type Behaviour struct {
	Errors float64 // the ratio of requests that fail
	Leak   float64 // what Errors grows by in a second
	Slow   float64 // the ratio of requests that take slowTime
	OnePod bool    // only the first of its pods behaves so
	Crash  bool    // its pods end before they are ready
}

const (
	usualErrors = .002
	usualSlow   = .005
	slowTime    = 150 * time.Millisecond // more than a busy machine takes for an answer
)

// version is the program that the pods of an image run.
type version struct {
	name string

	mu        sync.Mutex
	behaviour Behaviour
	since     time.Time
}

// behave changes how the version answers from now on.
func (v *version) behave(b Behaviour, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.behaviour, v.since = b, now
}

// crashes reports whether a new pod would end before it is ready.
func (v *version) crashes() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.behaviour.Crash
}

// chances returns the ratios of failing and of slow requests at a pod. The n-th pod is
// counted from 0.
func (v *version) chances(n int, now time.Time) (fails, slow float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	b := v.behaviour
	if b.OnePod && n > 0 {
		b = Behaviour{}
	}
	return usualErrors + b.Errors + b.Leak*now.Sub(v.since).Seconds(), usualSlow + b.Slow
}

// handler answers as the n-th pod of the version.
func (v *version) handler(n int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fails, slow := v.chances(n, time.Now())
		if rand.Float64() < slow {
			select {
			case <-time.After(slowTime):
			case <-r.Context().Done():
			}
		}
		if rand.Float64() < fails {
			http.Error(w, "the order is lost", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte("thank you for your order, says version " + v.name + "\n")) // the client has gone
	})
}
