package runner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
)

// paths lists all ways through a release.
var paths = []struct {
	name   string
	asks   []ask
	stable string // the version that is stable in the end
	weight int    // of the canary in the end; -1: there is none
}{
	{"deploy", []ask{deploy("shop:2")}, "shop:1", 0},
	{"deploy over another version", []ask{deploy("shop:3"), shift(50), deploy("shop:2")}, "shop:1", 0},
	{"shift up and down", []ask{deploy("shop:2"), shift(10), shift(60), shift(30), shift(0)}, "shop:1", 0},
	{"promote", []ask{deploy("shop:2"), shift(50), promote()}, "shop:2", -1},
	{"reject at once", []ask{deploy("shop:2"), reject()}, "shop:1", -1},
	{"reject with traffic", []ask{deploy("shop:2"), shift(50), reject()}, "shop:1", -1},
	{"promote another route", []ask{deploy(moved), shift(50), promote()}, moved, -1},
	{"reject another route", []ask{deploy(moved), shift(50), reject()}, "shop:1", -1},
	{"release after release", []ask{deploy("shop:3"), reject(), deploy("shop:2"), shift(100), promote()}, "shop:2", -1},
}

// dies carries out requests until the process is killed. It returns the request that was
// interrupted.
func (w *world) dies(t *testing.T, asks []ask) (at int) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil && r != any(crash{}) {
			panic(r)
		}
	}()
	for at = range asks {
		if _, err := w.do(t.Context(), asks[at]); err != nil {
			t.Fatalf("%s: %v", asks[at].request.Verb, err)
		}
	}
	t.Fatal("nothing was killed")
	return 0
}

// TestPaths walks every path without faults and carries out every verb twice. The second
// time nothing is written.
func TestPaths(t *testing.T) {
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			w := newWorld()
			for _, a := range p.asks {
				w.must(t, a)
				before := len(w.writes)
				w.must(t, a)
				if again := w.writes[before:]; len(again) > 0 {
					t.Errorf("%s for the second time wrote %q", a.request.Verb, again)
				}
			}
			w.expect(t, p.stable, p.weight)
		})
	}
}

// TestCrashPoints kills the process before and after every write of every path. Repeating
// the command brings the release to the same end, and a rejection always leaves no canary
// and no weight.
func TestCrashPoints(t *testing.T) {
	points := 0
	for _, p := range paths {
		undisturbed := newWorld()
		undisturbed.must(t, p.asks...)
		for n, write := range undisturbed.writes {
			for _, moment := range []string{"before", "after"} {
				points++
				t.Run(fmt.Sprintf("%s/%s %d %s", p.name, moment, n+1, write), func(t *testing.T) {
					kill := func() (*world, int) {
						w := newWorld()
						if moment == "before" {
							w.before = n + 1
						} else {
							w.after = n + 1
						}
						return w, w.dies(t, p.asks)
					}
					w, at := kill()
					w.must(t, p.asks[at:]...)
					w.expect(t, p.stable, p.weight)

					w, _ = kill()
					w.rejected(t, p.stable)
				})
			}
		}
	}
	t.Logf("%d crash points", points)
	if points < 200 {
		t.Errorf("only %d crash points; some write is no longer counted", points)
	}
}

// rejected rejects what a killed process left and checks the result. released is the
// version that is stable once promotion is done.
func (w *world) rejected(t *testing.T, released string) {
	t.Helper()
	before := w.state(t)
	_, err := w.do(t.Context(), reject())
	if nothing := before.Phase == rollout.None || before.Phase == rollout.Promoted; nothing != errors.As(err, new(RefusedError)) || !nothing && err != nil {
		t.Fatalf("reject in phase %q: %v", before.Phase, err)
	}
	after := w.state(t)
	for id := range w.objects {
		if id.Name != "shop" && id.Name != "key" {
			t.Errorf("%s is left behind after a rejection of phase %q", id, before.Phase)
		}
	}
	image := "shop:1"
	switch before.Phase {
	case rollout.Promoting: // it may have begun to replace stable
		image, _ = field(w.objects[stablePods], "spec", "template", "image").(string)
	case rollout.Retiring, rollout.Promoted:
		image = released
	}
	if got := field(w.objects[stablePods], "spec", "template", "image"); got != image || got == "shop:3" {
		t.Errorf("stable is %v after a rejection of phase %q", got, before.Phase)
	}
	if after.Phase.Active() || after.Weight != 0 {
		t.Errorf("phase %q and weight %d after a rejection of phase %q", after.Phase, after.Weight, before.Phase)
	}
	for _, fault := range w.faults {
		t.Error(fault)
	}
}

// TestWhatRan checks that a finished release still knows its images and who requested
// each step.
func TestWhatRan(t *testing.T) {
	w := newWorld()
	by := func(a ask, id string) ask {
		a.request.Run.ID = id
		return a
	}
	s := w.must(t, by(deploy("shop:2"), "1"), by(shift(5), "2"), by(promote(), "3"))
	want := []rollout.Image{{Workload: stablePods, Container: "web", Image: "shop:2"}}
	if !slices.Equal(s.Images, want) {
		t.Errorf("%+v, expected %+v", s.Images, want)
	}
	var request []string
	for _, e := range s.History {
		if (e.Run != rollout.Run{}) != (e.Kind == rollout.EventAsked) {
			t.Errorf("%s: %s by %+v", e.Kind, e.Text, e.Run)
		}
		if e.Kind == rollout.EventAsked {
			request = append(request, e.Run.ID)
		}
	}
	if strings.Join(request, " ") != "1 2 3" {
		t.Errorf("asked for by %v", request)
	}
}
