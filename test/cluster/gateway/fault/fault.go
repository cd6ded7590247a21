// Package fault makes a gateway unwell on request, for tests: frozen, slow, or stale
// in its diagnostics.
package fault

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Faults are what is wrong with a gateway. The zero value is a gateway that is well.
type Faults struct {
	// Freeze refuses every configuration, as an invalid regular expression does.
	Freeze bool
	// Slow is how long each validation takes before Envoy is asked.
	Slow time.Duration
	// Stale keeps the diagnostics as they were when it was set.
	Stale bool
}

// document is Faults as JSON, with the duration as Go writes it.
type document struct {
	Freeze bool   `json:"freeze"`
	Slow   string `json:"slow"`
	Stale  bool   `json:"stale"`
}

// Switch holds the faults of one gateway.
type Switch struct {
	mu      sync.Mutex
	now     Faults
	changed chan struct{}
}

// New gives the switch of a gateway that is well.
func New() *Switch { return &Switch{changed: make(chan struct{}, 1)} }

// Now gives the faults that are set.
func (s *Switch) Now() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Set replaces all faults.
func (s *Switch) Set(f Faults) {
	s.mu.Lock()
	s.now = f
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default: // the reader has not taken the change before yet
	}
}

// Changed has an element when the faults have changed since the last was taken.
func (s *Switch) Changed() <-chan struct{} { return s.changed }

// Validation takes as long as a slow validation does. It fails when the gateway is
// frozen or ctx ends.
func (s *Switch) Validation(ctx context.Context) error {
	timer := time.NewTimer(s.Now().Slow)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.Now().Freeze {
		return errors.New("a test has frozen this gateway")
	}
	return nil
}

// Handler shows the faults on GET /faults and replaces them on PUT /faults:
// {"freeze": true, "slow": "5s", "stale": true}; {} makes the gateway well.
func (s *Switch) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) {
		now := s.Now()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document{now.Freeze, now.Slow.String(), now.Stale}) // an error means the client has left
	})
	mux.HandleFunc("PUT /faults", func(w http.ResponseWriter, r *http.Request) {
		f, err := read(r)
		if err != nil {
			http.Error(w, "faults: "+err.Error(), http.StatusBadRequest)
			return
		}
		s.Set(f)
	})
	return mux
}

func read(r *http.Request) (Faults, error) {
	d := document{Slow: "0s"}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&d); err != nil {
		return Faults{}, err
	}
	slow, err := time.ParseDuration(d.Slow)
	return Faults{Freeze: d.Freeze, Slow: slow, Stale: d.Stale}, err
}
