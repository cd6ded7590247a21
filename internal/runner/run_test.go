package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/rollout"
)

// eyes is a Watcher whose judgement depends on the weight alone.
type eyes struct {
	says  map[int]rollout.Judged
	looks int
	// onLook is called before each look. guard returns at which weight there is a
	// catastrophe while the weight changes.
	onLook func(n, weight int)
	guard  func() (rollout.Judged, bool)

	mended   []int    // the last looks before routes were set right
	approved []string // the metrics that people approved, each once

	weight int
	here   int64 // looks at the weight
	blind  bool  // counts no request
	stop   int   // the look that ends the run; 0: none
}

// errEnough ends a run that has shown enough.
var errEnough = errors.New("enough")

func (e *eyes) Look(ctx context.Context, weight int) (rollout.Judged, error) {
	e.looks++
	if e.onLook != nil {
		e.onLook(e.looks, weight)
	}
	if err := context.Cause(ctx); err != nil {
		return rollout.Judged{}, err
	}
	synctest.Wait() // all other goroutines have finished or wait
	if e.looks == e.stop {
		return rollout.Judged{}, errEnough
	}
	if e.looks > 200 {
		return rollout.Judged{}, errors.New("looked two hundred times and nothing happened")
	}
	j, known := e.says[weight]
	if !known {
		j = says(analysis.Continue, weight, "nothing yet")
	}
	j.Own = e.own(weight)
	j.Weight, j.Time = weight, noon.Add(time.Duration(e.looks)*15*time.Second)
	j.Watched = float64(e.looks)
	return j, nil
}

// own returns the requests this process has counted at a weight: one per look.
func (e *eyes) own(weight int) int64 {
	if weight != e.weight {
		e.weight, e.here = weight, 0
	}
	if e.here++; weight == 0 || e.blind {
		return 0
	}
	return e.here
}

func (e *eyes) Mended() { e.mended = append(e.mended, e.looks) }

func (e *eyes) Approve(metric string) bool {
	if slices.Contains(e.approved, metric) {
		return false
	}
	e.approved = append(e.approved, metric)
	return true
}

func (e *eyes) Guard(ctx context.Context) (rollout.Judged, bool) {
	if e.guard != nil {
		return e.guard()
	}
	<-ctx.Done()
	return rollout.Judged{}, false
}

func says(v analysis.Verdict, weight int, reason string) rollout.Judged {
	return rollout.Judged{Look: rollout.Look{Verdict: v, Reason: reason}, Recommended: weight, Judge: []byte(`{}`)}
}

// healthy is a judge that recommends 5 %, 50 % and promotion.
func healthy() *eyes {
	return &eyes{says: map[int]rollout.Judged{
		0: says(analysis.Continue, 5, "begin"), 5: says(analysis.Continue, 50, "fine"), 50: says(analysis.Promote, 100, "healthy"),
	}}
}

// bubble runs a test with a clock of its own, in which synctest.Wait can wait for all
// goroutines.
func bubble(test func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) { synctest.Test(t, test) }
}

type keeper func(rollout.Gate) error

func (k keeper) Ask(_ context.Context, g rollout.Gate) (string, error) { return "keeper", k(g) }

func followed(e Watcher) Course {
	return Course{
		First:      5,
		Watch:      func(context.Context, rollout.Plan, rollout.State) (Watcher, error) { return e, nil },
		Gatekeeper: keeper(func(rollout.Gate) error { return nil }),
	}
}

func (w *world) run(ctx context.Context, c Course) (rollout.State, error) {
	w.dead = false
	return w.runner().Run(ctx, shop, rollout.Run{}, release("shop:2"), c)
}

func TestRunPromotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, err := w.run(t.Context(), followed(healthy()))
		if err != nil || s.Phase != rollout.Promoted {
			t.Fatalf("%s, %v", s.Phase, err)
		}
		w.expect(t, "shop:2", -1)
		if s.Judged == nil || s.Judged.Reason != "healthy" || s.Judged.Judge != nil || len(s.Judged.Before) != 2 {
			t.Errorf("remembered: %+v", s.Judged)
		}
	})
}

