package saying

import (
	"fmt"

	"github.com/canarize/canarize/internal/note"
)

// warnings returns the warnings about manifests. Package note has their names and meanings.
func warnings() (all []Saying) {
	for _, w := range warningCodes {
		all = append(all, Saying{
			Code: w.code, Level: Warning, Name: string(w.name), Says: []string{fmt.Sprintf("(%s)", w.name), fmt.Sprintf("(%s, accepted)", w.name)},
			Means: w.name.Meaning(),
			Do:    fmt.Sprintf("Read [warnings.md](warnings.md#%s). If you know about it, accept it with `--accept %s`, or in `spec.accept` of the release file.", w.name, w.name),
		})
	}
	return all
}

// warningCodes gives every name of a warning its code.
var warningCodes = []struct {
	code Code
	name note.Name
}{
	{"CZ2201", note.SharedClaim}, {"CZ2202", note.Recreate}, {"CZ2203", note.LeaderElection}, {"CZ2204", note.SharedWork},
	{"CZ2205", note.SharedMetric}, {"CZ2206", note.OtherScaler}, {"CZ2207", note.HostPort}, {"CZ2208", note.HostNetwork},
	{"CZ2209", note.GeneratedConfig}, {"CZ2210", note.SharedIdentity}, {"CZ2211", note.ForeignSelector}, {"CZ2212", note.PeerPolicy},
	{"CZ2213", note.OtherResolver}, {"CZ2214", note.StickySession}, {"CZ2215", note.GeneratedRoute}, {"CZ2216", note.UnreachedRoute},
	{"CZ2217", note.UncertainShare}, {"CZ2218", note.StableAddress}, {"CZ2219", note.UnpinnedImage}, {"CZ2220", note.ImageLeft},
	{"CZ2221", note.PausedWorkload}, {"CZ2222", note.SharedBudget}, {"CZ2223", note.UnreadableMonitor},
}
