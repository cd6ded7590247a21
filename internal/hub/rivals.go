package hub

import (
	"context"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/owner"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// Rival implements runner.Rivals. A program that the cluster does not have costs no request.
func (c *cluster) Rival(ctx context.Context, release runner.Release, workloads []manifest.ID) (*rollout.Refusal, error) {
	listed := map[string][]map[string]any{} // by namespace: the objects that name what other programs release
	unread := map[string][]string{}         // by namespace: the kinds that may not be listed
	for _, id := range workloads {
		if _, done := listed[id.Namespace]; !done {
			var err error
			if listed[id.Namespace], unread[id.Namespace], err = c.releasers(ctx, id.Namespace); err != nil {
				return nil, err
			}
		}
		live, err := c.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		by, owned := owner.Releaser(id, live, listed[id.Namespace])
		if !owned {
			by, owned = owner.Marked(live)
			owned = owned && slices.Contains(unread[id.Namespace], by.Program.Kind)
		}
		if owned {
			return &rollout.Refusal{Code: rollout.RefusedOwned, Objects: []string{id.String()}, Because: by.String()}, nil
		}
		if refusal, err := c.otherRelease(ctx, release, id); err != nil || refusal != nil {
			return refusal, err
		}
	}
	return nil, nil
}

// releasers lists the objects by which other programs release workloads of a namespace. It
// skips kinds that may not be listed, and returns them.
func (c *cluster) releasers(ctx context.Context, namespace string) (objects []map[string]any, unread []string, err error) {
	for _, p := range owner.Releasing() {
		all, err := c.kube.List(ctx, kube.Ref{Group: p.Group, Kind: p.Kind, Namespace: namespace}, "")
		switch {
		case kube.IsForbidden(err):
			unread = append(unread, p.Kind)
			continue
		case err != nil:
			return nil, nil, err
		}
		objects = append(objects, all...)
	}
	if len(unread) > 0 {
		c.emit("not checked whether another program releases the workloads: not allowed to list %s in namespace %s", strings.Join(unread, ", "), namespace)
	}
	return objects, unread, nil
}

// otherRelease returns a refusal if another unfinished release has a canary of a workload.
func (c *cluster) otherRelease(ctx context.Context, release runner.Release, id manifest.ID) (*rollout.Refusal, error) {
	records, err := c.kube.List(ctx, kube.Ref{Kind: "ConfigMap", Namespace: release.Namespace}, rollout.WorkloadLabel(id))
	if kube.IsForbidden(err) {
		c.emit("not checked whether another release has a canary of %s: not allowed to list ConfigMaps in namespace %s", id, release.Namespace)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, o := range records {
		record, err := kube.RecordOf(o)
		if err != nil {
			continue // it is no record
		}
		name := record.Labels[rollout.ReleaseLabel]
		state, err := rollout.ParseState([]byte(record.Data[rollout.StateKey]))
		if err == nil && name != release.Name && state.Phase.Active() && slices.Contains(state.Workloads(), id) {
			return &rollout.Refusal{Code: rollout.RefusedRival, Objects: []string{id.String()}, Because: name}, nil
		}
	}
	return nil, nil
}
