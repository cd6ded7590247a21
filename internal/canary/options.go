package canary

import (
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// The track label of canarize and its values.
const (
	TrackLabel    = "canarize.dev/track"
	TrackCanary   = "canary"
	TrackBaseline = "baseline"
)

// Options describes the wanted canary. The zero value is not usable: Suffix
// must be valid, see ParseSuffix.
type Options struct {
	// Weight is the share in percent for which the canary's pods are counted.
	Weight int
	// Images replaces container images. Each must match at least one
	// container.
	Images []Image
	// Suffix is appended to every name. It starts with a dash.
	Suffix string
	// Labels is added to every derived object and to the canary's pods.
	Labels map[string]string
	// Replicas is the number of canary pods.
	Replicas Replicas
	// Include names workloads that get a canary although they get none by default.
	Include []WorkloadRef
	// Routed holds the Services that a route of the input leads to. It is nil if the
	// input has no route: then every Service may have one elsewhere.
	Routed map[manifest.ID]bool
	// Near describes, for Services that no route leads to, a route that may be meant for
	// them.
	Near map[manifest.ID]string
	// Argo means that Argo CD may manage the objects, see HasArgo.
	Argo bool
	// CopyPeers copies other applications' network policies that admit the
	// stable pods by label. The copies admit the canary pods.
	CopyPeers bool
	// Baseline holds the manifests of the stable version, from which a
	// baseline is derived, or is nil.
	Baseline *manifest.Set
	// Namespace is written into derived objects that name no namespace, unless
	// it is "".
	Namespace string
}

// Replicas determines the number of canary pods.
type Replicas struct {
	Mode ReplicasMode
	N    int // with ReplicasFixed
}

// ReplicasMode is a method to choose the number of canary pods.
type ReplicasMode int

// The methods to choose the number of canary pods.
const (
	ReplicasByWeight ReplicasMode = iota // ceil(stable × weight / 100), at least 1
	ReplicasSame                         // as many as stable
	ReplicasFixed                        // a number
)

// Result holds what Derive made.
type Result struct {
	// Derived holds the new objects, each with its stable object, in the order
	// of the input.
	Derived []manifest.Derived
	// Services holds the stable Services with their canary Services.
	Services []manifest.Derived
	// Pods describes the pods of every workload with a canary.
	Pods  []Pods
	Notes []note.Note
}

// Pods describes the pods of a workload and of its canary.
type Pods struct {
	Stable, Canary *manifest.Object // the workloads
	Namespace      string
	// Labels are the labels of the stable pods, CanaryLabels those of the canary pods.
	Labels, CanaryLabels map[string]string
	// Services holds the stable Services that select the stable pods.
	Services []*manifest.Object
}
