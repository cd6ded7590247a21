package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/rollout"
)

// Mark stores what the decision on a release that is over turned out to be. Number 0 is
// the last one that is over. A nil mark removes an earlier one. It returns the release, and
// whether the mark is new. A process that works on the next release goes on: it takes over
// the mark when it stores its state.
func (r *Runner) Mark(ctx context.Context, release Release, number int, mark *rollout.Mark) (past rollout.Past, changed bool, err error) {
	for n := 1; ; n++ {
		record, err := r.Store.Load(ctx, release.Namespace, release.Name)
		if err != nil {
			return past, false, err
		}
		if record.Version == "" {
			return past, false, RefusedError{&rollout.Refusal{Code: rollout.RefusedNotOver, Number: number}}
		}
		if past, changed, err = record.mark(number, mark); err != nil || !changed {
			return past, false, inRelease(release, err)
		}
		_, err = r.Store.Save(ctx, release.Namespace, release.Name, record)
		if !errors.Is(err, ErrChanged) || n == maxAttempts {
			return past, err == nil, err
		}
	}
}

// mark marks a release in the history of the record.
func (r *Record) mark(number int, mark *rollout.Mark) (past rollout.Past, changed bool, err error) {
	state, err := rollout.ParseState(r.State)
	if err != nil {
		return past, false, RecordError{err}
	}
	history, err := rollout.HistoryOf(r.History, state)
	if err != nil {
		return past, false, RecordError{err}
	}
	past, err = history.Find(number, state)
	var refusal *rollout.Refusal
	if errors.As(err, &refusal) {
		return past, false, RefusedError{refusal}
	}
	history, changed = history.WithMark(past.Number, mark)
	if !changed {
		return past, false, nil
	}
	if past, err = history.Find(past.Number, state); err != nil {
		return past, false, err
	}
	r.History, err = history.Pack()
	return past, true, err
}

func inRelease(release Release, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("release %s: %w", release, err)
}
