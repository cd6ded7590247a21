package watch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/rollout"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// site is two versions under load, on a clock of its own.
type site struct {
	now      time.Time
	perSec   int64   // requests per second
	bad      float64 // bad share of the canary's requests, from 0 to 1
	last     time.Time
	begin    time.Time
	readings int
	foreign  int64 // the weight that somebody else has set; 0: nobody
	// outcome may change the n-th reading.
	outcome func(n int, o *metric.Outcome)
}

func (s *site) Read(_ context.Context, now time.Time, w metric.Weight) metric.Outcome {
	s.readings++
	out := metric.Outcome{Ready: true, Observation: analysis.Observation{Time: now.Sub(s.begin).Seconds(), Weight: w.Percent}}
	all := int64(now.Sub(s.last).Seconds() * float64(s.perSec))
	if s.outcome != nil {
		s.outcome(s.readings, &out)
	}
	if !out.Ready || len(out.Troubles) > 0 {
		return out
	}
	first := s.last.IsZero()
	s.last = now
	if first {
		return out
	}
	weight := int64(w.Percent)
	if s.foreign > 0 {
		weight = s.foreign
	}
	canary := all * weight / 100
	out.Observation.Metrics = map[string]analysis.Pair{"http": {
		Canary: &analysis.Arm{Counts: analysis.Counts{Bad: int64(s.bad * float64(canary)), Total: canary}},
		Stable: &analysis.Arm{Counts: analysis.Counts{Total: all - canary}},
	}}
	return out
}

