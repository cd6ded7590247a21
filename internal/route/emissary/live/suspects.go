package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// suspectsEvery is the shortest time between two searches of a process: they read all
// Mappings.
const suspectsEvery = time.Second

// maxSuspects limits the Mappings that are named only because they changed.
const maxSuspects = 3

// search says where suspects are searched.
type search struct{ namespace, ambassadorID string }

// suspect is a Mapping that may be the reason why the gateway applies no change.
type suspect struct {
	id       manifest.ID
	problems []string  // what Envoy refuses in it
	changed  time.Time // by somebody else than canarize; zero if unknown
}

// Suspects implements Verifier.
func (g *Gateways) Suspects(ctx context.Context, namespace, ambassadorID string, idle time.Duration) ([]string, error) {
	all, err := g.suspects.get(ctx, search{namespace, ambassadorID}, suspectsEvery)
	if err != nil {
		return nil, err
	}
	var certain []string
	for _, s := range all {
		for _, problem := range s.problems {
			certain = append(certain, fmt.Sprintf("%s: %s", s.id, problem))
		}
	}
	if len(certain) > 0 || idle <= 0 {
		return certain, nil
	}
	return changedSince(all, time.Now().Add(-idle)), nil
}

// changedSince names the Mappings that changed first after the gateway's last change.
func changedSince(all []suspect, last time.Time) []string {
	after := slices.DeleteFunc(slices.Clone(all), func(s suspect) bool { return s.changed.Before(last) })
	slices.SortStableFunc(after, func(a, b suspect) int { return a.changed.Compare(b.changed) })
	var named []string
	for _, s := range after[:min(len(after), maxSuspects)] {
		named = append(named, fmt.Sprintf("%s changed at %s, after the gateway's last change", s.id, s.changed.UTC().Format(time.TimeOnly)))
	}
	return named
}

func (g *Gateways) searchSuspects(ctx context.Context, of search) ([]suspect, error) {
	ref := kube.Ref{Group: APIGroup, Kind: "Mapping"}
	mappings, err := g.cluster.List(ctx, ref, "")
	if kube.IsForbidden(err) {
		ref.Namespace = of.namespace
		mappings, err = g.cluster.List(ctx, ref, "")
	}
	if err != nil {
		return nil, err
	}
	all := make([]suspect, len(mappings))
	for i, m := range mappings {
		all[i] = suspect{object.ID(m), derive.Freezing(m, of.ambassadorID), changedAt(m)}
	}
	return all, nil
}

// changedAt returns when a Mapping was last changed; zero for a canary's, whose weight
// canarize changes.
func changedAt(mapping map[string]any) (last time.Time) {
	meta, _ := mapping["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	if labels[rollout.ReleaseLabel] != nil {
		return last
	}
	fields, _ := meta["managedFields"].([]any)
	times := []any{meta["creationTimestamp"]}
	for _, f := range fields {
		if entry, is := f.(map[string]any); is && entry["subresource"] == nil {
			times = append(times, entry["time"])
		}
	}
	for _, t := range times {
		text, _ := t.(string)
		if at, err := time.Parse(time.RFC3339, text); err == nil && at.After(last) {
			last = at
		}
	}
	return last
}
