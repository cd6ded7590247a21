package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/rollout"
)

func (w *world) weight() int { return number(field(w.objects[canaryMapping], "spec", "weight")) }

// most returns the largest weight written after a given write.
func (w *world) most(from int) (most int) {
	for _, weight := range w.weights[from:] {
		most = max(most, weight)
	}
	return most
}

// TestHoldBeforeRun checks that a run reads an existing hold before its first decision,
// even if no watch reports it.
func TestHoldBeforeRun(t *testing.T) {
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprintf("silent watch %v", silent), bubble(func(t *testing.T) {
			w := newWorld()
			w.must(t, deploy("shop:2"))
			w.say(rollout.Statements{Hold: &rollout.Statement{Text: "wait for Ann"}})
			w.silent = silent
			e := healthy()
			e.stop = 60
			if _, err := w.run(t.Context(), followed(e)); !errors.Is(err, errEnough) {
				t.Fatal(err)
			}
			if most := w.most(0); most != 0 {
				t.Errorf("raised to %d %% while on hold", most)
			}
		}))
	}
}

// TestStatementsUnreadable checks that a failed read does not count as "no objection".
func TestStatementsUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.unreadable, w.silent = errors.New("forbidden"), true
		e := healthy()
		e.stop = 60
		if _, err := w.run(t.Context(), followed(e)); !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
		if most := w.most(0); most != 0 {
			t.Errorf("raised to %d %% though nobody could be heard", most)
		}
	})
}

// TestHoldDuringSilence checks that a hold counts before the next larger share, although
// the watch is open and reports nothing.
func TestHoldDuringSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.silent, w.opened = true, true
		e := healthy()
		e.stop = 60
		e.says[5] = says(analysis.Continue, 5, "wait")
		e.onLook = func(n, weight int) {
			if weight != 5 || len(e.says) == 0 {
				return
			}
			switch n {
			case 4:
				if _, err := w.runner().EditStatements(t.Context(), shop, "", func(_ rollout.State, said *rollout.Statements) error {
					said.Hold = &rollout.Statement{Text: "wait for Ann", By: "bob"}
					return nil
				}); err != nil {
					t.Error(err)
				}
				e.says[5] = says(analysis.Continue, 50, "fine")
			}
		}
		s, err := w.run(t.Context(), followed(e))
		if !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
		if most := w.most(0); most != 5 {
			t.Errorf("raised to %d %% while on hold", most)
		}
		if s.Paused == nil || s.Paused.By != "bob" {
			t.Errorf("it is not remembered who holds it: %+v", s.Paused)
		}
	})
}

// TestSuccessorLooksItself checks that a successor raises and promotes nothing before it
// has counted requests to the canary, however healthy the dead process found the release.
func TestSuccessorLooksItself(t *testing.T) {
	gate := []rollout.Gate{{Name: "release", Manual: true}}
	for name, end := range map[string]func(*world, context.CancelFunc){
		"killed":      func(w *world, _ context.CancelFunc) { w.dead = true },
		"interrupted": func(_ *world, stop context.CancelFunc) { stop() },
	} {
		for _, blind := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, blind %v", name, blind), bubble(func(t *testing.T) {
				w := newWorld()
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				e := healthy()
				e.onLook = func(n, weight int) {
					if weight == 50 && n > 6 {
						end(w, stop)
					}
				}
				c := followed(e)
				c.Gates = gate
				func() {
					defer func() { _ = recover() }()
					_, _ = w.run(ctx, c)
				}()
				w.dead = false
				w.say(rollout.Statements{Approved: []rollout.Approval{{Gate: "release"}}})
				from := len(w.weights)
				e = healthy()
				e.blind, e.stop = blind, 60
				for weight, j := range e.says { // the judgements of the dead process
					if blind {
						e.says[weight] = says(analysis.Promote, 100, "healthy, as was found before")
						_ = j
					}
				}
				c = followed(e)
				c.Gates = gate
				s, err := w.run(t.Context(), c)
				if !blind {
					if err != nil || s.Phase != rollout.Promoted {
						t.Fatalf("%s, %v", s.Phase, err)
					}
					return
				}
				if !errors.Is(err, errEnough) || w.most(from) > 5 && name == "interrupted" || w.most(from) > 50 {
					t.Errorf("%s, weight %d at the most, %v", s.Phase, w.most(from), err)
				}
				if got := field(w.objects[stablePods], "spec", "template", "image"); got != "shop:1" {
					t.Errorf("stable is %v", got)
				}
			}))
		}
	}
}

