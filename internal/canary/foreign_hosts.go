package canary

import (
	"cmp"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/servicename"
)

// hostFields are the fields of other programs' kinds that hold the host name of a Service
// in order to set something for the requests to it (istio.io/api, networking/v1;
// linkerd.io/2/reference/service-profiles, whose name is the host).
var hostFields = map[kindID][]string{
	{"networking.istio.io", "DestinationRule"}: {"spec", "host"},
	{"networking.istio.io", "VirtualService"}:  {"spec", "hosts"},
	{"linkerd.io", "ServiceProfile"}:           {"metadata", "name"},
}

// hosts finds the Services whose host names an object has.
func (f *foreign) hosts(x *finding) {
	path := hostFields[x.id]
	if path == nil || x.id.kind == "VirtualService" && !inMesh(x.object) {
		return // or a route into the mesh, as an Ingress
	}
	n := manifest.Get(x.object.Root, path...)
	names := manifest.Items(n)
	if manifest.IsScalar(n) {
		names = []*manifest.Node{n}
	}
	for _, host := range names {
		name, namespace, rest, ok := serviceHost(host.Value, f.index.set.Namespace(x.object))
		if !ok {
			continue
		}
		id := manifest.ID{Kind: "Service", Namespace: namespace, Name: name}
		if m, found := f.named[id]; found {
			m.host = m.canary.Name() + rest
			x.named = append(x.named, m)
		}
		if c := f.canaryNamed[id]; c != nil {
			x.serves = append(x.serves, c)
		}
	}
}

// inMesh reports whether a VirtualService applies to requests within the mesh: it does
// unless it names gateways and "mesh" is not among them.
func inMesh(o *manifest.Object) bool {
	gateways := manifest.Items(o.Root, "spec", "gateways")
	for _, g := range gateways {
		if g.Value == "mesh" {
			return true
		}
	}
	return len(gateways) == 0
}

// destinationRules copies a DestinationRule for the canary's Service: without it, requests
// would reach the canary without the rule's mutual TLS or limits. No other rule has that
// host.
func (f *foreign) destinationRules(x *finding) {
	if x.id.kind != "DestinationRule" || x.said || len(x.named) != 1 || f.nameTaken(x.object, x.object.Name()) {
		return
	}
	m := x.named[0]
	if m.host == "" || f.served(x.id, m.canary) || f.index.set.Namespace(m.stable) != f.index.set.Namespace(x.object) {
		return
	}
	c := f.derive(x.object)
	manifest.PutString(manifest.Get(c.Root, "spec"), "host", m.host)
	for _, subset := range manifest.Items(c.Root, "spec", "subsets") {
		m.service.relabelSubset(manifest.Get(subset, "labels"))
	}
	x.named = nil
}

// relabelSubset gives labels of stable pods behind a Service their values on the canary
// pods.
func (s *service) relabelSubset(labels *manifest.Node) {
	for _, key := range manifest.Keys(labels) {
		value := manifest.GetString(labels, key)
		for _, w := range s.workloads {
			if changed, found := w.change[key]; found && w.chosen && w.labels[key] == value {
				manifest.PutString(labels, key, changed)
				break
			}
		}
	}
}

// serviceHost splits the host name of a Service. It returns the name of the Service, its
// namespace, and what stands after the name, such as ".shop.svc".
func serviceHost(host, namespace string) (name, in, rest string, ok bool) {
	n, ok := servicename.Parse(host)
	if !ok {
		return "", "", "", false
	}
	return n.Service, cmp.Or(n.Namespace, namespace), host[len(n.Service):], true
}
