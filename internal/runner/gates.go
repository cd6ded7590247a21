package runner

import (
	"context"
	"maps"
	"sync"

	"github.com/canarize/canarize/internal/rollout"
)

// gates asks gates that are programs or URLs, each in the background.
type gates struct {
	keeper  Gatekeeper
	wake    func() // called when a gate has answered
	asking  context.Context
	cancel  context.CancelFunc
	working sync.WaitGroup

	mu       sync.Mutex
	answered map[string]rollout.Answer
}

func newGates(ctx context.Context, keeper Gatekeeper, wake func()) *gates {
	g := &gates{keeper: keeper, wake: wake, answered: map[string]rollout.Answer{}}
	g.asking, g.cancel = context.WithCancel(ctx)
	return g
}

func (g *gates) stop() {
	if g == nil {
		return
	}
	g.cancel()
	g.working.Wait()
}

// ask starts asking a gate.
func (g *gates) ask(gate rollout.Gate) {
	g.answer(gate.Name, rollout.Answer{Pending: true})
	g.working.Go(func() {
		by, err := g.keeper.Ask(g.asking, gate)
		switch {
		case g.asking.Err() != nil: // the release no longer needs the answer
			return
		case err != nil:
			g.answer(gate.Name, rollout.Answer{Refusal: err.Error()})
		default:
			g.answer(gate.Name, rollout.Answer{By: by})
		}
		g.wake()
	})
}

func (g *gates) answer(gate string, a rollout.Answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answered[gate] = a
}

// answers returns the answers so far, by the names of gates.
func (g *gates) answers() map[string]rollout.Answer {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.answered)
}