// TestRunVerifies checks that a run without news looks once a minute whether somebody
// else changed the weight, and sets it back.
func TestRunVerifies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		e := healthy()
		e.onLook = func(n, weight int) {
			switch n {
			case 30:
				w.set(canaryMapping, 80.0, "spec", "weight")
			case 40:
				e.says[5] = says(analysis.Continue, 50, "fine")
			case 2:
				e.says[5] = says(analysis.Continue, 5, "wait")
			}
		}
		s, err := w.run(t.Context(), followed(e))
		if err != nil || s.Phase != rollout.Promoted {
			t.Fatalf("%s, %v", s.Phase, err)
		}
		verified := 0
		for _, e := range w.events {
			if strings.Contains(e.Text, "the gateway gives the canary 5 %") {
				verified++
			}
		}
		if verified < 10 || verified > 14 {
			t.Errorf("looked %d times in ten minutes", verified)
		}
		if !slices.ContainsFunc(s.History, func(e rollout.Event) bool { return e.Kind == rollout.EventCorrected }) {
			t.Error("the weight was not put back")
		}
		if len(e.mended) != 1 || e.mended[0] < 30 || e.mended[0] > 34 { // a look takes 15 s
			t.Errorf("the watcher was told after looks %v", e.mended)
		}
	})
}

// TestRunEnds checks that a run leaves a safe state, whatever ends it.
func TestRunEnds(t *testing.T) {
	bad := errors.New("no")
	for name, tt := range map[string]struct {
		eyes   *eyes
		change func(*world, *Course)
		phase  rollout.Phase
		held   bool
		err    string
	}{
		"rejected": {
			eyes:  &eyes{says: map[int]rollout.Judged{0: says(analysis.Continue, 5, ""), 5: says(analysis.Reject, 0, "bad")}},
			phase: rollout.Rejected,
		},
		"undecided, withdrawn": {
			eyes: &eyes{says: map[int]rollout.Judged{0: says(analysis.Continue, 5, ""), 5: {
				Look: rollout.Look{Verdict: analysis.Hold, Reason: "late"}, Inconclusive: true}}},
			phase: rollout.Rejected,
		},
		"undecided, kept": {
			eyes: &eyes{says: map[int]rollout.Judged{0: says(analysis.Continue, 5, ""), 5: {
				Look: rollout.Look{Verdict: analysis.Hold, Reason: "late"}, Inconclusive: true, Recommended: 5}}},
			phase: rollout.Standing, held: true, err: "late",
		},
		"pods that do not become ready": {
			eyes:   healthy(),
			change: func(w *world, _ *Course) { w.broken["ready "+canaryPods.String()] = bad },
			phase:  rollout.Rejected,
		},
		"a share that is not seen": {
			eyes:   healthy(),
			change: func(w *world, _ *Course) { w.broken["verify 50"] = bad },
			phase:  rollout.Standing, held: true, err: "no",
		},
		"a source that cannot be opened": {
			eyes: healthy(),
			change: func(_ *world, c *Course) {
				c.Watch = func(context.Context, rollout.Plan, rollout.State) (Watcher, error) { return nil, bad }
			},
			phase: rollout.Standing, err: "no",
		},
		"a promotion that is refused": {
			eyes: healthy(),
			change: func(w *world, _ *Course) {
				w.onWrite = func(name string) {
					if name == "weight "+canaryMapping.String() { // somebody edits stable meanwhile
						w.set(stablePods, "shop:hotfix", "spec", "template", "image")
					}
				}
			},
			phase: rollout.Standing, held: true, err: "changed since the release began",
		},
		"a promotion that would be refused": {
			eyes:   healthy(),
			change: func(w *world, _ *Course) { w.broken["try "+stablePods.String()] = bad },
			phase:  rollout.None, err: "nothing was changed",
		},
		"a stable version that does not become ready": {
			eyes:   healthy(),
			change: func(w *world, _ *Course) { w.broken["ready "+stablePods.String()] = bad },
			phase:  rollout.Promoting, held: true, err: "no",
		},
		"a gate that refuses": {
			eyes: healthy(),
			change: func(_ *world, c *Course) {
				c.Gates = []rollout.Gate{{Name: "smoke", Weight: 50, Exec: []string{"x"}}}
				c.Gatekeeper = keeper(func(rollout.Gate) error { return bad })
			},
			phase: rollout.Rejected,
		},
		"a catastrophe while the weight is moved": {
			eyes: func() *eyes {
				e := healthy()
				e.guard = func() (rollout.Judged, bool) { return says(analysis.Reject, 0, "all fail"), true }
				return e
			}(),
			phase: rollout.Rejected,
		},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			w := newWorld()
			c := followed(tt.eyes)
			if tt.change != nil {
				tt.change(w, &c)
			}
			s, err := w.run(t.Context(), c)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, expected %q", err, tt.err)
			}
			if s.Phase != tt.phase || (s.Held != "") != tt.held {
				t.Errorf("phase %s, held %q", s.Phase, s.Held)
			}
			if weight := number(field(w.objects[canaryMapping], "spec", "weight")); weight != s.Weight || tt.held && tt.phase == rollout.Standing && tt.err != "late" && weight != 0 {
				t.Errorf("weight %d in the cluster, %d remembered", weight, s.Weight)
			}
			if stored := w.state(t); stored.Phase != s.Phase || stored.Held != s.Held {
				t.Errorf("stored: %s, %q", stored.Phase, stored.Held)
			}
		}))
	}
}

