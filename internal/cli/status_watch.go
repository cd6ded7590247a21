package cli

import (
	"context"
	"fmt"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/survey"
	"github.com/canarize/canarize/internal/wiring"
)

// watch shows the state of releases until it is interrupted.
func (f *engineFlags) watch(ctx context.Context, engine wiring.Hub, namespace, name string, streams Streams) error {
	b := f.board(streams, name != "")
	defer b.Close()
	view := watchView{show: func(all []report.Status, pods map[manifest.ID]report.Pods) error {
		if f.output != "" {
			return f.show(streams, all, name != "")
		}
		return b.Show(all, pods)
	}, pods: map[manifest.ID]report.Pods{}, followed: map[manifest.ID]bool{}}
	ctx, stop := context.WithCancel(ctx)
	err := survey.WatchReleases(ctx, engine.Cluster(), namespace, name, func(releases []survey.Recorded) (bool, error) {
		all := statuses(releases)
		if name != "" && f.output == "" && isTerminal(streams.Out) {
			view.follow(ctx, engine, all)
		}
		return false, view.update(func() { view.all = all })
	})
	interrupted := ctx.Err() != nil
	stop()
	view.following.Wait()
	if interrupted {
		return exitError{code: exitInterrupted, err: fmt.Errorf("interrupted"), settled: true}
	}
	return foreign(err)
}

// board returns a board on stdout.
func (f *engineFlags) board(streams Streams, single bool) *report.Board {
	style, height := report.Style{Format: report.Lines, Escape: oneLine}, 0
	if isTerminal(streams.Out) && os.Getenv("TERM") != "dumb" {
		style.Format = report.Terminal
		style.Width, height, _ = term.GetSize(int(streams.Out.(*os.File).Fd())) // 0 if unknown
	}
	return report.NewBoard(streams.Out, style, height, single)
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
