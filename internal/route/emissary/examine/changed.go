package examine

import (
	"fmt"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// changed looks for Mappings that somebody changed during a release, by the release's
// name.
func (x *exam) changed() map[string][]doctor.Finding {
	all := map[string][]doctor.Finding{}
	for _, r := range x.Releases {
		if r.Err == nil && r.State.Phase == rollout.Standing {
			all[r.Name] = x.changedIn(r)
		}
	}
	return all
}

func (x *exam) changedIn(r doctor.Recorded) (found findings) {
	for _, route := range r.Plan.Routes {
		stable, haveStable := x.Find(route.Stable)
		canary, haveCanary := x.Find(route.Canary)
		if !haveCanary || route.Canary.Group != group {
			continue
		}
		if share := derive.Share(canary.Object, x.version()); share != r.State.Weight {
			found.add("release", route.Canary.String(), fmt.Sprintf("somebody changed its weight to %d %%; the release wants %d %%", share, r.State.Weight),
				fmt.Sprintf("stop the other writer; canarize shift %s --to %d sets the weight back", r.Name, r.State.Weight))
		}
		if !haveStable {
			continue // the check of groups reports it
		}
		if _, changed, err := derive.Resync(stable.Object, route.Name, canary.Object); err == nil && changed {
			found.add("release", route.Stable.String(), "somebody changed it since the canary was created, so the two may no longer be in one group",
				fmt.Sprintf("canarize shift %s --to %d copies the change to the canary", r.Name, r.State.Weight))
		}
	}
	return found
}