func (s *site) watch(t *testing.T, config analysis.Config, judged *rollout.Judged) *Watcher {
	t.Helper()
	w, err := New(Options{
		Analysis: config, Judged: judged, Every: time.Second,
		Open: func(begin time.Time) Counter { s.begin = begin; return s },
		Now:  func() time.Time { return s.now },
		Wait: func(ctx context.Context, d time.Duration) error { s.now = s.now.Add(d); return context.Cause(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func look(t *testing.T, w *Watcher, weight int) rollout.Judged {
	t.Helper()
	j, err := w.Look(t.Context(), weight)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// follow sets the recommended weights until the judge has decided.
func follow(t *testing.T, w *Watcher, weight int) (last rollout.Judged, weights []int) {
	t.Helper()
	for range 1000 {
		last = look(t, w, weight)
		if last.Verdict == analysis.Promote || last.Verdict == analysis.Reject || last.Inconclusive {
			return last, weights
		}
		if weight != last.Recommended {
			weight = last.Recommended
			weights = append(weights, weight)
		}
	}
	t.Fatal("no decision")
	return last, weights
}

func fast() analysis.Config {
	c, err := analysis.ForProfile(analysis.FastProfile)
	if err != nil {
		panic(err)
	}
	return c
}

func TestHealthy(t *testing.T) {
	s := &site{now: noon, perSec: 200}
	j, weights := follow(t, s.watch(t, fast(), nil), 0)
	if j.Verdict != analysis.Promote || !slices.IsSorted(weights) || weights[0] != 1 {
		t.Errorf("%s at %v", j.Verdict, weights)
	}
	if got := s.now.Sub(noon).Seconds(); got < fast().Bake || got != j.Watched {
		t.Errorf("promoted after %g s, %g s watched", got, j.Watched)
	}
	if len(j.Metrics) != 1 || j.Metrics[0].Canary.Total == 0 || j.Promote != 20 || j.Metrics[0].Safe < j.Promote {
		t.Errorf("evidence: %+v", j.Metrics)
	}
}

// TestCrash checks that a version whose requests all fail is rejected within seconds, not
// at the end of an interval.
func TestCrash(t *testing.T) {
	s := &site{now: noon, perSec: 200}
	w := s.watch(t, fast(), nil)
	for weight := 0; weight < 5; {
		weight = look(t, w, weight).Recommended
	}
	look(t, w, 5)
	began := s.now
	s.bad = 1
	j := look(t, w, 5)
	if took := s.now.Sub(began); j.Verdict != analysis.Reject || took > 4*time.Second {
		t.Errorf("%s after %s: %s", j.Verdict, took, j.Reason)
	}
}

// TestGuard checks that a catastrophe is also found while the weight changes.
func TestGuard(t *testing.T) {
	s := &site{now: noon, perSec: 200}
	w := s.watch(t, fast(), nil)
	for weight := 0; weight < 5; {
		weight = look(t, w, weight).Recommended
	}
	look(t, w, 5)
	s.bad = 1
	if j, catastrophe := w.Guard(t.Context()); !catastrophe || j.Verdict != analysis.Reject {
		t.Errorf("%v: %+v", catastrophe, j)
	}
	s = &site{now: noon, perSec: 200}
	w = s.watch(t, fast(), nil)
	look(t, w, 0)
	ctx, stop := context.WithCancel(t.Context())
	s.outcome = func(n int, _ *metric.Outcome) {
		if n == 10 {
			stop()
		}
	}
	if j, catastrophe := w.Guard(ctx); catastrophe {
		t.Errorf("a healthy version: %+v", j)
	}
}

// TestResume checks that another process continues with the evidence, and that unwatched
// time does not count.
func TestResume(t *testing.T) {
	s := &site{now: noon, perSec: 200}
	w := s.watch(t, fast(), nil)
	var j rollout.Judged
	weight := 0
	for range 6 {
		j = look(t, w, weight)
		weight = j.Recommended
	}
	watched := j.Watched
	s.now, s.last = s.now.Add(time.Hour), time.Time{}
	w = s.watch(t, fast(), &j)
	first := look(t, w, weight)
	if first.Watched != watched || first.Verdict != j.Verdict || first.Reason != j.Reason {
		t.Errorf("goes on with %+v after %+v", first, j)
	}
	last, _ := follow(t, w, weight)
	if last.Verdict != analysis.Promote || last.Watched < fast().Bake || last.Watched > fast().Bake+5*60 {
		t.Errorf("%s after %g s", last.Verdict, last.Watched)
	}
}

// TestFirstInterval checks that the judge does not compare the share of a first interval,
// whose counts may begin before this process: a stored sample may be a minute old.
func TestFirstInterval(t *testing.T) {
	s := &site{now: noon, perSec: 200}
	c := fast()
	c.Ramp.Steps = []analysis.Step{{Weight: 5, Hold: time.Hour.Seconds()}}
	w := s.watch(t, c, nil)
	var j rollout.Judged
	for range 8 {
		j = look(t, w, 5)
	}
	s.last = time.Time{}
	w = s.watch(t, c, &j)
	look(t, w, 5)
	s.foreign = 100 // before this process began
	s.outcome = func(int, *metric.Outcome) {
		if s.now.Sub(w.started) > 5*time.Second {
			s.foreign = 0
		}
	}
	for range 8 {
		if j := look(t, w, 5); j.Verdict != analysis.Continue {
			t.Fatalf("%s: %s", j.Verdict, j.Reason)
		}
	}
}

// TestMended checks that a weight that somebody else had set is forgotten when it is set
// right.
func TestMended(t *testing.T) {
	s := &site{now: noon, perSec: 200}
	c := fast()
	c.Ramp.Steps = []analysis.Step{{Weight: 5, Hold: time.Hour.Seconds()}}
	w := s.watch(t, c, nil)
	for range 8 {
		look(t, w, 5)
	}
	s.foreign = 50
	for range 4 {
		look(t, w, 5)
	}
	if j := look(t, w, 5); j.Cause != analysis.Routing || !strings.Contains(j.Reason, "its weight gives it 5 %") {
		t.Fatalf("at 50 %% instead of 5 %%: %s %s: %s", j.Verdict, j.Cause, j.Reason)
	}
	s.foreign = 0
	w.Mended()
	for range 10 {
		if j := look(t, w, 5); j.Verdict != analysis.Continue {
			t.Fatalf("%s: %s", j.Verdict, j.Reason)
		}
	}
}

// TestSource checks that one failed reading changes nothing. A longer outage holds the
// release, and what was counted meanwhile is not lost.
func TestSource(t *testing.T) {
	s := &site{now: noon, perSec: 200}
	w := s.watch(t, fast(), nil)
	weight := look(t, w, 0).Recommended
	look(t, w, weight)
	before := look(t, w, weight)
	s.outcome = func(n int, o *metric.Outcome) { o.Troubles = []string{"Prometheus is away"} }
	held := look(t, w, weight)
	if held.Verdict != analysis.Hold || held.Cause != analysis.Source || !strings.Contains(held.Reason, "Prometheus is away") {
		t.Errorf("%+v", held)
	}
	if held.Watched-before.Watched != 2*fast().Interval {
		t.Errorf("held after %g s", held.Watched-before.Watched)
	}
	s.outcome = nil
	after := look(t, w, weight)
	if after.Verdict != analysis.Continue {
		t.Errorf("%s: %s", after.Verdict, after.Reason)
	}
	counted := after.Metrics[0].Canary.Total - before.Metrics[0].Canary.Total
	if want := int64((after.Watched - before.Watched) * 200 * float64(weight) / 100); counted != want {
		t.Errorf("%d requests counted, expected %d", counted, want)
	}
	failures := 0
	s.outcome = func(_ int, o *metric.Outcome) {
		if failures++; failures == 14 || failures == 15 { // at the end of an interval
			o.Troubles = []string{"once"}
		}
	}
	if j := look(t, w, weight); j.Verdict != analysis.Continue || strings.Contains(j.Reason, "once") {
		t.Errorf("%s: %s", j.Verdict, j.Reason)
	}
}

// byPod counts the canary's requests on three pods; one of them has all the bad requests.
type byPod struct{ *site }

func (s byPod) Read(ctx context.Context, now time.Time, w metric.Weight) metric.Outcome {
	out := s.site.Read(ctx, now, w)
	if arm := out.Observation.Metrics["http"].Canary; arm != nil {
		third := arm.Total / 3
		arm.Pods = map[string]analysis.Counts{"web-1": {Total: third}, "web-2": {Bad: arm.Bad, Total: arm.Total - 2*third}, "web-3": {Total: third}}
		arm.Counts = analysis.Counts{}
	}
	return out
}

// TestBadPod checks that the reason names the bad pod, so that somebody can replace it.
func TestBadPod(t *testing.T) {
	s := &site{now: noon, perSec: 200, bad: 0.3}
	w := s.watch(t, fast(), nil)
	w.Open = func(begin time.Time) Counter { s.begin = begin; return byPod{s} }
	weight := 0
	for range 20 {
		j := look(t, w, weight)
		if j.Verdict == analysis.Reject || j.Verdict == analysis.Promote {
			t.Fatalf("%s: %s", j.Verdict, j.Reason)
		}
		if j.Cause == analysis.BadPod {
			if !strings.HasSuffix(j.Reason, " It is web-2.") {
				t.Errorf("it does not say which: %s", j.Reason)
			}
			return
		}
		weight = j.Recommended
	}
	t.Fatal("no bad pod was found")
}

// TestPending checks that the watcher waits for a source that has not counted everything
// yet.
func TestPending(t *testing.T) {
	s := &site{now: noon, perSec: 200}
	w := s.watch(t, fast(), nil)
	look(t, w, 1)
	s.outcome = func(n int, o *metric.Outcome) { o.Ready = n%60 == 0 }
	if j := look(t, w, 1); j.Verdict != analysis.Continue || j.Watched < 55 {
		t.Errorf("%s after %g s: %s", j.Verdict, j.Watched, j.Reason)
	}
}

// TestHealthyIsGuarded checks that a version found healthy is rejected if it fails while
// the release waits for something else.
func TestHealthyIsGuarded(t *testing.T) {
	s := &site{now: noon, perSec: 200}
	w := s.watch(t, fast(), nil)
	_, weights := follow(t, w, 0)
	weight := weights[len(weights)-1]
	for range 500 {
		if j := look(t, w, weight); j.Verdict != analysis.Promote {
			t.Fatalf("%s: %s", j.Verdict, j.Reason)
		}
	}
	began := s.now
	s.bad = 1
	if j := look(t, w, weight); j.Verdict != analysis.Reject || s.now.Sub(began) > 4*time.Second {
		t.Errorf("%s after %s: %s", j.Verdict, s.now.Sub(began), j.Reason)
	}
}

// TestInterrupted checks that an interrupted look loses nothing.
func TestInterrupted(t *testing.T) {
	said := errors.New("somebody said something")
	s := &site{now: noon, perSec: 200}
	w := s.watch(t, fast(), nil)
	look(t, w, 1)
	for n := range 5 {
		ctx, stop := context.WithCancelCause(t.Context())
		at := s.readings + n + 1
		s.outcome = func(n int, _ *metric.Outcome) {
			if n == at {
				stop(said)
			}
		}
		if _, err := w.Look(ctx, 1); !errors.Is(err, said) {
			t.Fatalf("%v", err)
		}
	}
	s.outcome = nil
	j := look(t, w, 1)
	if want := int64(j.Watched * 2); j.Metrics[0].Canary.Total != want {
		t.Errorf("%d requests counted of %d", j.Metrics[0].Canary.Total, want)
	}
}

func TestWholePercent(t *testing.T) {
	c := fast()
	c.Ramp.Steps = []analysis.Step{{Weight: 1}, {Weight: 2.5}}
	if err := Check(c); !errors.Is(err, ErrWeights) {
		t.Error(err)
	}
	if err := Check(fast()); err != nil {
		t.Error(err)
	}
}

// TestShortIntervals checks that a busy canary is judged more often than it is recorded, and
// that a change of the verdict is recorded at once.
func TestShortIntervals(t *testing.T) {
	s := &site{now: noon, perSec: 1000}
	config := analysis.Default()
	config.Ramp.Steps = []analysis.Step{{Weight: 10}}
	w := s.watch(t, config, nil)
	look(t, w, 10)
	var last rollout.Judged
	for s.now.Before(noon.Add(3 * time.Minute)) {
		begin := s.now
		if last = look(t, w, 10); s.now.Sub(begin) < 15*time.Second {
			t.Fatalf("a record after %s: %s", s.now.Sub(begin), last.Reason)
		}
	}
	s.bad = .05
	begin := s.now
	for last.Verdict != analysis.Reject {
		last = look(t, w, 10)
	}
	// Three intervals of 15 s would take 45 s.
	if took := s.now.Sub(begin); took > 15*time.Second {
		t.Errorf("rejected after %s", took)
	}
}
