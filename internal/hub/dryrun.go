package hub

import (
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/runner"
)

// rehearse makes the work a dry run: it writes nothing, takes no lock, and waits for
// nothing.
func (w *work) rehearse(o Options) {
	w.dryRun = o.DryRun
	w.router = o.Router(dryRoutes{w.cluster})
	w.runner.Objects, w.runner.Workloads = dryObjects{w.cluster}, dryWorkloads{w.cluster}
	w.runner.Examiner = nil
	w.runner.Store, w.runner.Lock, w.runner.Router = dryStore{w.cluster}, dryLock{w.cluster}, dryRouting(w.router)
	w.runner.Wait = func(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) }
}

// dryObjects marks every change as a dry run.
type dryObjects struct{ *cluster }

// Apply implements runner.Objects.
func (d dryObjects) Apply(ctx context.Context, objects []map[string]any, how runner.Apply) ([]runner.Result, error) {
	changes, err := d.cluster.Apply(ctx, objects, how)
	return marked(changes), err
}

// Delete implements runner.Objects.
func (d dryObjects) Delete(ctx context.Context, ids []manifest.ID, labels map[string]string) ([]runner.Result, error) {
	changes, err := d.cluster.Delete(ctx, ids, labels)
	return marked(changes), err
}

func marked(changes []runner.Result) []runner.Result {
	for i := range changes {
		changes[i].What += " (dry run)"
	}
	return changes
}

// dryWorkloads waits for nothing.
type dryWorkloads struct{ *cluster }

// Ready implements runner.Workloads.
func (dryWorkloads) Ready(context.Context, []manifest.ID, time.Duration) error { return nil }

// SetReplicas implements runner.Workloads. An object that a dry run would have created
// does not exist.
func (d dryWorkloads) SetReplicas(ctx context.Context, id manifest.ID, n int) error {
	err := d.cluster.SetReplicas(ctx, id, n)
	if kube.IsNotFound(err) {
		return nil
	}
	return err
}

// dryStore stores nothing.
type dryStore struct{ *cluster }

// Save implements runner.Store.
func (dryStore) Save(context.Context, string, string, runner.Record) (string, error) {
	return "dry run", nil
}

// dryLock takes no lock.
type dryLock struct{ *cluster }

// Acquire implements runner.Lock.
func (dryLock) Acquire(ctx context.Context, _, _, _ string) (runner.Hold, error) {
	return noHold{ctx}, nil
}

type noHold struct{ ctx context.Context }

func (h noHold) Context() context.Context     { return h.ctx }
func (noHold) Sure(ctx context.Context) error { return ctx.Err() }
func (noHold) Release()                       {}

// dryRoutes sets weights of canary routes that may not exist.
type dryRoutes struct{ *cluster }

// SetNumber implements route.Cluster.
func (d dryRoutes) SetNumber(ctx context.Context, id manifest.ID, field string, n int, persistent bool) error {
	err := d.cluster.SetNumber(ctx, id, field, n, persistent)
	if errors.Is(err, route.ErrAbsent) {
		return nil
	}
	return err
}

// dryRouter verifies no share.
type dryRouter struct{ route.Live }

func dryRouting(router route.Live) route.Live {
	if inside, is := router.(route.Inside); is {
		return struct {
			dryRouter
			route.Inside
		}{dryRouter{router}, inside}
	}
	return dryRouter{router}
}

// Verify implements route.Live.
func (dryRouter) Verify(context.Context, []rollout.Route, int, time.Duration) (string, rollout.Proof, error) {
	return "the share is not verified: this is a dry run", rollout.ByModelAlone, nil
}

// Reachable implements route.Live.
func (dryRouter) Reachable(context.Context, []rollout.Route) error { return nil }
