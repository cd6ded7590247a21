package hub_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// cost holds the largest cost of all releases together at any moment.
type cost struct {
	goroutines int
	heap       uint64 // bytes, including the cluster in memory
	watches    int    // of any kind in a namespace
	tunnels    int    // opened to any gateway pod
	readings   int    // of any page of a gateway pod, within a second
	requests   int    // in total
}

// TestManyReleases: releases begin and end in any order in one process. Each comes to
// its end and leaves nothing behind. Their common cost in tunnels, page reads and
// watches does not grow with their number. docs/measured.md shows what it logs.
func TestManyReleases(t *testing.T) {
	for _, releases := range []int{1, 20, 200} {
		t.Run(fmt.Sprint(releases), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := carryOut(t, releases, 7)
				t.Logf("%d releases: %d goroutines, %d tunnels to a gateway pod, %d readings of a page within a second, %d watches of a kind, %.1f MB, %.0f requests each",
					releases, c.goroutines, c.tunnels, c.readings, c.watches, float64(c.heap)/1e6, float64(c.requests)/float64(releases))
				// A page is mostly read twice in a second. In which order releases act that
				// do so at the same instant is not fixed, and it can cost some readings more;
				// their number does not grow with that of the releases.
				if c.tunnels != 1 || c.readings > 8 || c.watches > 20 {
					t.Errorf("%+v", c)
				}
			})
		})
	}
}

// carryOut carries out many releases, a third of them with a bad version.
func carryOut(t *testing.T, releases int, seed uint64) cost {
	w := newWorld(t, releases)
	random := rand.New(rand.NewPCG(seed, 1))
	var all sync.WaitGroup
	for n := range releases {
		wait := time.Duration(random.IntN(20_000)) * time.Millisecond
		image, want := "good:2", rollout.Promoted
		if n%3 == 1 {
			image, want = "bad:2", rollout.Rejected
		}
		steps := []analysis.Step{{Weight: 5, Hold: float64(random.IntN(10))}, {Weight: 50, Hold: 5}}
		all.Go(func() {
			time.Sleep(wait)
			if s, err := w.run(t.Context(), n, image, steps...); s.Phase != want || err != nil {
				t.Errorf("%s: %s instead of %s, error %v", nameOf(n), s.Phase, want, err)
			}
		})
	}
	c := w.follow(&all)
	w.gateways.Close()
	synctest.Wait() // synctest.Test itself fails if a goroutine is left
	if left := w.Watches(); len(left) > 0 {
		t.Errorf("watches without users: %v", left)
	}
	if left := len(w.Under(mappingsPath)) + len(w.Under(deploymentsPath)); left != 2*releases {
		t.Errorf("%d Mappings and Deployments for %d applications", left, releases)
	}
	return c
}

// follow measures the cost every second until all releases have ended.
func (w *world) follow(all *sync.WaitGroup) cost {
	var c cost
	done := make(chan struct{})
	go func() {
		defer close(done)
		all.Wait()
	}()
	for second := 0; ; second++ {
		select {
		case <-done:
			c.readings, c.requests = w.mostIn(time.Second), w.Count("")
			for _, n := range w.tunnels {
				c.tunnels = max(c.tunnels, n)
			}
			return c
		case <-time.After(time.Second):
		}
		c.goroutines = max(c.goroutines, runtime.NumGoroutine())
		for _, n := range w.Watches() {
			c.watches = max(c.watches, n)
		}
		if second%10 == 5 {
			var memory runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&memory)
			c.heap = max(c.heap, memory.HeapInuse)
		}
	}
}

// TestOneEndsBeforeAnother: a release continues after an earlier one has ended, and a
// third one can begin. In an earlier version, all watches ended with the release that
// had started them.
func TestOneEndsBeforeAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		type result struct {
			rollout.State
			err error
		}
		begin := func(ctx context.Context, n int) <-chan result {
			ended := make(chan result, 1)
			go func() {
				s, err := w.run(ctx, n, "good:2", analysis.Step{Weight: 5, Hold: 1000})
				ended <- result{s, err}
			}()
			time.Sleep(20 * time.Second)
			return ended
		}
		interrupted, interrupt := context.WithCancelCause(t.Context())
		a := begin(interrupted, 0)
		b := begin(t.Context(), 1)
		interrupt(errors.New("interrupted"))
		r := <-a
		mapping := w.Get(mappingsPath + nameOf(0) + "-canary")
		if weight := mapping["spec"].(values)["weight"]; r.err == nil || weight != 0. {
			t.Errorf("the first: weight %v, %v", weight, r.err)
		}
		before := len(w.Requests())
		time.Sleep(30 * time.Second)
		if requests := w.requestsFrom(before); len(requests) > 0 {
			t.Errorf("requests of the second after the end of the first: %q", requests)
		}
		_, err := w.another(t).EditStatements(t.Context(), runner.Release{Namespace: "shop", Name: nameOf(1)}, "", func(_ rollout.State, said *rollout.Statements) error {
			said.Rejected = &rollout.Statement{Text: "no", At: time.Now()}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		spoken := time.Now()
		if r := <-b; r.err != nil || r.Phase != rollout.Rejected || time.Since(spoken) > 30*time.Second {
			t.Errorf("the second: %s after %s, %v", r.Phase, time.Since(spoken), r.err)
		}
		third := func(w *world) []string {
			before := len(w.Requests())
			if s, err := w.run(t.Context(), 2, "good:2", analysis.Step{Weight: 5, Hold: 5}); err != nil || s.Phase != rollout.Promoted {
				t.Errorf("the third: %s, %v", s.Phase, err)
			}
			return w.requestsFrom(before)
		}
		alone := newWorld(t, 3)
		defer alone.gateways.Close()
		if behind, alone := third(w), third(alone); len(behind) > len(alone) {
			t.Errorf("with other releases, the third needs more requests than alone: %q instead of %q", behind, alone)
		}
		w.gateways.Close()
		synctest.Wait()
		if left := w.Watches(); len(left) > 0 {
			t.Errorf("watches without users: %v", left)
		}
	})
}
