package releasefile

import (
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/rollout"
)

// APIVersion and Kind are those of a release file.
const (
	APIVersion = "canarize.dev/v1alpha1"
	Kind       = "Release"
)

// File is what a release file says, with the defaults for what it leaves out.
type File struct {
	Name, Namespace string

	// Workload is the name of a workload that has to be in the manifests; "" is any.
	Workload string
	// Manifests are files and folders, relative to the folder of the release file.
	Manifests []string
	// Images are [CONTAINER=]IMAGE.
	Images []string
	Canary Canary
	// EmissaryNamespace is the one that Emissary runs in.
	EmissaryNamespace string

	// Analysis is spec.analysis and spec.ramp.
	Analysis analysis.Config
	// Metrics is spec.metrics; without a source when there is none.
	Metrics metric.Config
	// Gates is spec.gates, and with spec.promotion.automatic: false PromotionGate.
	Gates []rollout.Gate

	Promotion Promotion
	Timeouts  Timeouts
	OnCancel  OnCancel
}

// Canary says how the canary is derived from the manifests. The fields are as the
// flags of the same names take them.
type Canary struct {
	Suffix    string
	Replicas  string            // a number, same, or weight
	Labels    map[string]string // of everything new, and of the canary's pods
	Include   []string          // KIND/NAME of workloads that would be left alone
	CopyPeers bool
}

// Promotion says how the new version becomes stable.
type Promotion struct {
	Automatic      bool // a run promotes when the verdict says so
	ForceConflicts bool // fields are taken over from other owners
}

// Timeouts are how long something may take before the release goes no further.
type Timeouts struct {
	Ready time.Duration // pods without any progress towards being ready
	Share time.Duration // Emissary, until the share is real
}

// OnCancel is what becomes of the canary's weight when a command is interrupted.
type OnCancel string

// What can become of it: all traffic goes back to stable, or the canary keeps its
// share.
const (
	CancelZero OnCancel = "zero"
	CancelHold OnCancel = "hold"
)

// PromotionGate is the manual gate of a release that is not promoted by itself.
const PromotionGate = "promotion"

// Default is the release of a file that says nothing.
func Default() File {
	return File{
		Canary:            Canary{Suffix: "-canary", Replicas: "weight"},
		EmissaryNamespace: "emissary",
		Analysis:          analysis.Default(),
		Promotion:         Promotion{Automatic: true},
		Timeouts:          Timeouts{Ready: 10 * time.Minute, Share: 30 * time.Second},
		OnCancel:          CancelZero,
	}
}

// ReleaseName is the name that the file gives the release: its own, or that of its
// workload. "" says that it gives none.
func (r File) ReleaseName() string {
	if r.Name != "" {
		return r.Name
	}
	return r.Workload
}

// Parse reads a release file. It is strict: a name that is not known is an
// error that lists those that are. Errors are FILE:LINE: what.
func Parse(file string, content []byte) (File, error) {
	r := Default()
	err := readYAML(file, content, func(v value) error {
		// The profile is read first, since it sets the defaults of the others.
		if err := r.readProfile(v); err != nil {
			return err
		}
		return r.form().then(r.finish).read(v)
	})
	return r, err
}

// form is what a release file may say: the only place that names its fields, but for
// those of metrics and analysis.
func (r *File) form() form {
	version, kind := APIVersion, Kind
	return object(
		field{"apiVersion", oneOf(&version, APIVersion), "The version of this format."},
		field{"kind", oneOf(&kind, Kind), "That it is a release file."},
		field{"metadata", object(
			field{"name", matching(&r.Name, releaseName, releaseNameWords), "The name of the release. That of spec.workload when absent, or of the only workload of the manifests."},
			field{"namespace", matching(&r.Namespace, namespaceName, namespaceWords), "The namespace. That of the kubeconfig's context when absent."},
			field{"labels", anything(), "For other programs."},
			field{"annotations", anything(), "For other programs."},
		), "Which release it is."},
		field{"spec", object(
			field{"workload", matching(&r.Workload, releaseName, releaseNameWords), "The name of a workload that the manifests have to have; it names the release when metadata.name does not."},
			field{"manifests", listOf(&r.Manifests, "", text), "Files and folders of the new version's manifests, relative to this file. Arguments of the command take their place."},
			field{"images", listOf(&r.Images, "", imageForm), "Images of the new version, [CONTAINER=]IMAGE: for every container of that name, or of the same repository. --image takes their place."},
			field{"canary", canaryForm(&r.Canary), "How the canary is derived from the manifests."},
			field{"router", object(
				field{"emissary", object(
					field{"namespace", matching(&r.EmissaryNamespace, namespaceName, namespaceWords), "The namespace Emissary runs in."},
				), "Emissary-ingress."},
			), "What routes requests to the canary."},
			field{"analysis", r.analysisForm(), "How sure a verdict has to be, and when it may fall."},
			field{"ramp", r.rampForm(), "How the canary's share grows."},
			field{"metrics", r.metricsForm(), "Who counts requests, and what is counted."},
			field{"gates", listOf(&r.Gates, rollout.Gate{Timeout: rollout.DefaultGateTimeout}, gateForm), "What else has to agree before a share, or before the promotion."},
			field{"promotion", object(
				field{"automatic", boolean(&r.Promotion.Automatic), "Whether a run promotes when the verdict says so. Otherwise it waits for canarize approve NAME " + PromotionGate + "."},
				field{"forceConflicts", boolean(&r.Promotion.ForceConflicts), "Take over fields that somebody else owns."},
			), "How the new version becomes stable."},
			field{"timeouts", object(
				field{"ready", timeout(&r.Timeouts.Ready), "How long pods may make no progress towards being ready."},
				field{"share", timeout(&r.Timeouts.Share), "How long Emissary may take until the share is real."},
			), "How long something may take before the release goes no further."},
			field{"onCancel", oneOf(&r.OnCancel, CancelZero, CancelHold), "What becomes of the canary's weight when a command is interrupted: zero sends all traffic back to stable, hold keeps the share."},
		), "What is released, and how."},
	).needing("it has to begin with apiVersion: "+APIVersion+" and kind: "+Kind, "apiVersion", "kind")
}

// timeout is a duration above 0.
func timeout(to *time.Duration) form {
	return duration(to).then(func(v value) error {
		if *to <= 0 {
			return v.errorf("expected a duration above 0")
		}
		return nil
	})
}