// TestLosses checks that, whatever a run loses, the canary has no traffic afterwards.
func TestLosses(t *testing.T) {
	for name, tt := range map[string]struct {
		lose func(*world)
		left rollout.EndCause // as recorded; "" if the record belongs to another process
	}{
		"lock":           {func(w *world) { w.loses(ErrLockLost) }, ""},
		"record deleted": {func(w *world) { delete(w.records, "eu/shop") }, rollout.Broken},
		"record edited": {func(w *world) {
			r := w.records["eu/shop"]
			r.Version, r.State = "edited", []byte(strings.Replace(string(r.State), `"weight":50`, `"weight":49`, 1))
			w.records["eu/shop"] = r
		}, ""},
		"watcher": {func(w *world) { panic("a fault") }, rollout.Broken},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			w := newWorld()
			e := healthy()
			e.says[50] = says(analysis.Continue, 50, "not yet")
			e.onLook = func(n, weight int) {
				if weight != 50 {
					return
				}
				switch {
				case n == 8:
					tt.lose(w)
				case n > 8:
					e.says[50] = says(analysis.Hold, 50, "another word, which is stored")
				}
			}
			e.stop = 60
			var s rollout.State
			var err error
			func() {
				defer func() {
					if r := recover(); r != nil {
						err = fmt.Errorf("%v", r)
					}
				}()
				s, err = w.run(t.Context(), followed(e))
			}()
			if err == nil || errors.Is(err, errEnough) || w.weight() != 0 {
				t.Fatalf("weight %d, %v, %+v", w.weight(), err, s)
			}
			if tt.left != "" {
				if stored := w.state(t); stored.Left == nil || stored.Left.Cause != tt.left || stored.Weight != 0 {
					t.Errorf("it is remembered as %+v at %d %%", stored.Left, stored.Weight)
				}
			}
			if name != "record edited" {
				if _, err := w.do(t.Context(), reject()); err != nil {
					t.Fatal(err)
				}
				w.expect(t, "shop:1", -1)
			}
		}))
	}
}

// TestRecordTouched checks that a process still owns a record if only its version
// changed.
func TestRecordTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		e := healthy()
		e.onLook = func(int, int) {
			r := w.records["eu/shop"]
			w.version++
			r.Version = fmt.Sprint("labelled ", w.version)
			w.records["eu/shop"] = r
		}
		if s, err := w.run(t.Context(), followed(e)); err != nil || s.Phase != rollout.Promoted {
			t.Fatalf("%s, %v", s.Phase, err)
		}
	})
}

// TestHandover checks that a process that hands over changes no weight and stores its
// evidence, and that the next one continues.
func TestHandover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		ctx, end := context.WithCancelCause(t.Context())
		e := healthy()
		e.onLook = func(n, weight int) {
			if weight == 50 {
				end(ErrHandover)
			}
		}
		s, err := w.run(ctx, followed(e))
		if !errors.Is(err, ErrHandover) || w.weight() != 50 || s.Weight != 50 || s.Left != nil {
			t.Fatalf("weight %d, %v, %+v", w.weight(), err, s.Left)
		}
		if stored := w.state(t); stored.Judged == nil || stored.Phase != rollout.Standing {
			t.Errorf("stored: %+v", stored)
		}
		from := len(w.weights)
		if s, err := w.run(t.Context(), followed(healthy())); err != nil || s.Phase != rollout.Promoted {
			t.Fatalf("%s, %v", s.Phase, err)
		}
		if w.weights[from] == 0 && len(w.weights) > from+1 {
			t.Errorf("the share was taken away in between: %v", w.weights[from:])
		}
	})
}

