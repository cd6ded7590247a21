package examine

import (
	"fmt"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// changed looks for Mappings that somebody has changed during a release, by its name.
func (x *exam) changed() map[string][]doctor.Finding {
	all := map[string][]doctor.Finding{}
	for _, r := range x.Releases {
		if r.Err == nil && r.State.Phase == rollout.Standing {
			all[r.Name] = x.changedIn(r)
		}
	}
	return all
}

func (x *exam) changedIn(r doctor.Release) (found findings) {
	for _, route := range r.Plan.Routes {
		stable, haveStable := x.Find(route.Stable)
		canary, haveCanary := x.Find(route.Canary)
		if !haveCanary || route.Canary.Group != group {
			continue
		}
		if share := derive.Share(canary.Object); share != r.State.Weight {
			found.add("release", route.Canary.String(), fmt.Sprintf("somebody moved its weight to %d %%; the release wants %d %%", share, r.State.Weight),
				fmt.Sprintf("let nobody else write it; canarize shift %s --to %d puts it back", r.Name, r.State.Weight))
		}
		if !haveStable {
			continue // said by the group
		}
		if _, changed, err := derive.Resync(stable.Object, route.Name, canary.Object); err == nil && changed {
			found.add("release", route.Stable.String(), "somebody changed it since the canary was made, so both may no longer be one group",
				fmt.Sprintf("canarize shift %s --to %d takes the change over to the canary", r.Name, r.State.Weight))
		}
	}
	return found
}
