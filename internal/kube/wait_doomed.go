package kube

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/readiness"
)

// doomedError ends the wait for an object whose pods cannot become ready by themselves.
type doomedError struct{ why string }

func (e doomedError) Error() string { return e.why }

// remembering returns a trouble with what it said earlier.
func (w *waiter) remembering(t readiness.Trouble) readiness.Trouble {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, before := range w.progress.Troubles {
		t = t.Remembering(before)
	}
	return t
}

// giveUpLater ends the wait as soon as a trouble has lasted long enough. It needs the mutex.
func (w *waiter) giveUpLater() { w.lasting.observe(w.doomed(), w.giveUp) }

// doomed returns the troubles of pods that do not pass by themselves. Pods of an older
// version do not count, and there are none while a pod of the newest version is ready: it
// shows that the version can run. It needs the mutex.
func (w *waiter) doomed() (all []readiness.Trouble) {
	newest := readiness.Newest(w.pods)
	if !w.rolling || slices.ContainsFunc(newest, readiness.Ready) {
		return nil
	}
	for _, p := range newest {
		t, found := readiness.PodTrouble(p)
		for _, known := range w.progress.Troubles {
			if t.Resembles(known) {
				t = known // with what it said earlier
			}
		}
		if _, lasts := t.Lasting(); found && lasts {
			all = append(all, t)
		}
	}
	return all
}

// lasting measures how long troubles have lasted. The mutex of its waiter guards it.
type lasting struct {
	since []lastingTrouble
	timer *time.Timer
}

type lastingTrouble struct {
	readiness.Trouble
	at time.Time
}

// observe starts the time of new troubles, forgets those that have passed, and calls giveUp
// as soon as one has lasted long enough.
func (l *lasting) observe(now []readiness.Trouble, giveUp context.CancelCauseFunc) {
	if l.timer != nil {
		l.timer.Stop()
	}
	before := l.since
	l.since = nil
	var first time.Duration
	why := ""
	for _, t := range now {
		began := time.Now()
		if i := slices.IndexFunc(before, func(b lastingTrouble) bool { return t.Resembles(b.Trouble) }); i >= 0 {
			began = before[i].at
		}
		l.since = append(l.since, lastingTrouble{t, began})
		after, _ := t.Lasting()
		if left := after - time.Since(began); why == "" || left < first {
			first, why = left, givenUp(t, after)
		}
	}
	if why != "" {
		l.timer = time.AfterFunc(max(first, 0), func() { giveUp(doomedError{why}) })
	}
}

// givenUp says why a wait ends.
func givenUp(t readiness.Trouble, after time.Duration) string {
	if t.Reason == "CrashLoopBackOff" {
		return fmt.Sprintf("given up after %d restarts", t.Restarts)
	}
	return fmt.Sprintf("given up after %s, because this does not pass by itself", after)
}