// TestInterruptedPromotion checks that the report of an interrupted promotion matches
// what was replaced, and that there is exactly one way to continue.
func TestInterruptedPromotion(t *testing.T) {
	at := func(w *world, what string, stop context.CancelFunc) {
		w.onWrite = func(name string) {
			if name == what {
				stop()
			}
		}
	}
	t.Run("before stable is replaced", func(t *testing.T) {
		w := newWorld()
		w.must(t, deploy("shop:2"), shift(50))
		ctx, stop := context.WithCancel(t.Context())
		w.afterWrite = func(n int) {
			if w.state(t).Phase == rollout.Promoting {
				stop()
			}
		}
		s, err := w.do(ctx, promote())
		if !errors.Is(err, ErrInterrupted) || s.Phase != rollout.Standing || s.Weight != 0 || s.Verified != 0 {
			t.Fatalf("%s at %d %%, %v", s.Phase, s.Weight, err)
		}
		w.afterWrite = nil
		w.expect(t, "shop:1", 0)
		w.must(t, reject())
		w.expect(t, "shop:1", -1)
	})
	for _, a := range []ask{promote(), reject()} {
		t.Run("while stable becomes the new version, then "+string(a.request.Verb), func(t *testing.T) {
			w := newWorld()
			w.must(t, deploy("shop:2"), shift(50))
			ctx, stop := context.WithCancel(t.Context())
			at(w, "ready "+stablePods.String(), stop)
			s, err := w.do(ctx, promote())
			if !errors.Is(err, ErrInterrupted) || s.Phase != rollout.Promoting || s.Weight != 0 || s.Left == nil {
				t.Fatalf("%s at %d %%, %v", s.Phase, s.Weight, err)
			}
			w.onWrite = nil
			w.expect(t, "shop:2", 0)
			s = w.must(t, a)
			w.expect(t, "shop:2", -1)
			if a.request.Verb == rollout.Reject && !s.Mixed || a.request.Verb == rollout.Promote && s.Phase != rollout.Promoted {
				t.Errorf("%s, mixed %v", s.Phase, s.Mixed)
			}
		})
	}
}

// TestConflictAtDeploy: fields of other owners do not keep a canary from being deployed. The
// promotion decides about them.
func TestConflictAtDeploy(t *testing.T) {
	w := newWorld()
	w.broken["try "+stablePods.String()] = errors.New("others own the fields")
	w.must(t, deploy("shop:2"), shift(50))
	if _, err := w.do(t.Context(), promote()); err == nil || !strings.Contains(err.Error(), "others own the fields") {
		t.Fatal(err)
	}
	w.expect(t, "shop:1", 50)
	w.options.Force = true
	w.must(t, promote())
	w.expect(t, "shop:2", -1)
}

// TestPromoteWhatWasTried checks that promote refuses a version without requests, one
// whose share no gateway confirmed, and another version than expected, unless a flag
// allows it.
func TestPromoteWhatWasTried(t *testing.T) {
	with := func(a ask, change func(*rollout.Request)) ask {
		change(&a.request)
		return a
	}
	refused := func(t *testing.T, w *world, a ask, why string) {
		t.Helper()
		if _, err := w.do(t.Context(), a); !errors.As(err, new(RefusedError)) || !strings.Contains(err.Error(), why) {
			t.Fatalf("%v", err)
		}
		w.expect(t, "shop:1", w.weight())
	}
	w := newWorld()
	w.must(t, deploy("shop:2"))
	refused(t, w, promote(), "the canary gets no requests")
	w.must(t, with(promote(), func(a *rollout.Request) { a.Untested = true }))

	w = newWorld()
	w.unseen = true
	if _, err := w.do(t.Context(), deploy("shop:2")); err == nil || !strings.Contains(err.Error(), "nothing was changed") || len(w.writes) > 0 {
		t.Fatalf("%v, %q", err, w.writes)
	}
	w.must(t, with(deploy("shop:2"), func(a *rollout.Request) { a.Unverified = true }), shift(50))
	refused(t, w, promote(), "no gateway has confirmed that the canary gets 50 %")
	w.unseen = false
	w.must(t, shift(50), promote()) // the share was verified again

	w = newWorld()
	w.must(t, deploy("shop:3"), deploy("shop:2"), shift(50))
	refused(t, w, with(promote(), func(a *rollout.Request) { a.Version = "shop:3" }), "is not version shop:3")
	refused(t, w, with(shift(60), func(a *rollout.Request) { a.Version = "shop:3" }), "is not version shop:3")
	w.must(t, with(promote(), func(a *rollout.Request) { a.Version = w.state(t).Plan[:8] }))
	w.expect(t, "shop:2", -1)
}

