package control

import (
	"sync"
	"time"
)

// startLimit is how long Envoy may take to start once the first configuration has
// been processed, even one that was refused (pkg/acp/ambassador.go in Emissary's
// source).
const startLimit = 30 * time.Second

// health is what the probes and metrics know of reconfigurations.
type health struct {
	mu       sync.Mutex
	first    time.Time // the end of the first one
	duration time.Duration
}

// reconfigured records a reconfiguration, also one that was refused.
func (h *health) reconfigured(began, ended time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.first.IsZero() {
		h.first = ended
	}
	h.duration = ended.Sub(began)
}

// took is how long the last reconfiguration took.
func (h *health) took() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.duration
}

// overdue reports whether Envoy has had its time to start.
func (h *health) overdue(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.first.IsZero() && now.After(h.first.Add(startLimit))
}
