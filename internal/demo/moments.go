package demo

import (
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/releasefile"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/wiring"
)

// moments does what happens in a scenario, one after the other.
func (s *Session) moments(ctx context.Context) error {
	for _, m := range s.options.Scenario.Moments {
		for weight := -1; m.Weight > 0 && weight < m.Weight; {
			select {
			case weight = <-s.weights:
			case <-ctx.Done():
				return nil
			}
		}
		select {
		case <-time.After(time.Duration(m.Seconds / s.options.Speed * float64(time.Second))):
		case <-ctx.Done():
			return nil
		}
		if err := s.do(ctx, m.Do); err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrOver) || s.left() {
				return nil // the release is over, or has left its story
			}
			return err
		}
	}
	return nil
}

// Do does a deed of a visitor. From then on the scenario may end in any way. It returns an
// error if the deed is not possible, or not now.
func (s *Session) Do(ctx context.Context, d Deed) error {
	if err := s.do(ctx, d); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visited = true
	return nil
}

// left reports whether a visitor has changed the story.
func (s *Session) left() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.visited
}

func (s *Session) do(ctx context.Context, d Deed) error {
	switch d {
	case Kill:
		select {
		case s.killed <- struct{}{}:
			return nil
		case <-s.done:
			return ErrOver
		case <-ctx.Done():
			return ctx.Err()
		}
	case Interrupt:
		s.interrupt()
		return nil
	case Hold, Resume, Approve, Reject:
		return s.command(ctx, d)
	}
	return s.world.perform(d)
}

// visitor is who uses the demo.
const visitor = "you"

// Join connects another process to the cluster of the demo. The caller closes it.
func (s *Session) Join() (wiring.Hub, error) {
	p, err := s.world.start(func(rollout.Event) {})
	if err != nil {
		return wiring.Hub{}, err
	}
	return p.hub, nil
}

// command does what a person's command does, such as canarize hold, in a process of its own.
func (s *Session) command(ctx context.Context, d Deed) error {
	h, err := s.Join()
	if err != nil {
		return err
	}
	defer h.Close()
	if d == Reject {
		_, err = h.Do(ctx, shop, rollout.Request{Verb: rollout.Reject, Run: rollout.Run{Holder: visitor}, Reason: rollout.Reason{By: rollout.ByPerson}}, nil)
		return err
	}
	_, err = h.EditStatements(ctx, shop, "", func(_ rollout.State, said *rollout.Statements) error {
		now := time.Now().UTC()
		switch d {
		case Hold:
			said.HoldBy(rollout.Statement{Text: "held in the demo", By: visitor, At: now})
		case Resume:
			said.ResumeBy(rollout.Statement{Text: "ended in the demo", By: visitor, At: now})
		case Approve:
			said.Approve(rollout.Approval{Gate: releasefile.PromotionGate, By: visitor, At: now})
		}
		return nil
	})
	return err
}