// TestRunCrashPoints kills a run before and after every write. Started again, the run
// comes to the same end, with the evidence it had.
func TestRunCrashPoints(t *testing.T) {
	for name, tt := range map[string]struct {
		eyes  func() *eyes
		image string
	}{
		"promoted": {healthy, "shop:2"},
		"rejected": {func() *eyes {
			e := healthy()
			e.says[50] = says(analysis.Reject, 0, "bad")
			return e
		}, "shop:1"},
	} {
		undisturbed := newWorld()
		synctest.Test(t, func(t *testing.T) {
			if _, err := undisturbed.run(t.Context(), followed(tt.eyes())); err != nil {
				t.Fatal(err)
			}
		})
		points := 0
		for n, write := range undisturbed.writes {
			for _, moment := range []string{"before", "after"} {
				points++
				t.Run(fmt.Sprintf("%s/%s %d %s", name, moment, n+1, write), bubble(func(t *testing.T) {
					w := newWorld()
					if moment == "before" {
						w.before = n + 1
					} else {
						w.after = n + 1
					}
					killed(t, func() { _, _ = w.run(t.Context(), followed(tt.eyes())) })
					before := w.state(t)
					if before.Weight > 0 && before.Weight != number(field(w.objects[canaryMapping], "spec", "weight")) && before.Phase == rollout.Standing {
						t.Errorf("killed at %d %%, in the cluster %v", before.Weight, field(w.objects[canaryMapping], "spec", "weight"))
					}
					if before.Phase == rollout.Promoted || before.Phase == rollout.Rejected {
						return
					}
					s, err := w.run(t.Context(), followed(tt.eyes()))
					if err != nil {
						t.Fatal(err)
					}
					w.expect(t, tt.image, -1)
					if before.Judged != nil && (s.Judged == nil || len(s.Judged.Before) < len(before.Judged.Before)) {
						t.Errorf("evidence was lost: %d looks before, now %+v", len(before.Judged.Before), s.Judged)
					}
				}))
			}
		}
		t.Logf("%s: %d crash points", name, points)
	}
}

// killed calls a function until the process is killed.
func killed(t *testing.T, do func()) {
	t.Helper()
	defer func() {
		if r := recover(); r != any(crash{}) {
			t.Fatalf("nothing was killed: %v", r)
		}
	}()
	do()
}

// TestRunIsInterrupted checks that an interrupted run takes traffic off the canary and
// that the next run continues.
func TestRunIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, hold := range []bool{false, true} {
			w := newWorld()
			w.options.HoldOnCancel = hold
			ctx, stop := context.WithCancel(t.Context())
			e := healthy()
			e.onLook = func(_, weight int) {
				if weight == 50 {
					stop()
				}
			}
			s, err := w.run(ctx, followed(e))
			want := map[bool]int{false: 0, true: 50}[hold]
			if !errors.Is(err, ErrInterrupted) || number(field(w.objects[canaryMapping], "spec", "weight")) != want {
				t.Fatalf("hold %v: %v, weight %v, %+v", hold, err, field(w.objects[canaryMapping], "spec", "weight"), s)
			}
			if s, err := w.run(t.Context(), followed(healthy())); err != nil || s.Phase != rollout.Promoted {
				t.Fatalf("afterwards %s, %v", s.Phase, err)
			}
			w.expect(t, "shop:2", -1)
		}
	})
}

