package examine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/readiness"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// Gateway implements doctor.Gateway.
type Gateway struct {
	Namespace string // of Emissary's pods
}

// Examine implements doctor.Gateway.
func (g Gateway) Examine(e *doctor.Exam) doctor.GatewayReport {
	x := newExam(e, g.Namespace)
	var gateway, routes findings
	x.served(&gateway)
	x.ready(&gateway)
	x.frozen(&gateway)
	x.postedErrors(&routes)
	x.groups(&routes)
	x.orders(&routes)
	x.mappings(&routes)
	return doctor.GatewayReport{Fact: x.fact(), Gateway: gateway, Routes: routes, Changed: x.changed(), Leads: x.leads(), Sole: x.sole(), APIGroup: group}
}

// exam is one examination.
type exam struct {
	*doctor.Exam
	gateway  string          // the namespace of Emissary's pods
	pods     []doctor.Object // of Emissary
	versions []model.Version // that run
	routing  model.Configuration
	// upstreams knows the resolvers of the Mappings.
	upstreams model.Upstreams
}

func newExam(e *doctor.Exam, namespace string) *exam {
	x := &exam{Exam: e, gateway: namespace}
	for _, p := range e.Of(namespace, "Pod") {
		if p.GetLabels()[podKey] == podName {
			x.pods = append(x.pods, p)
		}
	}
	x.versions = versions(x.pods)
	var objects []map[string]any
	for _, o := range e.Sorted() {
		if model.Reads(o.Object) {
			objects = append(objects, o.Object)
		}
	}
	options := model.Options{Namespace: namespace, AmbassadorID: x.id(), Version: x.version(), Complete: e.Whole, Running: true}
	x.routing, x.upstreams = model.Configure(objects, options), model.NewUpstreams(objects, options)
	return x
}

const group = "getambassador.io"

// The label of Emissary's pods in its manifests and its chart.
const podKey, podName = "app.kubernetes.io/name", "emissary-ingress"

type findings []doctor.Finding

func (f *findings) add(check, about, problem, mend string) {
	*f = append(*f, doctor.Finding{Check: check, Object: about, Problem: problem, Mend: mend})
}

// wantedVersion is the version of Emissary's resources that canarize writes.
const wantedVersion = "v3alpha1"

func (x *exam) served(found *findings) {
	const about = "API group " + group
	versions := x.Served[group]
	switch {
	case len(versions) == 0:
		found.add("crd", about, "the cluster does not serve it, so there are no Mappings", "install Emissary-ingress with its CRDs, or choose another --context")
	case !slices.Contains(versions, wantedVersion):
		found.add("crd", about, fmt.Sprintf("the cluster serves %s, but canarize writes Mappings in %s", strings.Join(versions, ", "), wantedVersion),
			"upgrade Emissary to 3.10 or 4, with its CRDs and what converts their versions; its CRDs alone would make an older Emissary lose its Mappings")
	}
}

// ready examines the pods of Emissary.
func (x *exam) ready(found *findings) {
	if len(x.pods) == 0 && x.HasAll(manifest.ID{Kind: "Pod", Namespace: x.gateway}) {
		found.add("emissary", "Namespace "+x.gateway, fmt.Sprintf("it has no pod with the label %s=%s, so no share can be verified", podKey, podName),
			"start Emissary, or name its namespace with --emissary-namespace")
	}
	for _, p := range x.pods {
		if status := readiness.Compute(p.Object); status.Phase != readiness.Current {
			found.add("emissary", p.ID.String(), "Emissary's pod is not ready: "+status.Message, fmt.Sprintf("see kubectl describe pod %s -n %s; release when it is ready", p.ID.Name, p.ID.Namespace))
		}
	}
	if len(x.versions) > 1 {
		found.add("emissary", "Namespace "+x.gateway, "its pods are of several versions of Emissary: "+strings.Join(texts(x.versions), ", "), "wait until its rollout has finished, or name one installation's namespace")
	}
	for _, v := range x.versions {
		if v.Major != 3 && v.Major != 4 {
			found.add("emissary", "Emissary "+v.String(), "canarize computes what Emissary 3.10 and 4.1 do with Mappings; another version may do something else", "use Emissary 3.10 or 4")
		}
	}
}

// versions returns the running versions of Emissary, according to the images, the oldest
// first.
func versions(pods []doctor.Object) []model.Version {
	var all []model.Version
	for _, p := range pods {
		for _, container := range p.List("spec", "containers") {
			image, _ := container["image"].(string)
			if v, known := model.ImageVersion(image); known {
				all = append(all, v)
			}
		}
	}
	slices.SortFunc(all, model.Version.Compare)
	return slices.Compact(all)
}

// texts returns versions as texts.
func texts(versions []model.Version) []string {
	all := make([]string, len(versions))
	for i, v := range versions {
		all[i] = v.String()
	}
	return all
}

// version returns the running version that counts for shares; of several the oldest.
func (x *exam) version() model.Version {
	if len(x.versions) == 0 {
		return model.Version{}
	}
	return x.versions[0]
}

// fact returns the version of Emissary and the number of its pods.
func (x *exam) fact() string {
	if len(x.pods) == 0 {
		return ""
	}
	version := "of unknown version"
	if len(x.versions) > 0 {
		version = strings.Join(texts(x.versions), " and ")
	}
	if len(x.pods) == 1 {
		return fmt.Sprintf("Emissary %s, 1 pod", version)
	}
	return fmt.Sprintf("Emissary %s, %d pods", version, len(x.pods))
}

// id returns the AMBASSADOR_ID of the pods of Emissary.
func (x *exam) id() string {
	for _, p := range x.pods {
		for _, container := range p.List("spec", "containers") {
			variables, _ := container["env"].([]any)
			for _, v := range variables {
				if variable, _ := v.(map[string]any); variable["name"] == "AMBASSADOR_ID" {
					id, _ := variable["value"].(string)
					return id
				}
			}
		}
	}
	return ""
}
