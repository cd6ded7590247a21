package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// doctor finds the same in every canary, as long as its pods are there.
type doctor struct {
	w     *world
	finds []rollout.Trouble
	asked []string // the writes before each question
	about []string
}

func (d *doctor) Examine(_ context.Context, workloads []manifest.ID, labels map[string]string, secrets []map[string]any) []rollout.Trouble {
	d.asked = append(d.asked, strings.Join(d.w.writes, "; "))
	d.about = append(d.about, fmt.Sprint(workloads, labels, len(secrets)))
	if d.w.objects[canaryPods] == nil || number(field(d.w.objects[canaryPods], "spec", "replicas")) == 0 {
		return nil
	}
	return d.finds
}

func examined() (*world, *doctor) {
	w := newWorld()
	d := &doctor{w: w, finds: []rollout.Trouble{{Pod: "shop-canary-1", Container: "web", Reason: "CrashLoopBackOff", Ended: "Error", ExitCode: 3, Log: []string{"panic: token=abcdef0123456789"}}}}
	w.examiner = d
	return w, d
}

// TestGoodReleaseExaminesNothing: a release that is promoted costs no request more.
func TestGoodReleaseExaminesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := examined()
		if s, err := w.run(t.Context(), followed(healthy())); err != nil || s.Phase != rollout.Promoted || len(s.Troubles) > 0 {
			t.Errorf("%+v, %v", s.Troubles, err)
		}
		if len(d.asked) > 0 {
			t.Errorf("the pods were examined %d times", len(d.asked))
		}
	})
}

// TestCauseIsKept: whatever removes a canary that failed, what its pods said is in the record
// before a pod of it ends, without secrets, and after the traffic is off.
func TestCauseIsKept(t *testing.T) {
	bad := errors.New("Deployment eu/shop-canary: CrashLoopBackOff")
	for name, c := range map[string]struct {
		prepare func(*testing.T, *world)
		do      func(*testing.T, *world) (rollout.State, error)
		phase   rollout.Phase
	}{
		"a run whose pods are not ready": {
			func(_ *testing.T, w *world) { w.broken["ready "+canaryPods.String()] = bad },
			func(t *testing.T, w *world) (rollout.State, error) { return w.run(t.Context(), followed(healthy())) }, rollout.Rejected,
		},
		"deploy": {
			func(_ *testing.T, w *world) { w.broken["ready "+canaryPods.String()] = bad },
			func(t *testing.T, w *world) (rollout.State, error) { return w.do(t.Context(), deploy("shop:2")) }, rollout.Deploying,
		},
		"a shift whose pods are not ready": {
			func(t *testing.T, w *world) {
				w.must(t, deploy("shop:2"))
				w.broken["ready "+canaryPods.String()] = bad
			},
			func(t *testing.T, w *world) (rollout.State, error) { return w.do(t.Context(), shift(50)) }, rollout.Standing,
		},
		"a rejection at a share": {
			func(t *testing.T, w *world) { w.must(t, deploy("shop:2"), shift(50)) },
			func(t *testing.T, w *world) (rollout.State, error) { return w.do(t.Context(), reject()) }, rollout.Rejected,
		},
		"a rejection behind a frozen gateway": {
			func(t *testing.T, w *world) {
				w.must(t, deploy("shop:2"), shift(50))
				w.frozen = new(50)
			},
			func(t *testing.T, w *world) (rollout.State, error) { return w.do(t.Context(), reject()) }, rollout.Rejecting,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, d := examined()
				c.prepare(t, w)
				d.asked = nil
				stored := 0 // writes that end pods before the record has the cause
				w.onWrite = func(write string) {
					ends := write == "delete "+canaryPods.String() || write == "scale "+canaryPods.String() && len(d.asked) > 0
					if ends && len(w.state(t).Troubles) == 0 {
						stored++
					}
				}
				s, _ := c.do(t, w)
				w.onWrite = nil
				if s.Phase == rollout.None {
					s = w.state(t)
				}
				if len(s.Troubles) != 1 || s.Phase != c.phase || len(w.state(t).Troubles) != 1 {
					t.Fatalf("%s: %+v", s.Phase, s.Troubles)
				}
				if got := s.Troubles[0].Log[0]; strings.Contains(got, "abcdef0123456789") {
					t.Errorf("stored: %s", got)
				}
				if stored > 0 {
					t.Error("pods ended before the cause was stored")
				}
				if len(d.asked) != 1 || strings.Contains(d.asked[0], "delete ") {
					t.Errorf("asked after %q", d.asked)
				}
				if want := fmt.Sprint([]manifest.ID{canaryPods}, map[string]string{rollout.ReleaseLabel: "shop"}); !strings.HasPrefix(d.about[0], want) {
					t.Errorf("asked about %s, expected %s", d.about[0], want)
				}
			})
		})
	}
}

// TestTrafficGoesBeforeTheCause: the pods are examined only when the weight is 0.
func TestTrafficGoesBeforeTheCause(t *testing.T) {
	w, d := examined()
	w.must(t, deploy("shop:2"), shift(50), reject())
	off := slices.Index(w.weights, 0)
	if off < 0 || len(d.asked) != 1 || strings.Count(d.asked[0], "weight "+canaryMapping.String()) != len(w.weights) {
		t.Errorf("weights %v, asked after %q", w.weights, d.asked)
	}
}

// TestStrangersAreNotExamined: a record that the objects do not confirm may name the
// workloads of somebody else.
func TestStrangersAreNotExamined(t *testing.T) {
	w, d := examined()
	w.must(t, deploy("shop:2"), shift(50))
	w.set(canaryPods, values{"image": "evil", "spec": values{"containers": []any{values{"name": "web", "image": "evil"}}}}, "spec", "template")
	annotations := field(w.objects[canaryPods], "metadata", "annotations").(map[string]any)
	annotations[PlanAnnotation] = "another"
	if s, err := w.do(t.Context(), reject()); err != nil || s.Phase != rollout.Rejected || len(d.asked) > 0 || len(s.Troubles) > 0 {
		t.Errorf("%s, asked %d times, %+v, %v", s.Phase, len(d.asked), s.Troubles, err)
	}
}

// TestKeep: with Keep every ending that rejects leaves the canary without traffic; the next
// rejection removes it.
func TestKeep(t *testing.T) {
	bad := errors.New("CrashLoopBackOff")
	for name, do := range map[string]func(*testing.T, *world) (rollout.State, error){
		"reject": func(t *testing.T, w *world) (rollout.State, error) {
			w.must(t, deploy("shop:2"), shift(50))
			keep := reject()
			keep.request.Keep = true
			return w.do(t.Context(), keep)
		},
		"a run": func(t *testing.T, w *world) (rollout.State, error) {
			w.options.Keep = true
			w.broken["ready "+canaryPods.String()] = bad
			return w.run(t.Context(), followed(healthy()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := examined()
				s, err := do(t, w)
				if err != nil || !s.Parked() || s.Reason == nil {
					t.Fatalf("%+v, %v", s, err)
				}
				w.expect(t, "shop:1", 0)
				if _, err := w.do(t.Context(), deploy("shop:3")); !errors.As(err, new(RefusedError)) {
					t.Errorf("a deployment: %v", err)
				}
				w.must(t, reject())
				w.expect(t, "shop:1", -1)
				if s := w.state(t); s.Phase != rollout.Rejected {
					t.Errorf("%s", s.Phase)
				}
			})
		})
	}
}
