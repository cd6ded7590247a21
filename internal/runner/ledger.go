package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/rollout"
)

// ledger is the record of a release as this process knows it.
type ledger struct {
	*Runner
	release     Release
	record      Record
	known       rollout.State // the state of record
	knownPlan   []byte        // the stored plan; that of record may be the next one
	maybeStored []byte        // a state whose write failed; it may have been stored all the same
	raising     bool          // the state being stored gives the canary more traffic, or promotes it
	onMark      func()        // called when the record's mark changed: there are new statements; may be nil
}

// RecordError reports that the record of a release cannot be read. The canary's objects
// can still be found by label.
type RecordError struct{ Err error }

func (e RecordError) Error() string { return e.Err.Error() }
func (e RecordError) Unwrap() error { return e.Err }

// read returns the stored state and plan; the zero values if nothing is stored.
func (l *ledger) read(ctx context.Context) (state rollout.State, plan rollout.Plan, err error) {
	record, err := l.Store.Load(ctx, l.release.Namespace, l.release.Name)
	if err != nil || record.Version == "" {
		return state, plan, err
	}
	state, err = rollout.ParseState(record.State)
	if err != nil {
		return state, plan, RecordError{fmt.Errorf("release %s: %w", l.release, err)}
	}
	if len(record.Plan) > 0 {
		if plan, err = rollout.Unpack(record.Plan); err != nil {
			return state, plan, RecordError{fmt.Errorf("release %s: %w", l.release, err)}
		}
	}
	l.record, l.known, l.knownPlan = record, state, record.Plan
	return state, plan, nil
}

// store stores a state if it differs from the stored one.
func (l *ledger) store(ctx context.Context, state rollout.State) error {
	text, err := json.Marshal(state)
	if err != nil || bytes.Equal(text, l.record.State) || state.Phase == rollout.None {
		return err
	}
	record := Record{Version: l.record.Version, State: text, Plan: l.record.Plan, Said: l.record.Said, History: rollout.Remember(l.record.History, l.known, state)}
	if !state.Phase.Active() {
		record.Plan = nil // there is nothing left to promote
	}
	version, err := l.Store.Save(ctx, l.release.Namespace, l.release.Name, record)
	if errors.Is(err, ErrChanged) {
		version, err = l.storeAgain(ctx, &record, state, err)
	}
	if errors.Is(err, errNewStatements) {
		return err
	}
	if err != nil {
		l.maybeStored = text
		return fmt.Errorf("release %s: %w", l.release, err)
	}
	record.Version = version
	l.record, l.known, l.knownPlan, l.maybeStored = record, state, record.Plan, nil
	return nil
}

// storeAgain retries a write after a version conflict, if the stored content is this
// process's own: as it last stored it, or as left by an interrupted write that succeeded
// after all. Others may have marked the record to say that there are new statements, which
// have to be read before anything is raised, or may have marked an earlier release.
func (l *ledger) storeAgain(ctx context.Context, record *Record, state rollout.State, refused error) (version string, err error) {
	for n := 1; ; n++ { // every mark changes the version of the record
		stored, err := l.Store.Load(ctx, l.release.Namespace, l.release.Name)
		if err != nil {
			return "", errors.Join(refused, err)
		}
		if !l.wrote(stored, record.State) {
			if stored.Version == "" {
				return "", ErrRecordGone
			}
			return "", refused
		}
		if stored.Said != l.record.Said {
			l.record.Said, l.record.Version, l.record.State, l.record.History = stored.Said, stored.Version, stored.State, stored.History
			if l.onMark != nil {
				l.onMark()
			}
			if l.raising {
				return "", errNewStatements
			}
		}
		record.Version, record.Said, record.History = stored.Version, stored.Said, rollout.Remember(stored.History, l.known, state)
		version, err = l.Store.Save(ctx, l.release.Namespace, l.release.Name, *record)
		if !errors.Is(err, ErrChanged) || n == maxAttempts {
			return version, err
		}
	}
}

// wrote reports whether this process wrote the stored content: as it last stored it, or in
// a write whose answer was lost. now is the state that it is storing.
func (l *ledger) wrote(stored Record, now []byte) bool {
	if bytes.Equal(stored.State, l.record.State) && bytes.Equal(stored.Plan, l.knownPlan) {
		return true
	}
	return len(stored.State) > 0 && (bytes.Equal(stored.State, now) || l.maybeStored != nil && bytes.Equal(stored.State, l.maybeStored))
}

// errNewStatements reports that somebody made a statement before the state was stored.
var errNewStatements = errors.New("there are new statements about the release")

// ErrRecordGone reports that somebody deleted the record while a process worked on the
// release.
var ErrRecordGone = errors.New("somebody deleted the record of the release")
