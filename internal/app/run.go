package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/gate"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/watch"
)

// RunOptions say how a release is carried out to its end.
type RunOptions struct {
	Release rollout.Release     // how it is judged, what counts, and its gates
	Getenv  func(string) string // looks up secrets
	Environ func() []string     // of programs that are gates
	// Override goes on although the release is held, and Unverified although no gateway
	// can be asked for a share.
	Override, Unverified bool
	Version              string // of an analysis: the version that is meant; "" is any
}

// Check says why a release cannot be carried out as the options say.
func (o RunOptions) Check() error { return watch.Check(o.Release.Analysis) }

// Run carries a release out to its end, see runner.Runner.Run.
func (e *Engine) Run(ctx context.Context, release runner.Release, run rollout.Run, plan *rollout.Plan, o RunOptions) (rollout.State, error) {
	defer e.remember(ctx)()
	course, ended := e.course(release, o)
	defer ended()
	return e.runner.Run(ctx, release, run, plan, course)
}

// Analyze watches a release that stands, see runner.Runner.Analyze.
func (e *Engine) Analyze(ctx context.Context, release runner.Release, run rollout.Run, length time.Duration, o RunOptions) (rollout.State, error) {
	defer e.remember(ctx)()
	course, ended := e.course(release, o)
	defer ended()
	return e.runner.Analyze(ctx, release, run, course, length)
}

// Say leaves word to whoever works on a release, see runner.Runner.Say.
func (e *Engine) Say(ctx context.Context, release runner.Release, version string, change func(rollout.State, *rollout.Said) error) (rollout.State, error) {
	return e.runner.Say(ctx, release, version, change)
}

// User is how the API server knows whoever runs this process; "" where it does not say.
func (e *Engine) User(ctx context.Context) (string, error) {
	user, err := e.cluster.kube.User(ctx)
	if kube.IsForbidden(err) || kube.IsNotFound(err) {
		return "", nil
	}
	return user, err
}

func (e *Engine) course(release runner.Release, o RunOptions) (course runner.Course, ended func()) {
	var opened *Metrics
	keeper := gate.New(gate.Options{Release: release.Name, Namespace: release.Namespace, Environ: o.Environ, Wait: e.runner.Wait})
	ended = func() {
		keeper.Close()
		if opened != nil {
			opened.Close()
		}
	}
	course = runner.Course{
		First: int(o.Release.Analysis.Ramp.First()), Override: o.Override, Unverified: o.Unverified, Version: o.Version,
		Gates:      o.Release.Gates,
		Gatekeeper: gatekeeper{keeper},
		Watch: func(ctx context.Context, plan rollout.Plan, s rollout.State) (runner.Watcher, error) {
			var err error
			if opened, err = e.OpenMetrics(ctx, plan, o.Release.Metrics, o.Getenv); err != nil {
				return nil, err
			}
			return e.watcher(opened, o.Release, s)
		},
	}
	return course, ended
}

// gatekeeper asks gates, and names whom it asked.
type gatekeeper struct{ *gate.Keeper }

// Ask implements runner.Gatekeeper.
func (g gatekeeper) Ask(ctx context.Context, asked rollout.Gate) (by string, err error) {
	if len(asked.Exec) > 0 {
		by = "program " + filepath.Base(asked.Exec[0])
	} else if u, err := url.Parse(asked.HTTP); err == nil {
		by = u.Host
	}
	return by, g.Keeper.Ask(ctx, asked)
}

// watcher watches a release by an open metric source.
func (e *Engine) watcher(opened *Metrics, release rollout.Release, s rollout.State) (runner.Watcher, error) {
	var reader *metric.Reader
	interval := time.Duration(release.Analysis.Interval * float64(time.Second))
	options := watch.Options{
		Analysis: release.Analysis, Judged: s.Judged, Every: interval,
		Open: func(begin time.Time) watch.Counter {
			reader = opened.Reader(begin)
			return reader
		},
		Now: e.runner.Now, Wait: e.runner.Wait,
	}
	switch release.Metrics.Source {
	case "", metric.Emissary: // a tunnel that is open already costs the API server nothing
		options.Every = min(interval, time.Second)
	case metric.Prometheus, metric.AzureMonitor:
		options.History = func(ctx context.Context, begin time.Time) ([]analysis.Observation, error) {
			return reader.History(ctx, begin, historyLength, interval)
		}
	}
	w, err := watch.New(options)
	if err != nil {
		return nil, fmt.Errorf("the evidence of an earlier process: %w", err)
	}
	return w, nil
}

// historyLength is from how long before a release the judge learns what is usual.
const historyLength = 30 * time.Minute

// Listen implements runner.Inbox.
func (c *cluster) Listen(ctx context.Context, id manifest.ID, hear func(map[string]string)) {
	last := ""
	err := c.kube.Watch(ctx, kube.Ref(id), func(object map[string]any) (bool, error) {
		meta, _ := object["metadata"].(map[string]any)
		written, _ := meta["annotations"].(map[string]any)
		said := map[string]string{}
		for _, key := range []string{rollout.HoldAnnotation, rollout.ApproveAnnotation, rollout.RejectAnnotation} {
			if text, found := written[key].(string); found {
				said[key] = text
			}
		}
		if now := fmt.Sprint(said); now != last {
			last = now
			hear(said)
		}
		return false, nil
	})
	if ctx.Err() == nil {
		c.emit("what people say about the release is not heard any more: %v", err)
	}
}

// Annotate implements runner.Inbox.
func (c *cluster) Annotate(ctx context.Context, id manifest.ID, version string, annotations map[string]string) error {
	err := c.kube.Annotate(ctx, kube.Ref(id), annotations, version, kube.Write{DryRun: c.dryRun})
	switch {
	case kube.IsNotFound(err):
		return nil
	case errors.Is(err, kube.ErrChanged):
		return fmt.Errorf("%w: %w", runner.ErrChanged, err)
	}
	return err
}
