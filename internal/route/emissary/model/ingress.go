package model

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// These functions follow ingress.py in Emissary's fetch. Emissary makes Mappings
// of the rules of an Ingress of its class, and Hosts of its TLS entries.

const (
	classAnnotation   = "kubernetes.io/ingress.class"
	idAnnotation      = "getambassador.io/ambassador-id"
	ingressController = "getambassador.io/ingress-controller"
	// ingressLabel connects the Hosts and the Mappings of an Ingress.
	ingressLabel = "a10r-k8s-ingress"
)

// Reads reports whether Emissary's configuration may depend on an object.
func Reads(o map[string]any) bool {
	return strings.HasPrefix(text(o["apiVersion"]), apiGroup) || ownsAnnotations(o) || isIngressClass(o)
}

func isIngress(o map[string]any) bool { return text(o["kind"]) == "Ingress" && ownsAnnotations(o) }

func isIngressClass(o map[string]any) bool {
	group, _, _ := strings.Cut(text(o["apiVersion"]), "/")
	return group == "networking.k8s.io" && text(o["kind"]) == "IngressClass"
}

func annotation(o map[string]any, key string) (string, bool) {
	v, found := object(object(o["metadata"])["annotations"])[key]
	return text(v), found
}

// namespaceOf returns the namespace of an object.
func namespaceOf(o map[string]any) string {
	return or(text(object(o["metadata"])["namespace"]), "default")
}

// ingressSet holds what Emissary needs to read an Ingress.
type ingressSet struct {
	opts     Options
	log      *journal
	classes  map[string]bool           // by name of an IngressClass, whether it is Emissary's
	services map[string]map[string]any // by namespace/name
	seen     map[string]bool           // the Ingresses, by namespace/name
	guess    bool                      // judge an unknown IngressClass by its name
}

// ingressResources returns what Emissary makes of the Ingresses among objects.
func ingressResources(objects []map[string]any, opts Options, log *journal) []*resource {
	s := &ingressSet{opts: opts, log: log}
	return s.resources(objects)
}

func (s *ingressSet) resources(objects []map[string]any) []*resource {
	s.classes, s.services, s.seen = map[string]bool{}, map[string]map[string]any{}, map[string]bool{}
	var all []map[string]any
	for _, o := range objects {
		name := text(object(o["metadata"])["name"])
		switch {
		case isIngressClass(o):
			controller := text(object(o["spec"])["controller"])
			s.classes[name] = strings.EqualFold(controller, ingressController) && s.isOwn(o)
		case isIngress(o):
			all = append(all, o)
		case text(o["apiVersion"]) == "v1" && text(o["kind"]) == "Service":
			s.services[namespaceOf(o)+"/"+name] = o
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return identity(all[i]) < identity(all[j]) })
	var out []*resource
	for _, o := range all {
		id := namespaceOf(o) + "/" + text(object(o["metadata"])["name"])
		if !s.seen[id] && s.takes(o) {
			out = append(out, s.read(o)...)
		}
		s.seen[id] = true
	}
	return out
}

// IngressServices returns the service of every Mapping that Emissary makes of the
// Ingresses among objects. An IngressClass that is not among them is Emissary's if its
// name says so.
func IngressServices(objects []map[string]any, opts Options) []string {
	s := &ingressSet{opts: opts, log: &journal{}, guess: true}
	var services []string
	for _, r := range s.resources(objects) {
		if r.kind == "Mapping" {
			services = append(services, text(r.spec["service"]))
		}
	}
	return services
}

// isOwn reports whether an object is for this installation.
func (s *ingressSet) isOwn(o map[string]any) bool {
	id, found := annotation(o, idAnnotation)
	if !found {
		id = "default"
	}
	return id == or(s.opts.AmbassadorID, "default")
}

// takes reports whether Emissary makes Mappings of an Ingress.
func (s *ingressSet) takes(o map[string]any) bool {
	class := text(object(o["spec"])["ingressClassName"])
	if value, _ := annotation(o, classAnnotation); strings.EqualFold(value, "ambassador") {
		return s.isOwn(o)
	}
	own, known := s.classes[class]
	if lower := strings.ToLower(class); !known && (strings.Contains(lower, "ambassador") || strings.Contains(lower, "emissary")) {
		if s.guess {
			return s.isOwn(o)
		}
		text := fmt.Sprintf("%s: its IngressClass %q is unknown here; if it is Emissary's, Emissary makes Mappings of the Ingress, which are not counted", identity(o), class)
		s.log.warn(text)
		s.log.uncounted = append(s.log.uncounted, text)
	}
	return own && s.isOwn(o)
}

