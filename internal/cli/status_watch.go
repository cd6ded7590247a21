package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/survey"
	"github.com/canarize/canarize/internal/wiring"
)

// following says how releases are followed, and until when.
type following struct {
	watch, wait bool
	length      time.Duration // 0 for no limit
}

func (h following) check(name string) error {
	switch {
	case h.wait && name == "":
		return errors.New("--wait: name the release to wait for; canarize status lists them")
	case h.length < 0:
		return fmt.Errorf("--for %s: expected a duration from 0", h.length)
	case h.length > 0 && !h.wait && !h.watch:
		return fmt.Errorf("--for %s: needs --watch or --wait", h.length)
	}
	return nil
}

// Reasons to end.
var (
	errUnread  = fmt.Errorf("stdout has no reader any more: %w", syscall.EPIPE)
	errTimeOut = errors.New("the time of --for is over")
)

// follow shows the state of releases until the one with a name has ended, or until it is
// interrupted.
func (f *engineFlags) follow(ctx context.Context, engine wiring.Hub, namespace, name string, how following, streams Streams) error {
	view, done := f.view(how, name != "", streams)
	defer done()
	following, stop := context.WithCancelCause(ctx)
	if how.length > 0 {
		timer := time.AfterFunc(how.length, func() { stop(errTimeOut) })
		defer timer.Stop()
	}
	var reader sync.WaitGroup
	reader.Go(func() { awaitUnread(following, streams.Out, func() { stop(errUnread) }) })
	var last []survey.Recorded
	err := survey.WatchReleases(following, engine.Cluster(), namespace, name, func(releases []survey.Recorded) (bool, error) {
		all := statuses(releases)
		if name != "" && f.output == "" && how.watch && isTerminal(streams.Out) {
			view.follow(following, engine, all)
		}
		last = releases
		if name != "" && len(all) == 0 && how.wait {
			return true, nil
		}
		return name != "" && len(all) > 0 && how.over(all[0]), view.update(func() { view.all = all })
	})
	cause := context.Cause(following)
	stop(nil)
	reader.Wait() // the caller may close the output
	view.following.Wait()
	done()
	switch {
	case ctx.Err() != nil:
		return exitError{code: exitInterrupted, err: errors.New("interrupted"), settled: true}
	case errors.Is(cause, errUnread), errors.Is(err, syscall.EPIPE):
		return exitError{code: exitOutside, err: errUnread, settled: true}
	case errors.Is(cause, errTimeOut):
		return exitError{code: exitHeld, err: fmt.Errorf("%w, and the release has not ended", errTimeOut), settled: true}
	case err != nil:
		return foreign(err)
	case len(last) == 0:
		return f.mustExist(ctx, engine, namespace, name)
	}
	return f.ended(last[0], how, streams)
}

// over reports whether there is nothing to wait for any more.
func (h following) over(s report.Status) bool {
	if s.Error != "" {
		return h.wait
	}
	return !s.Phase.Active() || s.Parked() || h.wait && (s.Held != "" || s.Abandoned())
}

// ended turns the end of a release into an exit code, and after a silent wait shows it.
func (f *engineFlags) ended(r survey.Recorded, how following, streams Streams) error {
	s := statuses([]survey.Recorded{r})[0]
	if !how.watch {
		if err := f.printStatus(streams, s); err != nil {
			return err
		}
	}
	switch {
	case s.Error != "":
		return outside(fmt.Errorf("release %s: %s", r.Release, s.Error))
	case s.Phase == rollout.Promoted:
		return nil
	case s.Phase == rollout.Rejected || s.Parked():
		return rejected(r.Release, r.State)
	}
	return exitError{exitHeld, errors.New(""), true} // the status that was shown says why
}

// view returns what shows releases, and a function that ends it.
func (f *engineFlags) view(how following, single bool, streams Streams) (*watchView, func()) {
	w := &watchView{pods: map[manifest.ID]report.Pods{}, followed: map[manifest.ID]bool{}}
	switch {
	case !how.watch:
		w.show = func([]report.Status, map[manifest.ID]report.Pods) error { return nil }
	case f.output != "":
		w.show = func(all []report.Status, _ map[manifest.ID]report.Pods) error { return f.show(streams, all, single) }
	default:
		b := f.board(streams, single)
		w.show = b.Show
		return w, sync.OnceFunc(b.Close)
	}
	return w, func() {}
}

// board returns a board on stdout.
func (f *engineFlags) board(streams Streams, single bool) *report.Board {
	style, height := report.Style{Format: report.Lines, Escape: oneLine}, 0
	if isTerminal(streams.Out) && os.Getenv("TERM") != "dumb" {
		style.Format, style.Color = report.Terminal, f.colored()
		style.Width, height, _ = term.GetSize(int(streams.Out.(*os.File).Fd())) // 0 if unknown
	}
	return report.NewBoard(streams.Out, style, height, single)
}

// colored reports whether a terminal gets colors.
func (f *engineFlags) colored() bool {
	return f.color == "always" || f.color != "never" && os.Getenv("NO_COLOR") == ""
}

// watchView is the last known state of releases and their canaries' pods.
type watchView struct {
	show      func([]report.Status, map[manifest.ID]report.Pods) error
	followed  map[manifest.ID]bool
	following sync.WaitGroup

	mu   sync.Mutex
	all  []report.Status
	pods map[manifest.ID]report.Pods
}

func (w *watchView) update(change func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	return w.show(w.all, w.pods)
}

// follow starts to watch the pods of canaries that it does not watch yet. Pods that the
// user may not read are not shown.
func (w *watchView) follow(ctx context.Context, engine wiring.Hub, all []report.Status) {
	for _, s := range all {
		for _, id := range s.Objects {
			if w.followed[id] || !survey.HasPods(id) {
				continue
			}
			w.followed[id] = true
			w.following.Go(func() {
				_ = survey.WatchPods(ctx, engine.Cluster(), id, func(p report.Pods, there bool) error { // without permission, show the releases without pods
					return w.update(func() {
						if delete(w.pods, id); there {
							w.pods[id] = p
						}
					})
				})
			})
		}
	}
}
