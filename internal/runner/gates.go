package runner

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/canarize/canarize/internal/rollout"
)

// gates stand in the way of a run.
type gates struct {
	*session
	keeper  Gatekeeper
	shut    []rollout.Gate
	asked   string     // the gate that is being asked, or was told to be waited for
	answer  chan error // its answer
	asking  context.Context
	cancel  context.CancelFunc
	working sync.WaitGroup
}

// gates are those that a run has not passed yet: a weight that was reached before
// needs none.
func (s *session) gates(ctx context.Context, course Course) *gates {
	g := &gates{session: s, keeper: course.Gatekeeper}
	for _, gate := range course.Gates {
		if gate.Weight == 0 || gate.Weight > s.state.Weight {
			g.shut = append(g.shut, gate)
		}
	}
	g.asking, g.cancel = context.WithCancel(ctx)
	return g
}

func (g *gates) stop() {
	g.cancel()
	g.working.Wait()
}

// open says whether all gates before something that is asked for agree, or why one
// refuses it. It does not wait: gates are asked one after the other, meanwhile.
func (g *gates) open(asked rollout.Asked, approved []string) (bool, error) {
	for {
		at := slices.IndexFunc(g.shut, func(gate rollout.Gate) bool { return gate.Guards(asked) })
		if at < 0 {
			return true, nil
		}
		agrees, err := g.agrees(g.shut[at], approved)
		if err != nil || !agrees {
			return false, err
		}
		g.progress("gate %s agrees to %s", g.shut[at].Name, g.shut[at].Before())
		g.shut, g.asked, g.answer = slices.Delete(g.shut, at, at+1), "", nil
	}
}

func (g *gates) agrees(gate rollout.Gate, approved []string) (bool, error) {
	if gate.Manual {
		if slices.Contains(approved, gate.Name) {
			return true, nil
		}
		if g.first(gate) {
			g.next(rollout.Awaited{Text: fmt.Sprintf("waiting for gate %s before %s; canarize approve %s %s -n %s lets it pass", gate.Name, gate.Before(), g.release.Name, gate.Name, g.release.Namespace)})
		}
		return false, nil
	}
	if g.first(gate) {
		g.progress("waiting for gate %s before %s", gate.Name, gate.Before())
		g.answer = make(chan error, 1)
		answer := g.answer
		g.working.Go(func() { answer <- g.keeper.Ask(g.asking, gate) })
	}
	select {
	case err := <-g.answer:
		if err != nil {
			return false, fmt.Errorf("gate %s refuses %s: %w", gate.Name, gate.Before(), err)
		}
		return true, nil
	default:
		return false, nil
	}
}

// first says whether a gate was not waited for until now.
func (g *gates) first(gate rollout.Gate) bool {
	if g.asked == gate.Name {
		return false
	}
	g.asked = gate.Name
	return true
}
