package rollout

// ReleaseLabel names the release to which an object of a canary belongs, and on the
// ConfigMap that remembers it the release itself.
const ReleaseLabel = "canarize.dev/release"

// Keys of the ConfigMap that remembers a release.
const (
	StateKey = "state.json"
	PlanKey  = "plan.json.gz"
	SaidKey  = "said" // changes whenever somebody leaves word
)

// RecordPrefix is before the name of a release in RecordName.
const RecordPrefix = "canarize-"

// RecordName is the name of the ConfigMap that remembers a release, and of the Lease that
// locks it.
func RecordName(release string) string { return RecordPrefix + release }
