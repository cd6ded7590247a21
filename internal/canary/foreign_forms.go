package canary

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/canarize/canarize/internal/manifest"
)

// pod holds the properties of a pod by which a selector can choose it.
type pod struct {
	namespace, account string
	labels             map[string]string
}

// twins are the stable and the canary pods of a workload.
type twins struct{ stable, canary pod }

// query is a selector of pods in any form.
type query interface {
	takes(p pod) bool
	// rough returns a label selector that takes the same pods and perhaps others. It
	// finds the pods that takes has to look at.
	rough() selector
	// tests returns what the query looks at.
	tests() tests
}

// tests are what a query looks at in the labels of pods. They tell for which pods it can
// make a difference that the canary pods have other labels than the stable ones.
type tests struct {
	values    []labelValue // labels that have, or do not have, a value
	existence []string     // labels that are there or not
	parts     bool         // it looks at parts of values
	negative  bool         // it can be that pods are taken because they lack something
}

type labelValue struct{ key, value string }

func (x *tests) add(t term) {
	for _, value := range t.values {
		x.values = append(x.values, labelValue{t.key, value})
	}
	if len(t.values) == 0 {
		x.existence = append(x.existence, t.key)
	}
	x.negative = x.negative || t.operator == "NotIn" || t.operator == "DoesNotExist"
}

// form is a way to write a selector of pods.
type form struct {
	// read returns the query, or false if n is no selector of this form.
	read func(n *manifest.Node) (query, bool)
	// relabel makes the selector take the canary pods of twins whose stable pods it
	// takes. It may fail: whoever calls it checks what the selector takes.
	relabel func(n *manifest.Node, q query, of []twins)
}

// labelQuery is a query of labels alone.
type labelQuery struct{ selector }

func (q labelQuery) takes(p pod) bool { return q.matches(p.labels) }

func (q labelQuery) rough() selector { return q.selector }

func (q labelQuery) tests() tests {
	var x tests
	for key, value := range q.equal {
		x.values = append(x.values, labelValue{key, value})
	}
	for _, t := range q.terms {
		x.add(t)
	}
	return x
}

func labelsOfCanaries(of []twins) []map[string]string {
	labels := make([]map[string]string, len(of))
	for i, t := range of {
		labels[i] = t.canary.labels
	}
	return labels
}

// byLabels is a label selector of Kubernetes (metav1.LabelSelector).
var byLabels = form{
	read: func(n *manifest.Node) (query, bool) {
		s, err := labelSelector(&manifest.Object{}, "selector", n)
		return labelQuery{s}, err == nil && manifest.IsMap(n)
	},
	relabel: func(n *manifest.Node, q query, of []twins) {
		selectCanaries(n, q.rough(), labelsOfCanaries(of))
	},
}

// byMatchLabels is a label selector without expressions, as the selectors of Istio's
// policies (istio.io/api, type/v1beta1, WorkloadSelector).
var byMatchLabels = byMapUnder("matchLabels")

// byLabelsMap is the selector of Istio's networking kinds (istio.io/api,
// networking/v1alpha3, WorkloadSelector).
var byLabelsMap = byMapUnder("labels")

// byMap is a mapping of labels, as the selector of a Service.
var byMap = form{
	read: func(n *manifest.Node) (query, bool) {
		equal, ok := plainMap(n)
		return labelQuery{selector{equal: equal}}, ok
	},
	relabel: func(n *manifest.Node, _ query, of []twins) { relabelMap(n, of) },
}

func byMapUnder(key string) form {
	return form{
		read:    func(n *manifest.Node) (query, bool) { return byMap.read(manifest.Get(n, key)) },
		relabel: func(n *manifest.Node, _ query, of []twins) { relabelMap(manifest.Get(n, key), of) },
	}
}

// plainMap reads a mapping of texts that is not empty.
func plainMap(n *manifest.Node) (map[string]string, bool) {
	m := manifest.StringMap(n)
	return m, len(m) > 0 && len(m) == len(n.Content)/2
}

// relabelMap gives the labels their values on the canary pods. A label with several
// values stays, because the form cannot say so.
func relabelMap(n *manifest.Node, of []twins) {
	for _, key := range manifest.Keys(n) {
		if values, all := valuesOf(key, labelsOfCanaries(of)); all && len(values) == 1 && values[0] != manifest.GetString(n, key) {
			manifest.PutString(n, key, values[0])
		}
	}
	manifest.PutString(n, TrackLabel, TrackCanary)
}

// anyForm reads a selector in an object whose kind is not known.
func anyForm(n *manifest.Node) (query, bool) {
	switch {
	case manifest.IsScalar(n):
		if q, err := parseCalico(n.Value); err == nil {
			return q, true
		}
		return readText(n.Value)
	case manifest.Get(n, "matchLabels") != nil || manifest.Get(n, "matchExpressions") != nil:
		return byCiliumLabels.read(n)
	case manifest.IsMap(manifest.Get(n, "labels")):
		return byLabelsMap.read(n)
	}
	for _, key := range []string{"labelSelector", "labelSelectors"} { // the latter in Chaos Mesh
		if inner := manifest.Get(n, key); manifest.IsMap(inner) {
			return anyForm(inner)
		}
	}
	return byMap.read(n)
}

