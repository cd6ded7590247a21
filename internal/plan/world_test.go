package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// world is a random input: the manifests of a few applications as people write them, and
// the options. Every world is valid: Kubernetes would run it, and a canary is possible.
type world struct {
	t        *rapid.T
	objects  []obj
	emissary string // the namespace of Emissary
	version  derive.Version
	options  plan.Options
	taken    map[string]bool // names of existing objects
	mappings int             // number of Mappings
	relabel  bool            // --labels changes the label env of the pods
	tcp      bool            // has a TCPMapping, whose weight is at most 50 %
	foreign  []foreignObject
}

func (w *world) chance(percent int, what string) bool {
	return rapid.IntRange(1, 100).Draw(w.t, what) > 100-percent // false is the simpler case
}

func one[T any](w *world, what string, from ...T) T {
	return rapid.SampledFrom(from).Draw(w.t, what)
}

func (w *world) number(what string, from, to int) int {
	return rapid.IntRange(from, to).Draw(w.t, what)
}

// subset draws at least n entries of a map.
func subset(w *world, what string, m map[string]string, n int) map[string]string {
	keys := slices.Sorted(maps.Keys(m))
	out := map[string]string{}
	for _, key := range rapid.Permutation(keys).Draw(w.t, what)[:w.number(what+" size", n, len(keys))] {
		out[key] = m[key]
	}
	return out
}

