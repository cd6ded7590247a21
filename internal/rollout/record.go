package rollout

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/canarize/canarize/internal/manifest"
)

// ReleaseLabel is the label of every object of a canary and of the release's record. Its
// value is the name of the release.
const ReleaseLabel = "canarize.dev/release"

// WorkloadLabel returns the label of the records of unfinished releases that have a canary
// of a workload. With it, one request finds them, however many releases a namespace has.
func WorkloadLabel(workload manifest.ID) string {
	sum := sha256.Sum256([]byte(workload.Group + " " + workload.String()))
	return "workload.canarize.dev/" + hex.EncodeToString(sum[:8])
}

// Keys of the ConfigMap that stores the record of a release.
const (
	StateKey = "state.json"
	PlanKey  = "plan.json.gz"
	SaidKey  = "said" // changes whenever somebody writes a Statement

	HistoryKey = "history.json"
)

// RecordPrefix comes before the name of a release in RecordName.
const RecordPrefix = "canarize-"

// RecordName returns the name of a release's record (a ConfigMap) and of its lock (a
// Lease).
func RecordName(release string) string { return RecordPrefix + release }
