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
	releasers := map[string]kube.Listing{} // by namespace
	for _, id := range workloads {
		if _, done := releasers[id.Namespace]; !done {
			var err error
			if releasers[id.Namespace], err = c.releasers(ctx, id.Namespace); err != nil {
				return nil, err
			}
		}
		live, err := c.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		by, owned := owner.Releaser(id, live, releasers[id.Namespace].Objects)
		if !owned {
			by, owned = owner.Marked(live)
			owned = owned && slices.Contains(releasers[id.Namespace].Forbidden, by.Program.Kind)
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

// releasers lists the objects by which other programs release workloads of a namespace.
func (c *cluster) releasers(ctx context.Context, namespace string) (kube.Listing, error) {
	var kinds []kube.Ref
	for _, p := range owner.Releasing() {
		kinds = append(kinds, kube.Ref{Group: p.Group, Kind: p.Kind})
	}
	l, err := c.kube.ListAllowed(ctx, kinds, namespace)
	if len(l.Forbidden) > 0 {
		c.emit("not checked whether another program releases the workloads: not allowed to list %s in namespace %s", strings.Join(l.Forbidden, ", "), namespace)
	}
	return l, err
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
