// Package metrictest tests what every metric source must do: count correctly,
// and after a failure report the reason and catch up later.
package metrictest

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// Secret is the credential that a source sends if it has one. It must not
// appear in an error.
const Secret = "s3cr3t-value"

// Getenv returns Secret for every variable.
func Getenv(string) string { return Secret }

// Counts holds the counters of a version since its only process started. The
// series of bad requests appears with the first bad request.
type Counts struct{ Bad, Total float64 }

// Snapshot is the state of a world at a time.
type Snapshot struct {
	Time           time.Time
	Canary, Stable Counts
	// Routes are the counters by version and route in the tests of routes, which have no others.
	Routes map[metric.Arm]Routes
}

// Of returns the state of a version.
func (s Snapshot) Of(arm metric.Arm) Counts {
	if arm == metric.Canary {
		return s.Canary
	}
	return s.Stable
}

// Harness opens the source under test.
type Harness struct {
	// Open returns a source of one ratio, "errors", that reads a server.
	Open func(t *testing.T, url string) metric.Source
	// Divided, if not nil, returns a source of the metric of Divided. The series of the server
	// then have the label route.
	Divided func(t *testing.T, url string) metric.Source
	// Answer returns the server's answer. history holds all states so far, for
	// sources that store samples; the last one is the current state.
	Answer func(r *http.Request, history []Snapshot) string
	// Secret means that the source sends the Secret.
	Secret bool
	// Complaint, if not nil, returns an answer with status 200 in which the
	// server reports an error in the source's own format.
	Complaint func(words string) string
}

// Begin returns the time when the release begins.
func Begin() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// world is a server whose counters a test changes.
type world struct {
	t       *testing.T
	harness Harness
	reader  metric.Reader
	silent  bool // the fault is that no answer comes
	url     string

	mu      sync.Mutex
	history []Snapshot
	fault   http.HandlerFunc // instead of an answer
}

const (
	// plenty is the timeout of readings that get an answer. It never passes,
	// even on a busy machine.
	plenty = time.Hour
	// short is the timeout of readings that get no answer.
	short = 50 * time.Millisecond
)

func (h Harness) world(t *testing.T) *world {
	w := &world{t: t, harness: h}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.reader = metric.Reader{
		Source:  h.Open(t, server.URL),
		Tracker: metric.NewTracker([]metric.Metric{{Name: "errors", Kind: metric.KindRatio}}, Begin()),
	}
	return w
}

// ServeHTTP answers with the state of the world.
func (w *world) ServeHTTP(to http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	fault, history := w.fault, w.history
	w.mu.Unlock()
	if w.harness.Secret && !strings.Contains(fmt.Sprint(r.Header), Secret) {
		w.t.Errorf("the secret was not sent: %v", r.Header)
	}
	if fault != nil {
		fault(to, r)
		return
	}
	_, _ = io.WriteString(to, w.harness.Answer(r, history)) // ignore the error: the source may have disconnected
}

func (w *world) set(fault http.HandlerFunc, s ...Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = fault
	w.history = append(w.history, s...)
}

// read sets the state of the world and reads it.
func (w *world) read(seconds int, canary, stable Counts, fault http.HandlerFunc) metric.Outcome {
	w.t.Helper()
	now := Begin().Add(time.Duration(seconds) * time.Second)
	w.set(fault, Snapshot{Time: now, Canary: canary, Stable: stable})
	return w.readAt(now, fault)
}

// readRoutes does the same with counters of routes.
func (w *world) readRoutes(seconds int, canary, stable Routes) metric.Outcome {
	w.t.Helper()
	now := Begin().Add(time.Duration(seconds) * time.Second)
	w.set(nil, Snapshot{Time: now, Routes: map[metric.Arm]Routes{metric.Canary: canary, metric.Stable: stable}})
	return w.readAt(now, nil)
}

// readAt reads the world at a time.
func (w *world) readAt(now time.Time, fault http.HandlerFunc) metric.Outcome {
	w.t.Helper()
	w.reader.Timeout = plenty
	if fault != nil && w.silent {
		w.reader.Timeout = short
	}
	out := w.reader.Read(w.t.Context(), now, metric.Weight{Percent: 5})
	if !out.Ready {
		w.t.Error("a reading of everything is not ready")
	}
	for _, trouble := range out.Troubles {
		if strings.Contains(trouble, Secret) {
			w.t.Errorf("the secret is in %q", trouble)
		}
	}
	return out
}

