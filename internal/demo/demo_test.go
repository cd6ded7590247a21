package demo

import (
	"context"
	"sync"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
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