// read returns the Hosts and Mappings of an Ingress, in the order in which
// Emissary numbers them.
func (s *ingressSet) read(o map[string]any) []*resource {
	spec := object(o["spec"])
	in := ingress{
		set: s, name: text(object(o["metadata"])["name"]), namespace: namespaceOf(o),
		labels: object(object(o["metadata"])["labels"]), id: or(s.opts.AmbassadorID, "default"),
	}
	for i, entry := range list(spec["tls"]) {
		in.link = "a10r-ingress-" + in.name + "-" + in.namespace
		in.host(i, object(entry))
	}
	backend, found := spec["defaultBackend"]
	if !found {
		backend = spec["backend"]
	}
	if name, port := backendOf(backend); name != "" {
		in.add("Mapping", in.name+"-default-backend", map[string]any{
			"hostname": "*", "prefix": "/", "service": fmt.Sprintf("%s.%s:%s", name, in.namespace, port),
		})
	}
	for i, rule := range list(spec["rules"]) {
		for j, path := range list(object(object(rule)["http"])["paths"]) {
			in.path(fmt.Sprintf("%s-%d-%d", in.name, i, j), text(object(rule)["host"]), object(path))
		}
	}
	return in.out
}

// ingress is an Ingress that Emissary takes.
type ingress struct {
	set             *ingressSet
	name, namespace string
	labels          map[string]any
	id              string // ambassador_id
	link            string // the value of ingressLabel; "" if it has no TLS entry
	out             []*resource
}

func (in *ingress) add(kind, name string, spec map[string]any) {
	r := &resource{
		kind: kind, version: "v3alpha1", name: name, namespace: in.namespace, alias: name, ingress: in.name,
		key:    name + "." + in.namespace + "." + strconv.Itoa(len(in.out)+1),
		labels: map[string]any{}, spec: spec,
	}
	spec["ambassador_id"] = []any{in.id}
	for k, v := range in.labels {
		r.labels[k] = v
	}
	if in.link != "" && kind == "Mapping" {
		r.labels[ingressLabel] = in.link
	}
	if kind == "Mapping" {
		r.refused = checkMapping(spec)
	}
	in.out = append(in.out, r)
}

// host adds the Hosts of a TLS entry.
func (in *ingress) host(number int, entry map[string]any) {
	secret := text(entry["secretName"])
	if secret == "" {
		return
	}
	hosts := list(entry["hosts"])
	if len(hosts) == 0 {
		hosts = []any{"*"}
	}
	for i, host := range hosts {
		in.add("Host", fmt.Sprintf("%s-%d-%d", in.name, number, i), map[string]any{
			"hostname": text(host), "tlsSecret": map[string]any{"name": secret},
			"selector":      map[string]any{"matchLabels": map[string]any{ingressLabel: in.link}},
			"requestPolicy": map[string]any{"insecure": map[string]any{"action": "Route"}},
		})
	}
}

// path adds the Mapping of a path.
func (in *ingress) path(name, host string, path map[string]any) {
	service, port := backendOf(path["backend"])
	if service == "" || port == "0" || port == "" {
		return
	}
	address := service + "." + in.namespace
	if port = in.set.portNumber(in.namespace, service, port); port != "" {
		address += ":" + port
	}
	exact := text(path["pathType"]) == "Exact"
	spec := map[string]any{
		"prefix": or(text(path["path"]), "/"), "prefix_exact": exact, "service": address, "precedence": 0,
	}
	if exact {
		spec["precedence"] = 1
	}
	switch {
	case strings.HasPrefix(host, "*."):
		const label = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?"
		spec["host"] = strings.Replace(strings.ReplaceAll(host, ".", `\.`), "*", label, 1) + "$"
		spec["host_regex"] = true
	case host != "":
		spec["hostname"] = host
	case in.link == "":
		spec["hostname"] = "*"
	}
	in.add("Mapping", name, spec)
}

// backendOf returns the Service of a backend and its port, a number or a name.
func backendOf(backend any) (service, port string) {
	b := object(backend)
	if v1 := object(b["service"]); v1 != nil {
		p := object(v1["port"])
		return text(v1["name"]), or(text(p["name"]), or(plain(p["number"]), "0"))
	}
	return text(b["serviceName"]), or(plain(b["servicePort"]), "0")
}

// portNumber returns the number of a port. If a Service or its port is missing,
// Emissary takes the name for a number and posts an error; if the Service may be
// outside of the set, portNumber returns "".
func (s *ingressSet) portNumber(namespace, service, port string) string {
	if isDigits(port) {
		return port
	}
	o, found := s.services[namespace+"/"+service]
	for _, p := range list(object(o["spec"])["ports"]) {
		if text(object(p)["name"]) == port {
			return plain(object(p)["port"])
		}
	}
	if !found && !s.opts.Complete {
		return ""
	}
	return port
}
