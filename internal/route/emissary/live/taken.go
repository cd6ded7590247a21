package live

import (
	"math"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// taken returns the smallest and the largest share that the canaries among wants get. A
// canary without a route gets nothing.
func (v View) taken(wants []Want) (least, most float64) {
	least = 100
	for _, w := range wants {
		if !w.Canary {
			continue
		}
		found := false
		for _, g := range v.Groups {
			if share, member := g.share(w); member {
				found, least, most = true, min(least, share), max(most, share)
			}
		}
		if !found {
			least = 0
		}
	}
	return min(least, most), most
}

// podShare holds the share of one gateway pod.
type podShare struct {
	agrees      bool          // with the wanted share
	known       bool          // the pod has answered
	least, most float64       // percent
	unchanged   time.Duration // how long its routes have not changed; 0 if unknown
}

// takenOf combines the shares of all pods. It returns nil if none has answered.
func takenOf(pods []podShare) *rollout.Taken {
	t := rollout.Taken{Pods: len(pods), Least: 100}
	unchanged, known := time.Duration(math.MaxInt64), false
	for _, p := range pods {
		if p.known {
			known = true
			t.Least, t.Most = min(t.Least, p.least), max(t.Most, p.most)
		}
		if !p.agrees {
			t.Behind++
			unchanged = min(unchanged, p.unchanged)
		}
	}
	if !known {
		return nil
	}
	if t.Behind > 0 {
		t.Unchanged = unchanged.Seconds()
	}
	return &t
}