// readText reads a label selector as the API server takes it in a list call:
// "app=web,tier in (a,b)".
func readText(text string) (query, bool) {
	if len(text) > maxSelectorText {
		return nil, false
	}
	parsed, err := labels.Parse(text)
	if err != nil {
		return nil, false
	}
	requirements, _ := parsed.Requirements()
	var s selector
	for _, r := range requirements {
		t := term{key: r.Key(), values: r.ValuesUnsorted()}
		slices.Sort(t.values)
		switch r.Operator() {
		case selection.Equals, selection.DoubleEquals, selection.In:
			t.operator = "In"
		case selection.NotEquals, selection.NotIn:
			t.operator = "NotIn"
		case selection.Exists:
			t.operator = "Exists"
		case selection.DoesNotExist:
			t.operator = "DoesNotExist"
		default: // greater and less are for nodes
			return nil, false
		}
		s.terms = append(s.terms, t)
	}
	return labelQuery{s}, !s.empty()
}

// maxSelectorText is far longer than any selector.
const maxSelectorText = 64 << 10

// ciliumQuery is a label selector of Cilium. Its keys may have a source, as k8s:app, and
// may be about more than labels (github.com/cilium/cilium, pkg/policy/api,
// EndpointSelector).
type ciliumQuery struct{ raw selector }

// byCiliumLabels is a label selector of Cilium.
var byCiliumLabels = form{
	read: func(n *manifest.Node) (query, bool) {
		q, ok := byLabels.read(n)
		return ciliumQuery{q.rough()}, ok
	},
	relabel: func(n *manifest.Node, q query, of []twins) {
		views := make([]map[string]string, len(of))
		for i, t := range of {
			views[i] = q.(ciliumQuery).view(t.canary)
		}
		selectCanaries(n, q.(ciliumQuery).raw, views)
	},
}

func (q ciliumQuery) takes(p pod) bool { return q.raw.matches(q.view(p)) }

// tests leaves out what is the same for stable and canary pods.
func (q ciliumQuery) tests() tests { return labelQuery{q.rough()}.tests() }

// rough drops what is about more than labels.
func (q ciliumQuery) rough() selector {
	s := selector{equal: map[string]string{}}
	for key, value := range q.raw.equal {
		if source, name := ciliumKey(key); isPodSource(source) && !strings.HasPrefix(name, "io.") {
			s.equal[name] = value
		}
	}
	for _, t := range q.raw.terms {
		if source, name := ciliumKey(t.key); isPodSource(source) && !strings.HasPrefix(name, "io.") {
			s.terms = append(s.terms, term{name, t.operator, t.values})
		}
	}
	return s
}

// Labels that Cilium derives from a pod beside its own (pkg/k8s/apis/cilium.io).
const (
	ciliumNamespace       = "io.kubernetes.pod.namespace"
	ciliumNamespaceLabels = "io.cilium.k8s.namespace.labels."
	ciliumAccount         = "io.cilium.k8s.policy.serviceaccount"
	ciliumPrefix          = "io.cilium."
)

// view returns the pod's values for the keys of the query. What the input does not show,
// such as the labels of namespaces, has the value that the query asks for: it is the same
// for stable and canary pods.
func (q ciliumQuery) view(p pod) map[string]string {
	view := map[string]string{}
	add := func(key, wanted string) {
		switch source, name := ciliumKey(key); {
		case !isPodSource(source): // such as reserved:host
		case name == ciliumNamespace:
			view[key] = p.namespace
		case name == ciliumNamespaceLabels+namespaceName:
			view[key] = p.namespace
		case name == ciliumAccount:
			view[key] = p.account
		case strings.HasPrefix(name, ciliumPrefix):
			view[key] = wanted
		default:
			if value, found := p.labels[name]; found {
				view[key] = value
			}
		}
	}
	for key, value := range q.raw.equal {
		add(key, value)
	}
	for _, t := range q.raw.terms {
		if len(t.values) > 0 && t.operator == "In" {
			add(t.key, t.values[0])
		} else if t.operator == "Exists" || !strings.Contains(t.key, ciliumPrefix) {
			add(t.key, "")
		}
	}
	return view
}

// inNamespaces reports whether the query says itself in which namespaces its pods are.
func (q ciliumQuery) inNamespaces() bool {
	named := func(key string) bool {
		_, name := ciliumKey(key)
		return name == ciliumNamespace || strings.HasPrefix(name, ciliumNamespaceLabels)
	}
	for key := range q.raw.equal {
		if named(key) {
			return true
		}
	}
	return slices.ContainsFunc(q.raw.terms, func(t term) bool { return named(t.key) })
}

func ciliumKey(key string) (source, name string) {
	if source, name, found := strings.Cut(key, ":"); found {
		return source, name
	}
	return "any", key
}

func isPodSource(source string) bool { return source == "any" || source == "k8s" || source == "" }
