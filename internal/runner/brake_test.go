package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
)

// frozenWorld is a canary at 50 %, behind a gateway that takes no change any more.
func frozenWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	w.must(t, deploy("shop:2"), shift(50))
	w.frozen = new(50)
	return w
}

// served checks that no request can reach the canary and that none is lost, though the
// gateway still sends half of them to its Service.
func (w *world) served(t *testing.T) {
	t.Helper()
	if selects := field(w.objects[id("", "Service", "shop-canary")], "spec", "selector", "app"); selects != "shop" {
		t.Errorf("the canary's Service leads to %v", selects)
	}
	if n := number(field(w.objects[canaryPods], "spec", "replicas")); n != 0 {
		t.Errorf("the canary has %d pods", n)
	}
	if weight := number(field(w.objects[canaryMapping], "spec", "weight")); weight != 0 {
		t.Errorf("its weight is %d", weight)
	}
}

// TestBrake: a gateway that does not take a weight of 0 leaves no request on the canary,
// whoever leaves the release and however. When it is well again the release ends as usual.
func TestBrake(t *testing.T) {
	interrupted := func(w *world) error {
		ctx, stop := context.WithCancel(t.Context())
		w.onWrite = func(name string) {
			if name == "weight Mapping eu/shop-canary" {
				stop()
			}
		}
		defer func() { w.onWrite = nil }()
		_, err := w.do(ctx, shift(60))
		return err
	}
	for name, leave := range map[string]func(*world) error{
		"reject":      func(w *world) error { _, err := w.do(t.Context(), reject()); return err },
		"shift to 0":  func(w *world) error { _, err := w.do(t.Context(), shift(0)); return err },
		"shift to 60": func(w *world) error { _, err := w.do(t.Context(), shift(60)); return err },
		"redeployed":  func(w *world) error { _, err := w.do(t.Context(), deploy("shop:3")); return err },
		"interrupted": interrupted,
	} {
		t.Run(name, func(t *testing.T) {
			w := frozenWorld(t)
			err := leave(w)
			if err == nil || name == "interrupted" && !errors.Is(err, ErrInterrupted) {
				t.Errorf("%v", err)
			}
			if n := strings.Count(fmt.Sprint(err), "it gets 50 %"); n > 1 {
				t.Errorf("it says %d times what the gateway gives: %v", n, err)
			}
			w.served(t)
			if s := w.state(t); !s.Braked || s.Verified == 0 {
				t.Errorf("braked %v, verified %d %%", s.Braked, s.Verified)
			}
			if _, err := w.do(t.Context(), shift(10)); name != "reject" && name != "redeployed" && !errors.As(err, new(RefusedError)) {
				t.Errorf("it can be shifted: %v", err)
			}
			w.frozen = nil
			w.must(t, reject())
			w.expect(t, "shop:1", -1)
		})
	}
}

// TestBrakeIsUndone: the next deployment gives the canary its pods and requests again,
// once the gateway has taken the weight of 0.
func TestBrakeIsUndone(t *testing.T) {
	w := frozenWorld(t)
	if _, err := w.do(t.Context(), shift(0)); err == nil {
		t.Fatal("a frozen gateway is no error")
	}
	if _, err := w.do(t.Context(), deploy("shop:2")); err == nil {
		t.Error("it is deployed behind a gateway that still sends requests")
	}
	w.served(t)
	w.frozen = nil
	w.must(t, deploy("shop:2"), shift(50), promote())
	w.expect(t, "shop:2", -1)
}

// TestBrakeCrashPoints kills a rejection behind a frozen gateway before and after each of
// its writes. The next one leaves no request on the canary.
func TestBrakeCrashPoints(t *testing.T) {
	undisturbed := frozenWorld(t)
	before := len(undisturbed.writes)
	_, _ = undisturbed.do(t.Context(), reject()) // it cannot end yet
	points := 0
	for n := before; n < len(undisturbed.writes); n++ {
		for _, after := range []bool{false, true} {
			points++
			t.Run(fmt.Sprintf("%d %s, after %v", n+1, undisturbed.writes[n], after), func(t *testing.T) {
				w := frozenWorld(t)
				if w.before = n + 1; after {
					w.before, w.after = 0, n+1
				}
				w.dies(t, []ask{reject()})
				if _, err := w.do(t.Context(), reject()); err == nil {
					t.Error("a frozen gateway is no error")
				}
				w.served(t)
				w.frozen = nil
				w.must(t, reject())
				w.expect(t, "shop:1", -1)
			})
		}
	}
	if points < 8 {
		t.Errorf("only %d crash points", points)
	}
}

// TestBrakeOfRun: a run that rejects a bad version behind a frozen gateway brakes, too.
func TestBrakeOfRun(t *testing.T) {
	w := frozenWorld(t)
	if s := w.state(t); s.Phase != rollout.Standing {
		t.Fatal(s.Phase)
	}
	asked := rollout.Request{Verb: rollout.Reject, Reason: rollout.Reason{By: rollout.ByJudge, Text: "most requests fail"}}
	if s, err := w.do(t.Context(), ask{asked, nil}); err == nil || s.Reason == nil || s.Reason.By != rollout.ByJudge {
		t.Errorf("%+v, %v", s.Reason, err)
	}
	w.served(t)
}
