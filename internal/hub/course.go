package hub

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/gate"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/watch"
)

// RunOptions configures a run, which carries a release out to its end.
type RunOptions struct {
	Analysis analysis.Config
	Metrics  metric.Config // the metric source and its queries
	Gates    []rollout.Gate
	Getenv   func(string) string // looks up secrets
	Environ  func() []string     // of programs that are gates
	// Override continues although the release is held. Unverified continues although no
	// gateway can verify a share.
	Override, Unverified bool
	Unchanged            bool   // release although nothing changes, see runner.ErrEqual
	Version              string // for an analysis: the expected version; "" means any
}

// Check returns an error if a release cannot be carried out with the options.
func (o RunOptions) Check() error { return watch.Check(o.Analysis) }

// Run carries out a release to its end, see runner.Runner.Run.
func (h *Hub) Run(ctx context.Context, release runner.Release, run rollout.Run, plan *rollout.Plan, o RunOptions) (rollout.State, error) {
	w := h.work(ctx, release)
	defer w.end()
	course, ended := h.course(w, release, o)
	defer ended()
	return w.runner.Run(ctx, release, run, plan, course)
}

// Analyze watches a standing release, see runner.Runner.Analyze.
func (h *Hub) Analyze(ctx context.Context, release runner.Release, run rollout.Run, length time.Duration, o RunOptions) (rollout.State, error) {
	w := h.work(ctx, release)
	defer w.end()
	course, ended := h.course(w, release, o)
	defer ended()
	return w.runner.Analyze(ctx, release, run, course, length)
}

func (h *Hub) course(w *work, release runner.Release, o RunOptions) (course runner.Course, ended func()) {
	var opened *metric.Opened
	var restarted *restarts
	keeper := gate.New(gate.Options{Release: release.Name, Namespace: release.Namespace, Environ: o.Environ, Wait: w.runner.Wait})
	ended = func() {
		keeper.Close()
		if opened != nil {
			opened.Close()
			restarted.Close()
		}
	}
	course = runner.Course{
		First: int(o.Analysis.Ramp.First()), Override: o.Override, Unverified: o.Unverified, Unchanged: o.Unchanged, Version: o.Version,
		Gates:      o.Gates,
		Gatekeeper: gatekeeper{keeper},
		Watch: func(ctx context.Context, plan rollout.Plan, s rollout.State) (runner.Watcher, error) {
			var err error
			if opened, err = h.open(ctx, Opening{Cluster: w.kube, Router: w.router, Plan: plan, Config: o.Metrics, Getenv: o.Getenv}); err != nil {
				return nil, err
			}
			restarted = followRestarts(w.kube, plan)
			return w.watcher(opened, restarted, o, s)
		},
	}
	return course, ended
}

// gatekeeper calls gates and names the program or host that it called.
type gatekeeper struct{ *gate.Keeper }

// Ask implements runner.Gatekeeper.
func (g gatekeeper) Ask(ctx context.Context, called rollout.Gate) (by string, err error) {
	if len(called.Exec) > 0 {
		by = "program " + filepath.Base(called.Exec[0])
	} else if u, err := url.Parse(called.HTTP); err == nil {
		by = u.Host
	}
	return by, g.Keeper.Ask(ctx, called)
}

// watcher returns a watcher that reads an open metric source and counts restarts.
func (w *work) watcher(opened *metric.Opened, restarted *restarts, o RunOptions, s rollout.State) (runner.Watcher, error) {
	var reader *metric.Reader
	interval := time.Duration(o.Analysis.Interval * float64(time.Second))
	options := watch.Options{
		Analysis: o.Analysis, Source: string(o.Metrics.Source), Judged: s.Judged, Every: interval,
		Open: func(begin time.Time) watch.Counter {
			reader = opened.Reader(begin)
			if s.Judged != nil {
				for _, m := range s.Judged.Metrics {
					reader.Tracker.KeepPart(m.Name)
				}
			}
			restarted.Counter = reader
			return restarted
		},
		Now: w.runner.Now, Wait: w.runner.Wait,
	}
	if opened.Every > 0 {
		options.Every = min(interval, opened.Every)
	}
	if opened.Remembers {
		options.History = func(ctx context.Context, begin time.Time) ([]analysis.Observation, error) {
			return reader.History(ctx, begin, historyLength, interval)
		}
	}
	watcher, err := watch.New(options)
	if err != nil {
		return nil, fmt.Errorf("the recorded evidence of an earlier process: %w", err)
	}
	return watcher, nil
}

// historyLength is how much time before a release the judge learns from.
const historyLength = 30 * time.Minute
