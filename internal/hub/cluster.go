package hub

import (
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/runner"
)

// cluster implements the runner's interfaces with package kube.
type cluster struct {
	kube   *kube.Cluster
	dryRun kube.DryRun // of every write
	noWait bool        // for a lock
	// annotations are added to every applied object. They are not part of the plan: the
	// same manifests in another run are the same release.
	annotations map[string]string
	emit        func(format string, args ...any)
	now         func() time.Time
}

func refs(ids []manifest.ID) []kube.Ref {
	out := make([]kube.Ref, len(ids))
	for i, id := range ids {
		out[i] = kube.Ref(id)
	}
	return out
}

func changed(changes []kube.Change) []runner.Result {
	out := make([]runner.Result, len(changes))
	for i, change := range changes {
		out[i] = runner.Result{ID: manifest.ID(change.Ref), What: string(change.Result), Why: change.Reason, After: change.After}
	}
	return out
}

// Get implements runner.Objects.
func (c *cluster) Get(ctx context.Context, id manifest.ID) (map[string]any, error) {
	return c.kube.Get(ctx, kube.Ref(id))
}

// Fresh implements runner.Objects.
func (c *cluster) Fresh(ctx context.Context, id manifest.ID) (map[string]any, error) {
	return c.kube.Fresh(ctx, kube.Ref(id))
}

// Apply implements runner.Objects. A trial is a server-side dry run. In a client-side
// dry run a trial does nothing.
func (c *cluster) Apply(ctx context.Context, objects []map[string]any, how runner.Apply) ([]runner.Result, error) {
	write := kube.Write{DryRun: c.dryRun, Force: how.Force}
	if how.Try && c.dryRun == kube.DryRunNone {
		write.DryRun = kube.DryRunServer
	}
	changes, err := c.kube.Apply(ctx, annotated(objects, c.annotations), write)
	results := changed(changes)
	for i, change := range changes {
		results[i].Same = change.Same(c.annotations)
	}
	return results, err
}

// annotated returns copies of objects with annotations added.
func annotated(objects []map[string]any, annotations map[string]string) []map[string]any {
	if len(annotations) == 0 {
		return objects
	}
	copies := make([]map[string]any, len(objects))
	for i, o := range objects {
		copies[i] = object.WithAnnotations(o, annotations)
	}
	return copies
}

// Delete implements runner.Objects.
func (c *cluster) Delete(ctx context.Context, ids []manifest.ID, labels map[string]string) ([]runner.Result, error) {
	changes, err := c.kube.Delete(ctx, refs(ids), kube.Write{DryRun: c.dryRun, Only: labels})
	return changed(changes), err
}

// Ready implements runner.Workloads.
func (c *cluster) Ready(ctx context.Context, ids []manifest.ID, timeout time.Duration) error {
	report := func(p kube.Progress) {
		if p.Status.Message != "" {
			c.emit("%s", p.Waiting())
		}
	}
	err := c.kube.Ready(ctx, refs(ids), kube.Wait{Deadline: timeout, Report: report})
	if errors.As(err, new(*kube.NotReadyError)) {
		return runner.NotReadyError{Err: err}
	}
	return err
}

// SetReplicas implements runner.Workloads.
func (c *cluster) SetReplicas(ctx context.Context, id manifest.ID, n int) error {
	return c.kube.SetReplicas(ctx, kube.Ref(id), n, kube.Write{DryRun: c.dryRun})
}

// Load implements runner.Store.
func (c *cluster) Load(ctx context.Context, namespace, name string) (runner.Record, error) {
	r, err := c.kube.Load(ctx, namespace, rollout.RecordName(name))
	if err != nil || r.Version == "" {
		return runner.Record{}, err
	}
	if r.Labels[rollout.ReleaseLabel] != name {
		return runner.Record{}, &rollout.Refusal{Code: rollout.RefusedNotRecord, Objects: []string{"ConfigMap " + namespace + "/" + rollout.RecordName(name)}}
	}
	return runner.Record{Version: r.Version, State: []byte(r.Data[rollout.StateKey]), Plan: r.Binary[rollout.PlanKey], Said: r.Data[rollout.SaidKey], History: []byte(r.Data[rollout.HistoryKey])}, nil
}

// Save implements runner.Store.
func (c *cluster) Save(ctx context.Context, namespace, name string, r runner.Record) (string, error) {
	record := kube.Record{Version: r.Version, Labels: recordLabels(name, r.State), Data: map[string]string{rollout.StateKey: string(r.State)}}
	if r.Said != "" {
		record.Data[rollout.SaidKey] = r.Said
	}
	if len(r.History) > 0 {
		record.Data[rollout.HistoryKey] = string(r.History)
	}
	if len(r.Plan) > 0 {
		record.Binary = map[string][]byte{rollout.PlanKey: r.Plan}
	}
	version, err := c.kube.Save(ctx, namespace, rollout.RecordName(name), record)
	if errors.Is(err, kube.ErrChanged) {
		return "", runner.ErrChanged
	}
	return version, err
}

// recordLabels returns the labels of a record. While the release is unfinished, they name
// its workloads.
func recordLabels(release string, state []byte) map[string]string {
	all := map[string]string{rollout.ReleaseLabel: release}
	if s, err := rollout.ParseState(state); err == nil && s.Phase.Active() {
		for _, id := range s.Workloads() {
			all[rollout.WorkloadLabel(id)] = ""
		}
	}
	return all
}

// Acquire implements runner.Lock.
func (c *cluster) Acquire(ctx context.Context, namespace, name, holder string) (runner.Hold, error) {
	lock := kube.Lock{Holder: holder, Labels: map[string]string{rollout.ReleaseLabel: name}, Duration: lockTime, Wait: !c.noWait, Waiting: func(other string) {
		c.emit("waiting for %s, which works on release %s/%s", other, namespace, name)
	}}
	held, err := c.kube.Acquire(ctx, namespace, rollout.RecordName(name), lock)
	if err != nil {
		return nil, err
	}
	return newHold(held, func() {
		ending, stop := context.WithTimeout(context.WithoutCancel(ctx), unlockTime)
		defer stop()
		if err := held.Release(ending); err != nil {
			c.emit("the lock was not released, so the next command has to wait %d s: %v", int(lockTime.Seconds()), err)
		}
	}), nil
}

// lockTime is how long other processes wait after a process was killed while it worked
// on a release.
const lockTime = 30 * time.Second

// unlockTime limits how long the release of a lock may take.
const unlockTime = 2 * time.Second

// List implements route.Cluster.
func (c *cluster) List(ctx context.Context, kind manifest.ID, selector string) ([]map[string]any, error) {
	return c.kube.List(ctx, kube.Ref(kind), selector)
}

// absentError wraps the API server's error for a missing object.
type absentError struct{ error }

func (e absentError) Unwrap() error       { return e.error }
func (e absentError) Is(other error) bool { return other == route.ErrAbsent }

// SetNumber implements route.Cluster.
func (c *cluster) SetNumber(ctx context.Context, id manifest.ID, field string, n int, persistent bool) error {
	target := c.kube
	if persistent {
		target = target.Persistent()
	}
	err := target.SetNumber(ctx, kube.Ref(id), field, n, kube.Write{DryRun: c.dryRun})
	if kube.IsNotFound(err) {
		return absentError{err}
	}
	return err
}
