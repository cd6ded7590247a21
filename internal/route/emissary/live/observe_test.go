package live

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/rollout"
)

// TestObserved: the share that the pods give stands beside the requests that were counted.
// Requests of a Service with Mappings in two groups are not attributed to one of them.
func TestObserved(t *testing.T) {
	subject := func(group int, name string, share float64) Subject {
		return Subject{Want: Want{Cluster: name, Share: share}, Stats: name, Group: group}
	}
	pod := func(share float64, age time.Duration, counts map[string]float64) podReading {
		v := pageView{now: time.Unix(1e9, 0)}
		v.Changed = v.now.Add(-age)
		v.Groups = []Group{{Members: []Member{{Cluster: "canary", Share: share}, {Cluster: "stable", Share: 100 - share}}}, {Members: []Member{{Cluster: "other", Share: 100}}}}
		return podReading{view: v, counts: counts}
	}
	pods := []podReading{pod(5, time.Minute, map[string]float64{"canary": 3, "stable": 90, "other": 7}), pod(50, time.Hour, map[string]float64{"canary": 5, "stable": 2})}
	subjects := []Subject{subject(0, "canary", 50), subject(0, "stable", 50), subject(1, "other", 100)}
	want := []Observed{
		{rollout.Taken{Least: 5, Most: 50, Pods: 2, Behind: 1, Unchanged: 60}, &rollout.Seen{Canary: 8, All: 100}},
		{rollout.Taken{Least: 50, Most: 95, Pods: 2, Behind: 1, Unchanged: 60}, &rollout.Seen{Canary: 92, All: 100}},
		{rollout.Taken{Least: 100, Most: 100, Pods: 2}, &rollout.Seen{Canary: 7, All: 7}},
	}
	if diff := cmp.Diff(want, observed(subjects, pods)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	subjects[2].Stats = "stable"
	for i, o := range observed(subjects, pods) {
		if o.Seen != nil {
			t.Errorf("%d: requests of two groups are attributed to one: %+v", i, o.Seen)
		}
	}
}