// TestRunIsInterruptedWhileItWrites interrupts a run before the response of each write.
// The traffic is off the canary, that is stored, and the next run continues.
func TestRunIsInterruptedWhileItWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := 1; ; n++ {
			w := newWorld()
			ctx, stop := context.WithCancel(t.Context())
			w.afterWrite = func(at int) {
				if at == n {
					stop()
				}
			}
			s, err := w.run(ctx, followed(healthy()))
			stop()
			if err == nil {
				if n < 20 {
					t.Errorf("a run has %d writes", n-1)
				}
				return
			}
			if s = w.state(t); !errors.Is(err, ErrInterrupted) && !errors.Is(err, context.Canceled) || number(field(w.objects[canaryMapping], "spec", "weight")) != 0 || s.Phase.Active() && s.Weight != 0 {
				t.Errorf("interrupted in write %d: %v, weight %v, %+v", n, err, field(w.objects[canaryMapping], "spec", "weight"), s)
			}
			w.afterWrite = nil
			if s, err := w.run(t.Context(), followed(healthy())); err != nil && !errors.Is(err, ErrEqual) || s.Phase != rollout.Promoted {
				t.Errorf("after an interruption in write %d: %s, %v", n, s.Phase, err)
			}
			w.expect(t, "shop:2", -1)
		}
	})
}