func labelled(m map[string]string) obj {
	out := obj{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// unique returns an unused object name of limited length.
func (w *world) unique(kind, name string, limit int) string {
	for i := 0; ; i++ {
		n := name
		if i > 0 {
			n = fmt.Sprintf("%s%d", name[:min(len(name), limit-2)], i)
		}
		if n = strings.TrimRight(n[:min(len(n), limit)], "-."); !w.taken[kind+n] {
			w.taken[kind+n] = true
			return n
		}
	}
}

// add adds an object, with additions of a cluster, a cloud or a deployment tool.
func (w *world) add(o obj) obj {
	w.litter(o)
	w.objects = append(w.objects, o)
	return o
}

func newObject(apiVersion, kind, ns, name string, spec obj) obj {
	meta := obj{"name": name}
	if ns != "" {
		meta["namespace"] = ns
	}
	o := obj{"apiVersion": apiVersion, "kind": kind, "metadata": meta}
	if spec != nil {
		o["spec"] = spec
	}
	return o
}

// application is one application of a world while it is drawn.
type application struct {
	ns, name  string
	labels    map[string]string // on all its pods
	selecting map[string]string // labels that selectors may use
	workloads []obj
	services  []obj
}

func drawWorld(t *rapid.T) *world {
	w := &world{t: t, taken: map[string]bool{}}
	w.relabel = w.chance(20, "relabel?")
	namespaces := one(w, "namespaces", []string{""}, []string{"", "team-b"}, []string{"shop"}, []string{"shop", "team-b"})
	var apps []*application
	for range w.number("applications", 1, 3) {
		a := w.application(one(w, "namespace", namespaces...))
		apps = append(apps, a)
	}
	for _, a := range apps {
		if w.chance(50, "policies?") {
			w.policies(a, apps)
		}
		w.routes(a)
		if w.chance(30, "foreign?") {
			w.foreigners(a)
		}
	}
	w.bystanders(apps[0])
	w.drawOptions(apps)
	return w
}

var longName = strings.Repeat("a-very-long-name-", 20)

func (w *world) application(ns string) *application {
	base := one(w, "application", "web", "api", "shop-api", "v2", longName[:62]+"g")
	a := &application{ns: ns, name: w.unique("app", base, 63)}
	// One label belongs to the application alone, others are shared by many, and some
	// must not be used in selectors of Services and workloads.
	a.selecting = map[string]string{one(w, "own label", "app", "app.kubernetes.io/name", "k8s-app", "name"): a.name}
	for _, key := range []string{"app", "tier", "acme.example.com/part", "version"} {
		if w.chance(25, "label "+key) && a.selecting[key] == "" {
			a.selecting[key] = one(w, "value", "web", "v1.2_x", "Front", longName[:62]+"g", "")
		}
	}
	a.labels = maps.Clone(a.selecting)
	if w.chance(40, "env?") {
		a.labels["env"] = "prod"
	}
	for i := range w.number("deployments", 1, 2) {
		limit := one(w, "name limit", 20, 20, 20, 253)
		a.workloads = append(a.workloads, w.workload(a, "Deployment", fmt.Sprintf("%.*s-%d", limit-3, a.name+longName[:limit-20], i)))
	}
	if w.chance(20, "other workload?") {
		a.workloads = append(a.workloads, w.workload(a, one(w, "kind", "StatefulSet", "DaemonSet"), a.name[:min(len(a.name), 30)]))
	}
	for range w.number("services", 0, 2) {
		a.services = append(a.services, w.service(a))
	}
	if len(a.services) == 0 && !w.taken["Service"] { // every world has at least one
		a.services = append(a.services, w.service(a))
	}
	for _, o := range a.workloads {
		w.attachments(a, o)
	}
	if w.chance(30, "monitor?") {
		w.monitors(a)
	}
	return a
}

// workload draws a workload. Its selector has a label of its own beside the
// application's: two workloads that select the same pods would fight over them.
func (w *world) workload(a *application, kind, name string) obj {
	name = w.unique(kind, name, 253)
	labels := maps.Clone(a.labels)
	labels["component"] = fmt.Sprintf("%.30s.%.20s.%d%s", name, a.name[len(a.name)/2:], len(a.workloads), kind[:1])
	equal := subset(w, "selector", a.selecting, 0)
	equal["component"] = labels["component"]
	selector := obj{}
	var terms []any
	for _, key := range slices.Sorted(maps.Keys(equal)) {
		if w.chance(20, "expression?") {
			terms = append(terms, obj{"key": key, "operator": "In", "values": one(w, "values", []any{equal[key]}, []any{"another", equal[key]})})
			delete(equal, key)
		}
	}
	for _, term := range []obj{
		{"key": "component", "operator": "Exists"}, {"key": "legacy", "operator": "DoesNotExist"},
		{"key": "version", "operator": "NotIn", "values": []any{"old"}},
	} {
		if w.chance(8, "term?") {
			terms = append(terms, term)
		}
	}
	if len(equal) > 0 || len(terms) == 0 {
		selector["matchLabels"] = labelled(equal)
	}
	if len(terms) > 0 {
		selector["matchExpressions"] = terms
	}
	spec := obj{"selector": selector, "template": obj{"metadata": obj{"labels": labelled(labels)}, "spec": w.podSpec(a, selector)}}
	if kind != "DaemonSet" && w.chance(80, "replicas?") {
		spec["replicas"] = w.number("replicas", 1, 30)
		if w.chance(2, "no replicas?") {
			spec["replicas"] = 0
		}
	}
	if w.chance(20, "pod annotations?") {
		spec["template"].(obj)["metadata"].(obj)["annotations"] = obj{"prometheus.io/scrape": "true", "helm.sh/hook": "kept", "checksum/config": "0123"}
	}
	if kind == "StatefulSet" {
		spec["volumeClaimTemplates"] = []any{obj{
			"metadata": obj{"name": "data", "creationTimestamp": nil}, "status": obj{"phase": "Pending"},
			"spec": obj{"accessModes": []any{"ReadWriteOnce"}},
		}}
	}
	return w.add(newObject("apps/v1", kind, a.ns, name, spec))
}

// service draws a Service for the pods of an application, of one of its workloads, or of
// everything with a shared label.
func (w *world) service(a *application) obj {
	limit := one(w, "name limit", 20, 63)
	selector := subset(w, "service selector", a.selecting, 1)
	if w.chance(20, "one workload's?") {
		selector["component"] = str(a.workloads[0], "spec", "template", "metadata", "labels", "component")
	}
	spec := obj{
		"selector": labelled(selector),
		"ports":    []any{obj{"name": "http", "port": 80, "targetPort": 8080}, obj{"name": "metrics", "port": 8000}},
	}
	w.taken["Service"] = true
	o := newObject("v1", "Service", a.ns, w.unique("Service", a.name+longName[:20], limit), spec)
	if w.chance(60, "service labels?") {
		o["metadata"].(obj)["labels"] = labelled(a.labels)
	}
	switch one(w, "service type", "", "", "ClusterIP", "LoadBalancer", "Headless", "cluster") {
	case "ClusterIP":
		spec["type"] = "ClusterIP"
	case "LoadBalancer":
		maps.Copy(spec, obj{
			"type": "LoadBalancer", "loadBalancerIP": "192.0.2.1", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30001,
			"loadBalancerSourceRanges": []any{"192.0.2.0/24"}, "externalIPs": []any{"192.0.2.7"},
			"allocateLoadBalancerNodePorts": true, "loadBalancerClass": "example.com/lb",
			"ports": []any{obj{"name": "http", "port": 80, "nodePort": 30080}},
		})
		o["metadata"].(obj)["annotations"] = obj{
			"service.beta.kubernetes.io/azure-load-balancer-internal": "true", "kept.example.com/note": "kept",
			"external-dns.alpha.kubernetes.io/hostname": "shop.example.com", "cloud.google.com/neg": `{"ingress":true}`,
		}
	case "Headless":
		maps.Copy(spec, obj{"clusterIP": "None", "clusterIPs": []any{"None"}})
	case "cluster":
		maps.Copy(spec, obj{"clusterIP": "10.0.0.7", "clusterIPs": []any{"10.0.0.7"}, "ipFamilies": []any{"IPv4"}})
	}
	return w.add(o)
}

// drawOptions draws the options.
func (w *world) drawOptions(apps []*application) {
	weight := w.number("weight", 0, 100)
	w.version = one(w, "version of Emissary", derive.Version{}, derive.Version{Major: 4, Minor: 2})
	if w.tcp {
		weight = min(weight, w.version.MaxTCPShare())
	}
	w.emissary = one(w, "Emissary", "emissary", "default")
	w.options = plan.Options{
		Weight: &weight, Routers: []route.Named{{Name: route.Default, Deriver: derive.Router{Namespace: w.emissary, Version: w.version}}}, Prefix: "/", Hostname: "*",
		Canary: canary.Options{Suffix: one(w, "suffix", "-canary", "-next", "-c"), Labels: map[string]string{}, CopyPeers: w.chance(50, "copy peers?")},
	}
	if w.chance(30, "labels?") {
		w.options.Canary.Labels["build.example.com/id"] = "42"
	}
	if w.relabel {
		w.options.Canary.Labels["env"] = "trial"
	}
	switch w.number("replicas mode", 0, 2) {
	case 1:
		w.options.Canary.Replicas.Mode = canary.ReplicasSame
	case 2:
		w.options.Canary.Replicas = canary.Replicas{Mode: canary.ReplicasFixed, N: w.number("pods", 1, 5)}
	}
	for _, a := range apps {
		for _, o := range a.workloads {
			if kind(o) != "Deployment" && w.chance(50, "include?") {
				w.options.Canary.Include = append(w.options.Canary.Include, canary.WorkloadRef{Kind: strings.ToLower(kind(o)), Name: name(o)})
			}
		}
	}
}

// bystanders are objects unrelated to the canary.
func (w *world) bystanders(a *application) {
	pod := func(labels obj) obj {
		return obj{"metadata": obj{"labels": labels}, "spec": obj{"containers": []any{obj{"name": "main", "image": "registry.example.com/tool:1"}}}}
	}
	for i, o := range []obj{
		newObject("apps/v1", "Deployment", a.ns, "queue-worker", obj{"selector": obj{"matchLabels": obj{"job": "worker"}}, "template": pod(obj{"job": "worker", "tier": "none"})}),
		newObject("batch/v1", "Job", a.ns, "migrate", obj{"template": pod(obj{"tier": "web"})}),
		newObject("networking.k8s.io/v1", "Ingress", a.ns, "front", obj{"defaultBackend": obj{"service": obj{"name": a.name, "port": obj{"number": 80}}}}),
		newObject("rbac.authorization.k8s.io/v1", "Role", a.ns, "reader", nil),
		newObject("v1", "Service", a.ns, "partner", obj{"type": "ExternalName", "externalName": "partner.example.com"}),
		newObject("v1", "Service", a.ns, "legacy", obj{"ports": []any{obj{"port": 80}}}),
		newObject("example.com/v1", "Deployment", a.ns, "not-a-workload", obj{"anything": true}),
	} {
		if w.chance(15, fmt.Sprint("bystander ", i)) {
			w.add(o)
		}
	}
}