// TestRunWithoutGateway checks that a run changes nothing if it can ask no gateway.
func TestRunWithoutGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.unseen = true
		if _, err := w.run(t.Context(), followed(healthy())); err == nil || len(w.writes) > 0 {
			t.Fatalf("%v, %q", err, w.writes)
		}
		c := followed(healthy())
		c.Unverified = true
		if s, err := w.run(t.Context(), c); err != nil || s.Phase != rollout.Promoted {
			t.Fatalf("%s, %v", s.Phase, err)
		}
	})
}

// TestInterruptedWhileItWaits interrupts a process that waits for the lock. If the holder
// is dead, it takes the traffic off; if the holder is alive, it changes nothing.
func TestInterruptedWhileItWaits(t *testing.T) {
	for _, dying := range []bool{true, false} {
		t.Run(fmt.Sprintf("of a dead process %v", dying), bubble(func(t *testing.T) {
			w := newWorld()
			e := healthy()
			e.onLook = func(_, weight int) { w.dead = weight == 50 }
			killed(t, func() { _, _ = w.run(t.Context(), followed(e)) })
			w.dead, w.dying = false, dying
			ctx, stop := context.WithCancel(t.Context())
			stop()
			_, err := w.run(ctx, followed(healthy()))
			if want := map[bool]int{true: 0, false: 50}[dying]; w.weight() != want || errors.Is(err, ErrInterrupted) != dying {
				t.Errorf("weight %d, %v", w.weight(), err)
			}
		}))
	}
}

// TestTwoPeople checks that two simultaneous statements both count, and that an approval
// does not end a hold.
func TestTwoPeople(t *testing.T) {
	w := newWorld()
	w.must(t, deploy("shop:2"))
	say := func(change func(*rollout.Statements)) {
		t.Helper()
		if _, err := w.runner().EditStatements(t.Context(), shop, "", func(_ rollout.State, s *rollout.Statements) error { change(s); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	say(func(s *rollout.Statements) { s.Hold = &rollout.Statement{Text: "wait", By: "ann"} })
	w.conflicts = 3
	say(func(s *rollout.Statements) { s.Approve(rollout.Approval{Gate: "a", By: "bob"}) })
	say(func(s *rollout.Statements) { s.Approve(rollout.Approval{Gate: "b", By: "cleo"}) })
	annotations := map[string]string{}
	for key, value := range field(w.objects[canaryPods], "metadata", "annotations").(map[string]any) {
		annotations[key], _ = value.(string)
	}
	said := rollout.ParseStatements(annotations, noon)
	if said.Hold == nil || said.Hold.By != "ann" || len(said.Approved) != 2 {
		t.Errorf("%+v", said)
	}
}

// TestStillExposed checks that nothing reports that traffic is back on stable if taking
// it off failed.
func TestStillExposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		ctx, stop := context.WithCancel(t.Context())
		e := healthy()
		e.onLook = func(_, weight int) {
			if weight == 50 {
				w.broken["weight "+canaryMapping.String()] = errors.New("the API server is away")
				stop()
			}
		}
		_, err := w.run(ctx, followed(e))
		if !errors.Is(err, ErrExposed) || !errors.Is(err, ErrInterrupted) {
			t.Errorf("%v", err)
		}
	})
}
