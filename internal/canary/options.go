package canary

import "github.com/canarize/canarize/internal/manifest"

// Labels that canarize sets.
const (
	TrackLabel    = "canarize.dev/track"
	TrackCanary   = "canary"
	TrackBaseline = "baseline"
)

// Options says which canary is wanted. The zero value is not useful: Suffix must
// be a valid one, see ParseSuffix.
type Options struct {
	// Weight is the share in percent that the number of canary pods is made for.
	Weight int
	// Images replace container images; every one has to match something.
	Images []Image
	// Suffix is put behind every name, with its leading dash.
	Suffix string
	// Labels are added to everything derived and to the canary's pods.
	Labels map[string]string
	// Replicas is the number of canary pods.
	Replicas Replicas
	// Include names workloads that are canaried though they would be left alone.
	Include []WorkloadRef
	// CopyPeers makes additive copies of other applications' network policies
	// that admit the stable pods by label.
	CopyPeers bool
	// Baseline is the stable version's own set of objects, from which a
	// baseline is derived, or nil.
	Baseline *manifest.Set
	// Namespace is written into derived objects that name none; "" leaves them.
	Namespace string
}

// Replicas says how many canary pods there are.
type Replicas struct {
	Mode ReplicasMode
	N    int // with ReplicasFixed
}

// ReplicasMode is a way to choose the number of canary pods.
type ReplicasMode int

// The ways to choose the number of canary pods.
const (
	ReplicasByWeight ReplicasMode = iota // ceil(stable × weight / 100), at least 1
	ReplicasSame                         // as many as stable
	ReplicasFixed                        // a number
)

// WorkloadRef names a workload by kind and name; kinds compare without case.
type WorkloadRef struct{ Kind, Name string }

// Result is what was derived.
type Result struct {
	// Derived are the new objects with what they were derived from, in the order
	// of the input.
	Derived []manifest.Derived
	// Services are the stable Services with their canaries.
	Services []manifest.Derived
	Notes    []manifest.Note
}
