package hub

import (
	"context"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/watch"
)

// restarts adds the restarts of the application's containers to what a metric source counts.
// If the pods cannot be watched, they count as not measured: restarts alone decide nothing.
type restarts struct {
	watch.Counter
	followed map[metric.Arm][]*kube.Pods
	before   map[string]int // restarts of each pod at the last observation, by UID; nil: none yet
}

// followRestarts follows the pods of a plan's workloads. The caller closes it.
func followRestarts(cluster *kube.Cluster, plan rollout.Plan) *restarts {
	r := &restarts{followed: map[metric.Arm][]*kube.Pods{}}
	follow := func(arm metric.Arm, id manifest.ID, objects []map[string]any) {
		for _, o := range objects {
			if object.ID(o) != id {
				continue
			}
			if selector, err := kube.SelectorOf(o); err == nil {
				r.followed[arm] = append(r.followed[arm], cluster.Follow(id.Namespace, selector))
			}
		}
	}
	for _, w := range plan.Workloads {
		follow(metric.Canary, w.Canary, plan.Canary)
		follow(metric.Stable, w.Stable, plan.Stable)
	}
	return r
}

// Read implements watch.Counter.
func (r *restarts) Read(ctx context.Context, now time.Time, w metric.Weight) metric.Outcome {
	out := r.Counter.Read(ctx, now, w)
	if !out.Ready || len(out.Observation.Metrics)+len(out.Observation.Latency) == 0 {
		return out // nothing is judged yet, so the restarts go to the next observation
	}
	counts, after, ok := r.count(ctx)
	if !ok {
		return out
	}
	if r.before != nil {
		out.Observation.Restarts = counts
	}
	r.before = after
	return out
}

// count counts the restarts since the last observation, and returns those of each pod so far.
func (r *restarts) count(ctx context.Context) (*analysis.Restarts, map[string]int, bool) {
	counts, after := &analysis.Restarts{}, map[string]int{}
	for arm, all := range r.followed {
		restarted, running := int64(0), int64(0)
		for _, followed := range all {
			pods, err := followed.Running(ctx)
			if err != nil {
				return nil, nil, false
			}
			for _, p := range pods {
				after[p.UID] = p.Restarts
				running++
				if more := p.Restarts - r.before[p.UID]; more > 0 {
					restarted += int64(more)
					if arm == metric.Canary {
						counts.Why = p.LastEnd
					}
				}
			}
		}
		if arm == metric.Canary {
			counts.Canary, counts.CanaryPods = restarted, running
		} else {
			counts.Stable, counts.StablePods = restarted, running
		}
	}
	return counts, after, true
}

// Close stops following the pods.
func (r *restarts) Close() {
	for _, all := range r.followed {
		for _, followed := range all {
			followed.Close()
		}
	}
}
