package releasefile

import (
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/rollout"
)

// APIVersion and Kind identify a release file.
const (
	APIVersion = "canarize.dev/v1alpha1"
	Kind       = "Release"
)

// File is the content of a release file, with defaults for what it leaves out.
type File struct {
	Name, Namespace string

	// Workload is the name of a workload that the manifests must have; "" accepts any.
	Workload string
	// Manifests lists files and folders, relative to the folder of the release file.
	Manifests []string
	// Images lists images as [CONTAINER=]IMAGE.
	Images []string
	Canary Canary
	// Accept names the warnings that the user knows about.
	Accept []note.Name
	// EmissaryNamespace is the namespace of Emissary, and EmissaryVersion its version; ""
	// for the default.
	EmissaryNamespace, EmissaryVersion string
	// GatewayStrategy is how the canary of an HTTPRoute or GRPCRoute gets its share.
	GatewayStrategy string

	// Analysis holds spec.analysis and spec.ramp.
	Analysis analysis.Config
	// Metrics holds spec.metrics. It has no source if the file has none.
	Metrics metric.Config
	// Gates holds spec.gates, followed by PromotionGate if spec.promotion.automatic is
	// false.
	Gates []rollout.Gate

	Promotion Promotion
	Timeouts  Timeouts
	OnCancel  OnCancel
}

// Canary says how the canary is derived from the manifests. The fields have the format of
// the flags of the same names.
type Canary struct {
	Suffix    string
	Replicas  string            // a number, same, or weight
	Labels    map[string]string // on every new object and on the canary's pods
	Include   []string          // KIND/NAME of workloads that get no canary by default
	CopyPeers bool
}

// Promotion says how the new version becomes stable.
type Promotion struct {
	Automatic      bool // a run promotes when the verdict allows it
	ForceConflicts bool // take over fields that other owners set
}

// Timeouts bounds how long a step may take before the release stops.
type Timeouts struct {
	Ready time.Duration // pods without progress towards being ready
	Share time.Duration // until the gateways give the share
}

// OnCancel says what happens to the canary's weight when a command is interrupted.
type OnCancel string

// The values of OnCancel: all traffic goes back to stable, or the canary keeps its share.
const (
	CancelZero OnCancel = "zero"
	CancelHold OnCancel = "hold"
)

// PromotionGate is the name of the manual gate of a release that is not promoted
// automatically.
const PromotionGate = "promotion"

// Default returns the content of an empty release file.
func Default() File {
	return File{
		Canary:            Canary{Suffix: "-canary", Replicas: "weight"},
		EmissaryNamespace: "emissary",
		GatewayStrategy:   "ids",
		Analysis:          analysis.Default(),
		Promotion:         Promotion{Automatic: true},
		Timeouts:          Timeouts{Ready: 10 * time.Minute, Share: 30 * time.Second},
		OnCancel:          CancelZero,
	}
}

// ReleaseName returns the name of the release: its own, or that of its workload. "" means
// that the file names neither.
func (r File) ReleaseName() string {
	if r.Name != "" {
		return r.Name
	}
	return r.Workload
}

// Parse reads a release file. It is strict: an unknown name is an error that lists the
// known ones. Errors begin with FILE:LINE.
func Parse(file string, content []byte) (File, error) {
	r := Default()
	err := readYAML(file, content, func(v value) error {
		// Read the profile first: it sets the defaults of other fields.
		if err := r.readProfile(v); err != nil {
			return err
		}
		return r.form().check(r.finish).read(v)
	})
	return r, err
}

// form describes the fields of a release file. It is the only place that names them,
// except for metrics and analysis.
func (r *File) form() form {
	version, kind := APIVersion, Kind
	return object(
		field{"apiVersion", oneOf(&version, APIVersion), "The version of this format."},
		field{"kind", oneOf(&kind, Kind), "The kind of this file."},
		field{"metadata", object(
			field{"name", matching(&r.Name, releaseName, releaseNameWords), "The name of the release. Default: the name in spec.workload, or that of the only workload in the manifests."},
			field{"namespace", matching(&r.Namespace, namespaceName, namespaceWords), "The namespace. Default: that of the kubeconfig's context."},
			field{"labels", anything(), "For other programs."},
			field{"annotations", anything(), "For other programs."},
		), "Which release it is."},
		field{"spec", object(
			field{"workload", matching(&r.Workload, releaseName, releaseNameWords), "The name of a workload that the manifests must have. It names the release if metadata.name is absent."},
			field{"manifests", listOf(&r.Manifests, "", text), "Files and folders of the new version's manifests, relative to this file. Arguments of the command replace them."},
			field{"images", listOf(&r.Images, "", imageForm), "Images of the new version, [CONTAINER=]IMAGE: for every container of that name, or of the same repository. --image replaces them."},
			field{"canary", canaryForm(&r.Canary), "How the canary is derived from the manifests."},
			field{"accept", listOf(&r.Accept, "", func(to *note.Name) form { return oneOf(to, note.Names()...) }), "The names of warnings about the manifests that you know about; see warnings.md. They are told as accepted, and --strict passes them."},
			field{"router", object(
				field{"emissary", object(
					field{"namespace", matching(&r.EmissaryNamespace, namespaceName, namespaceWords), "The namespace Emissary runs in."},
					field{"version", versionForm(&r.EmissaryVersion), "The version of Emissary, such as 4.1, for which shares are computed: after 4.1 TCPMappings have other shares. Default: 4.1."},
				), "Emissary-ingress."},
				field{"gateway", object(
					field{"strategy", oneOf(&r.GatewayStrategy, "ids", "weights", "route"), "How the canary gets its share: ids by the random id of each request; weights by those of the backends of a second route, through which all requests pass; route by weights in the stable route itself."},
				), "Gateways of the Gateway API."},
			), "What routes requests to the canary."},
			field{"analysis", r.analysisForm(), "How sure a verdict must be, and when it may be given."},
			field{"ramp", r.rampForm(), "How the canary's share grows."},
			field{"metrics", r.metricsForm(), "The metric source, and what it counts."},
			field{"gates", listOf(&r.Gates, rollout.Gate{Timeout: rollout.DefaultGateTimeout}, gateForm), "What else must agree before a share, or before the promotion."},
			field{"promotion", object(
				field{"automatic", boolean(&r.Promotion.Automatic), "Whether a run promotes when the verdict allows it. Otherwise it waits for canarize approve NAME " + PromotionGate + "."},
				field{"forceConflicts", boolean(&r.Promotion.ForceConflicts), "Take over fields that somebody else owns."},
			), "How the new version becomes stable."},
			field{"timeouts", object(
				field{"ready", timeout(&r.Timeouts.Ready), "How long pods may make no progress towards being ready."},
				field{"share", timeout(&r.Timeouts.Share), "How long the gateways may take to give the share."},
			), "How long a step may take before the release stops."},
			field{"onCancel", oneOf(&r.OnCancel, CancelZero, CancelHold), "What happens to the canary's weight when a command is interrupted: zero sends all traffic back to stable, hold keeps the share."},
		), "What is released, and how."},
	).requiring("it must begin with apiVersion: "+APIVersion+" and kind: "+Kind, "apiVersion", "kind")
}

// timeout is a duration above 0.
func timeout(to *time.Duration) form {
	return duration(to).check(func(v value) error {
		if *to <= 0 {
			return v.errorf("expected a duration above 0")
		}
		return nil
	})
}
