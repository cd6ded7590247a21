package demo

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/simulate/peer"
)

// play plays a scenario to its end.
func play(ctx context.Context, o Options) (Result, error) {
	s, err := Start(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer s.Close()
	<-s.Done()
	return s.Result()
}

// TestCrash plays the quickest scenario: every request to the new version fails, and the
// real engine takes it back. make scenarios plays all.
func TestCrash(t *testing.T) {
	s, _ := FindScenario("crash")
	var share int
	r, err := play(t.Context(), Options{Scenario: s, Speed: 2, Run: rollout.Run{Holder: "test"}, Emit: func(e rollout.Event) { share = max(share, e.Weight) }})
	if err != nil {
		t.Fatal(err)
	}
	if r.Problem != "" {
		t.Error(r.Problem)
	}
	if c := r.Seen.Canary; c.Requests == 0 || c.Failed != c.Requests {
		t.Errorf("the clients saw %+v", r.Seen)
	}
	if share != 5 || r.State.Judged == nil || r.State.Most != 5 {
		t.Errorf("the largest share is %d %% in the events and %d %% in the record", share, r.State.Most)
	}
	if len(r.Others) != 2 || r.Others[0].Weight != 20 || r.Others[0].Failed <= 0 {
		t.Errorf("other tools: %+v", r.Others)
	}
}

// TestClose: a demo that is left takes the traffic off and leaves no server behind.
func TestClose(t *testing.T) {
	exposed := make(chan struct{})
	expose := sync.OnceFunc(func() { close(exposed) })
	s, err := Start(context.Background(), Options{Scenario: Scenario{Name: "left"}, Run: rollout.Run{Holder: "test"}, Emit: func(e rollout.Event) {
		if e.Phase == rollout.Standing && e.Weight > 0 {
			expose()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	<-exposed
	s.Close()
	r, err := s.Result()
	if err != nil || r.Phase != rollout.Standing || r.State.Weight != 0 || s.weight() != 0 {
		t.Errorf("%v: %+v", err, r)
	}
	if pods := s.world.node.all(); len(pods) > 0 {
		t.Errorf("%d pods are left", len(pods))
	}
	if err := s.Do(context.Background(), Kill); err == nil {
		t.Error("a release that is over was killed")
	}
}

// TestGhosts: the others have their own weights, and go on with a version that nobody meets
// any more.
func TestGhosts(t *testing.T) {
	g := &ghosts{rules: []rule{fixed{20}}, all: []Ghost{{Tool: "other"}}}
	now := time.Unix(0, 0)
	g.observe(Seen{Stable: Counts{Requests: 100}}, now)
	g.observe(Seen{Stable: Counts{Requests: 190}, Canary: Counts{Requests: 10, Failed: 5}}, now.Add(time.Second))
	if g.all[0].Failed != 0 || g.all[0].Weight != 20 {
		t.Errorf("its weight begins with the canary: %+v", g.all[0])
	}
	g.observe(Seen{Stable: Counts{Requests: 280}, Canary: Counts{Requests: 20, Failed: 10}}, now.Add(2*time.Second))
	if g.all[0].Failed != 10 { // 20 % of 100 requests, of which half fail
		t.Errorf("%+v", g.all[0])
	}
	g.observe(Seen{Stable: Counts{Requests: 380}, Canary: Counts{Requests: 20, Failed: 10}}, now.Add(3*time.Second))
	if g.all[0].Failed != 20 {
		t.Errorf("no request met the canary: %+v", g.all[0])
	}
}

// TestGhostsEnd: Flagger's rules see more than 1 % of errors at every tick, and give up after
// the fifth; with a good version they promote at their largest weight.
func TestGhostsEnd(t *testing.T) {
	for failed, want := range map[int]GhostEnd{
		50: {Verdict: analysis.Reject, Seconds: 360, Failed: 360 * 100 * .05 * .5},
		0:  {Verdict: analysis.Promote, Seconds: 600},
	} {
		g := &ghosts{rules: []rule{peer.NewFlagger()}, all: []Ghost{{Tool: "Flagger"}}}
		now := time.Unix(0, 0)
		for second := range 3 {
			g.observe(Seen{Stable: Counts{Requests: 50 * (second + 1)}, Canary: Counts{Requests: 50 * (second + 1), Failed: failed / 2 * (second + 1)}}, now.Add(time.Duration(second)*time.Second))
		}
		e := g.end()[0].Ends
		if e == nil || e.Verdict != want.Verdict || math.Abs(e.Seconds-want.Seconds) > 60 || math.Abs(e.Failed-want.Failed) > want.Failed/5 {
			t.Errorf("%d %% fail: %+v, not %+v", failed, e, want)
		}
	}
}

// fixed keeps a weight.
type fixed struct{ weight float64 }

func (f fixed) Observe(analysis.Observation) analysis.Decision {
	return analysis.Decision{Verdict: analysis.Continue, Weight: f.weight}
}