// TestPeople checks that a run follows what people say while it works.
func TestPeople(t *testing.T) {
	t.Run("hold and resume", bubble(func(t *testing.T) {
		w := newWorld()
		e := healthy()
		c := followed(e)
		e.says[0] = says(analysis.Continue, 5, "begin")
		e.onLook = func(n, weight int) {
			switch n {
			case 1:
				w.say(rollout.Statements{Hold: &rollout.Statement{Text: "wait for Ann"}})
			case 20:
				if weight != 0 {
					t.Errorf("raised to %d while held", weight)
				}
				w.say(rollout.Statements{})
			}
		}
		if s, err := w.run(t.Context(), c); err != nil || s.Phase != rollout.Promoted {
			t.Fatalf("%s, %v", s.Phase, err)
		}
	}))
	t.Run("approve a difference", bubble(func(t *testing.T) {
		w := newWorld()
		e := healthy()
		e.says[5] = rollout.Judged{Look: rollout.Look{Verdict: analysis.Hold, Reason: "refusals"}, Cause: analysis.Differs, Metric: "client-errors", Recommended: 5, Judge: []byte(`{}`)}
		e.onLook = func(n, _ int) {
			switch {
			case n == 20:
				w.say(rollout.Statements{Approved: []rollout.Approval{{Gate: "client-errors", By: "ann"}}})
			case len(e.approved) > 0:
				e.says[5] = says(analysis.Continue, 50, "fine")
			case n > 40:
				t.Fatal("the judge does not hear of the approval")
			}
		}
		if s, err := w.run(t.Context(), followed(e)); err != nil || s.Phase != rollout.Promoted {
			t.Fatalf("%s, %v", s.Phase, err)
		}
		if !slices.ContainsFunc(w.events, func(e rollout.Event) bool {
			return strings.Contains(e.Text, "the difference in client-errors is approved by ann")
		}) {
			t.Error("nobody reads who approved it")
		}
	}))
	t.Run("approve", bubble(func(t *testing.T) {
		w := newWorld()
		e := healthy()
		c := followed(e)
		c.Gates = []rollout.Gate{{Name: "release", Manual: true}}
		e.onLook = func(n, weight int) {
			if n == 20 {
				if weight != 50 {
					t.Errorf("weight %d, expected 50 until it is approved", weight)
				}
				w.say(rollout.Statements{Approved: []rollout.Approval{{Gate: "release", By: "ann"}}})
			}
		}
		if s, err := w.run(t.Context(), c); err != nil || s.Phase != rollout.Promoted {
			t.Fatalf("%s, %v", s.Phase, err)
		}
		for what, events := range map[string][]rollout.Event{"told": w.events, "remembered": w.state(t).History} {
			if !slices.ContainsFunc(events, func(e rollout.Event) bool {
				return e.Kind == rollout.EventWaiting && strings.Contains(e.Text, "waiting for gate release before promotion")
			}) {
				t.Errorf("it is not %s how to approve", what)
			}
		}
	}))
	t.Run("reject", bubble(func(t *testing.T) {
		w := newWorld()
		e := healthy()
		e.says = map[int]rollout.Judged{0: says(analysis.Continue, 5, "begin")}
		e.onLook = func(n, weight int) {
			if n == 20 {
				w.say(rollout.Statements{Rejected: &rollout.Statement{Text: "Ann"}})
			}
		}
		s, err := w.run(t.Context(), followed(e))
		if err != nil || s.Phase != rollout.Rejected {
			t.Fatalf("%s, %v", s.Phase, err)
		}
		if !slices.ContainsFunc(s.History, func(e rollout.Event) bool { return e.Kind == rollout.EventAsked && strings.Contains(e.Text, "Ann") }) {
			t.Errorf("nobody knows why: %+v", s.History)
		}
		w.expect(t, "shop:1", -1)
	}))
	t.Run("reject, killed while it asked for it", bubble(func(t *testing.T) {
		w := newWorld()
		w.must(t, deploy("shop:2"), shift(50))
		w.after = len(w.writes) + 2 // the weight and the statement
		killed(t, func() { _, _ = w.do(t.Context(), reject()) })
		w.after = 0
		s, err := w.run(t.Context(), followed(healthy()))
		if err != nil || s.Phase != rollout.Rejected {
			t.Fatalf("%s, %v", s.Phase, err)
		}
		if slices.Contains(w.writes[len(w.writes)-6:], "scale "+canaryPods.String()) {
			t.Errorf("it came back: %q", w.writes)
		}
	}))
	t.Run("say", bubble(func(t *testing.T) {
		w := newWorld()
		if _, err := w.runner().EditStatements(t.Context(), shop, "", func(rollout.State, *rollout.Statements) error { return nil }); !errors.As(err, new(RefusedError)) {
			t.Errorf("without a release: %v", err)
		}
		w.must(t, deploy("shop:2"))
		for _, gate := range []string{"b", "a", "b"} {
			if _, err := w.runner().EditStatements(t.Context(), shop, "", func(_ rollout.State, s *rollout.Statements) error {
				s.Approve(rollout.Approval{Gate: gate})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if got := field(w.objects[canaryPods], "metadata", "annotations", rollout.ApproveAnnotation); got != `2026-01-02T12:00:00Z [{"gate":"b"},{"gate":"a"}]` {
			t.Errorf("%v", got)
		}
	}))
}

// TestAnalyze checks that an analysis changes no weight except that of a rejected canary.
func TestAnalyze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for verdict, weight := range map[analysis.Verdict]int{analysis.Promote: 50, analysis.Reject: 0} {
			w := newWorld()
			w.must(t, deploy("shop:2"), shift(50))
			e := &eyes{says: map[int]rollout.Judged{}}
			e.onLook = func(n, _ int) {
				if n == 3 {
					e.says[50] = says(verdict, 100, "seen enough")
				}
			}
			s, err := w.runner().Analyze(t.Context(), shop, rollout.Run{}, followed(e), 0)
			if err != nil || s.Judged.Verdict != verdict || s.Phase != rollout.Standing || (s.Held != "") != (weight == 0) {
				t.Fatalf("%s: %+v, %v", verdict, s, err)
			}
			w.expect(t, "shop:1", weight)
		}
		w := newWorld()
		if _, err := w.runner().Analyze(t.Context(), shop, rollout.Run{}, followed(healthy()), 0); !errors.As(err, new(RefusedError)) {
			t.Errorf("without a release: %v", err)
		}
	})
}

// TestAnalyzeRemembers checks that an analysis stores its evidence when the time is over,
// however short it was.
func TestAnalyzeRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.must(t, deploy("shop:2"), shift(50))
		w.silent = true // any statement would interrupt a look
		e := &eyes{}
		r := w.runner()
		r.Now = func() time.Time { return noon.Add(time.Duration(e.looks) * 15 * time.Second) }
		if _, err := r.Analyze(t.Context(), shop, rollout.Run{}, followed(e), 40*time.Second); err != nil {
			t.Fatal(err)
		}
		if j := w.state(t).Judged; j == nil || j.Watched != 3 || len(j.Before) != 2 {
			t.Errorf("%+v", j)
		}

		// A verdict ends it, but a verdict at an earlier share does not.
		e.says = map[int]rollout.Judged{50: says(analysis.Promote, 100, "healthy")}
		for _, looks := range []int{1, 3} {
			before := e.looks
			if s, err := r.Analyze(t.Context(), shop, rollout.Run{}, followed(e), 40*time.Second); err != nil || s.Judged.Verdict != analysis.Promote || e.looks != before+looks {
				t.Errorf("%d looks instead of %d: %+v, %v", e.looks-before, looks, s.Judged, err)
			}
		}
	})
}