func want(t *testing.T, out metric.Outcome, canary, stable any) {
	t.Helper()
	pair := out.Observation.Metrics["errors"]
	if diff := cmp.Diff([]any{canary, stable}, []any{counts(pair.Canary), counts(pair.Stable)}); diff != "" {
		t.Error(diff, out.Troubles)
	}
}

// counts returns BAD of TOTAL, or nil if not measured.
func counts(a *analysis.Arm) any {
	if a == nil {
		return nil
	}
	return [2]int64{a.Bad, a.Total}
}

// Run runs all tests on a source.
func Run(t *testing.T, h Harness) {
	t.Run("counts", func(t *testing.T) {
		w := h.world(t)
		w.read(0, Counts{0, 10}, Counts{2, 1000}, nil)
		want(t, w.read(15, Counts{0, 17}, Counts{2, 1100}, nil), [2]int64{0, 7}, [2]int64{0, 100})
		want(t, w.read(30, Counts{3, 20}, Counts{4, 1150}, nil), [2]int64{3, 3}, [2]int64{2, 50}) // the first bad requests
		want(t, w.read(45, Counts{3, 20}, Counts{4, 1150}, nil), [2]int64{0, 0}, [2]int64{0, 0})
		want(t, w.read(60, Counts{1, 2}, Counts{4, 1151}, nil), [2]int64{1, 2}, [2]int64{0, 1}) // a restart
	})
	if h.Divided != nil {
		t.Run("routes", h.routes)
	}
	for name, fault := range h.faults() {
		t.Run(name, func(t *testing.T) {
			w := h.world(t)
			w.silent = name == slow
			w.read(0, Counts{1, 10}, Counts{2, 1000}, nil)
			for i := range 2 {
				out := w.read(15*(i+1), Counts{2, 15}, Counts{2, 1050}, fault)
				want(t, out, nil, nil)
				if len(out.Troubles) == 0 {
					t.Error("no trouble reports the fault")
				}
			}
			want(t, w.read(45, Counts{4, 20}, Counts{2, 1100}, nil), [2]int64{3, 10}, [2]int64{0, 100})
		})
		t.Run(name+" at first", func(t *testing.T) {
			w := h.world(t)
			w.silent = name == slow
			w.read(0, Counts{1, 10}, Counts{2, 1000}, fault)
			w.read(15, Counts{1, 10}, Counts{2, 1000}, nil)
			want(t, w.read(30, Counts{2, 15}, Counts{2, 1100}, nil), [2]int64{1, 5}, [2]int64{0, 100})
		})
	}
	t.Run("NaN", func(t *testing.T) {
		w := h.world(t)
		w.read(0, Counts{1, 10}, Counts{2, 1000}, nil)
		out := w.read(15, Counts{math.NaN(), 15}, Counts{2, 1050}, nil)
		if a := out.Observation.Metrics["errors"].Canary; a != nil || len(out.Troubles) == 0 {
			t.Errorf("%+v", out)
		}
		w.read(30, Counts{2, 20}, Counts{2, 1100}, nil)
	})
}

// slow is the fault of a server that gives no answer.
const slow = "slow"

// faults returns what servers do instead of answering.
func (h Harness) faults() map[string]http.HandlerFunc {
	all := map[string]http.HandlerFunc{
		"down": func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_ = c.Close()
			}
		},
		slow:      func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"garbage": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>\x00") },
		"empty":   func(http.ResponseWriter, *http.Request) {},
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			for range 40 << 10 {
				if _, err := io.WriteString(w, strings.Repeat(" ", 1<<10)); err != nil {
					return
				}
			}
		},
		"chatty": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, "cannot serve %v", r.Header)
		},
	}
	if h.Complaint != nil {
		all["complaining"] = func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, h.Complaint(strings.ReplaceAll(fmt.Sprint(r.Header), `"`, "'")))
		}
	}
	return all
}
