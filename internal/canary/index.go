package canary

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// workload is an input object that creates pods.
type workload struct {
	object    *manifest.Object
	namespace string
	labels    map[string]string // of its pods
	selector  selector
	services  []*service // that select its pods
	chosen    bool       // gets a canary
	// change holds the pod labels that get another value on the canary.
	change map[string]string
	// derived is the canary, nil until it is made. canaryLabels are the labels
	// of its pods.
	derived      *manifest.Object
	canaryLabels map[string]string
}

// replicas returns the number of pods in the workload's manifest.
func (w *workload) replicas() int {
	text := manifest.GetString(w.object.Root, "spec", "replicas")
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return 1 // the API server's default
}

// service is a Service of the input.
type service struct {
	object    *manifest.Object
	namespace string
	labels    map[string]string // of the Service itself
	selector  selector
	workloads []*workload // whose pods it selects
	derived   *manifest.Object
}

// podSelecting is a budget or a policy: an object that selects pods by a label
// selector.
type podSelecting struct {
	object    *manifest.Object
	namespace string
	selector  selector
}

// index holds the input objects by their roles.
type index struct {
	set       *manifest.Set
	homonyms  map[WorkloadRef]int // see homonyms
	workloads []*workload
	services  []*service
	scalers   []*manifest.Object
	policies  []podSelecting
	budgets   []podSelecting
	monitors  []*manifest.Object // ServiceMonitors, PodMonitors and their like
	// forwarders are objects of other programs that send requests to pods.
	forwarders []podSelecting
	configs    map[manifest.ID]*manifest.Object
	others     []*manifest.Object
	pods       podIndex
	// namespaces holds the labels of the Namespaces of the input, by name.
	namespaces map[string]map[string]string
}

func newIndex(set *manifest.Set) (*index, error) {
	x := &index{set: set, configs: map[manifest.ID]*manifest.Object{}, namespaces: map[string]map[string]string{}}
	for _, o := range set.Objects {
		if err := x.add(o); err != nil {
			return nil, err
		}
	}
	// Sort, so that the order of the input affects only the order of the
	// output.
	slices.SortFunc(x.workloads, func(a, b *workload) int { return compareIDs(set.ID(a.object), set.ID(b.object)) })
	slices.SortFunc(x.services, func(a, b *service) int { return compareIDs(set.ID(a.object), set.ID(b.object)) })
	x.homonyms = homonyms(x.workloads)
	x.pods = newPodIndex(x.workloads, func(w *workload) map[string]string { return w.labels })
	for _, s := range x.services {
		if s.selector.empty() {
			continue
		}
		for _, w := range x.pods.candidates(s.namespace, s.selector) {
			if s.selector.matches(w.labels) {
				s.workloads = append(s.workloads, w)
				w.services = append(w.services, s)
			}
		}
	}
	return x, nil
}

func compareIDs(a, b manifest.ID) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Group, b.Group))
}

// kindGroup returns the API group in which canarize knows the kind.
func kindGroup(kind, group string) string {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		if group == "apps" || group == "extensions" {
			return "workload"
		}
	case "Service", "ConfigMap", "Secret":
		if group == "" {
			return strings.ToLower(kind)
		}
	case "HorizontalPodAutoscaler":
		if group == "autoscaling" {
			return "scaler"
		}
	case "NetworkPolicy":
		if group == "networking.k8s.io" || group == "extensions" {
			return "policy"
		}
	case "PodDisruptionBudget":
		if group == "policy" {
			return "budget"
		}
	case "ServiceMonitor", "PodMonitor":
		if group == "monitoring.coreos.com" || group == "azmonitoring.coreos.com" {
			return "monitor"
		}
	case "VMServiceScrape", "VMPodScrape":
		if group == "operator.victoriametrics.com" {
			return "monitor"
		}
	case "PodMonitoring":
		if group == "monitoring.googleapis.com" {
			return "monitor"
		}
	}
	return ""
}

func (x *index) add(o *manifest.Object) error {
	role := kindGroup(o.Kind(), o.Group())
	if err := checkObject(o, role); err != nil {
		return err
	}
	switch role {
	case "workload":
		return x.addWorkload(o)
	case "service":
		return x.addService(o)
	case "configmap", "secret":
		x.configs[x.set.ID(o)] = o
	case "scaler":
		x.scalers = append(x.scalers, o)
	case "policy":
		return x.addSelecting(&x.policies, o, "spec.podSelector", manifest.Get(o.Root, "spec", "podSelector"))
	case "budget":
		return x.addSelecting(&x.budgets, o, "spec.selector", manifest.Get(o.Root, "spec", "selector"))
	case "monitor":
		x.monitors = append(x.monitors, o)
	default:
		if o.Kind() == "Namespace" && o.Group() == "" {
			x.addNamespace(o)
		}
		x.addForwarder(o)
		x.others = append(x.others, o)
	}
	return nil
}

func (x *index) addForwarder(o *manifest.Object) {
	kind := foreignKinds[kindID{o.Group(), o.Kind()}]
	if !kind.forwards {
		return
	}
	if q, ok := kind.form.read(manifest.Get(manifest.Get(o.Root, "spec"), kind.selector...)); ok {
		x.forwarders = append(x.forwarders, podSelecting{object: o, namespace: x.set.Namespace(o), selector: q.rough()})
	}
}

func (x *index) addWorkload(o *manifest.Object) error {
	w := &workload{object: o, namespace: x.set.Namespace(o)}
	template := PodTemplate(o)
	if template == nil {
		return o.Errorf(manifest.Get(o.Root, "spec"), "no spec.template, so no canary pods can be made; add it")
	}
	if len(manifest.Items(template, "spec", "containers")) == 0 {
		return o.Errorf(template, "no spec.template.spec.containers; add a container")
	}
	w.labels = manifest.StringMap(template, "metadata", "labels")
	var err error
	if w.selector, err = labelSelector(o, "spec.selector", manifest.Get(o.Root, "spec", "selector")); err != nil {
		return err
	}
	if w.selector.empty() {
		return o.Errorf(manifest.Get(o.Root, "spec"), "no spec.selector.matchLabels; the API server requires it: add labels of spec.template there")
	}
	if !w.selector.matches(w.labels) {
		return o.Errorf(manifest.Get(o.Root, "spec", "selector"), "spec.selector does not match the labels of spec.template, which the API server rejects; give both the same labels")
	}
	x.workloads = append(x.workloads, w)
	return nil
}

func (x *index) addService(o *manifest.Object) error {
	spec := manifest.Get(o.Root, "spec")
	s := &service{object: o, namespace: x.set.Namespace(o), labels: manifest.StringMap(o.Root, "metadata", "labels")}
	if manifest.GetString(spec, "type") != "ExternalName" { // its selector is ignored
		s.selector = selector{equal: manifest.StringMap(spec, "selector")}
	}
	x.services = append(x.services, s)
	return nil
}

func (x *index) addSelecting(to *[]podSelecting, o *manifest.Object, what string, n *manifest.Node) error {
	s, err := labelSelector(o, what, n)
	*to = append(*to, podSelecting{object: o, namespace: x.set.Namespace(o), selector: s})
	return err
}
