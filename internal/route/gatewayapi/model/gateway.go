package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// listener is an endpoint of a Gateway.
type listener struct {
	gateway  ID
	name     string
	port     int64  // 0 means any: the Gateway is assumed
	protocol string // "" means any
	hostname string // "" means all
	// from, selector and kinds say which routes it accepts (AllowedRoutes).
	from     string
	selector selector
	kinds    []string // nil means those of the protocol

	attached map[bool][]*attachment // GRPCRoutes by true
}

func (l *listener) String() string {
	out := l.gateway.Namespace + "/" + l.gateway.Name
	if l.gateway.Kind != "Gateway" {
		out = l.gateway.String()
	}
	if l.name != "" {
		out += " " + l.name
	}
	if l.port != 0 {
		out += ":" + strconv.FormatInt(l.port, 10)
	}
	return out
}

// readGateway reads a Gateway. Fields that decide nothing about requests are not read.
func readGateway(o map[string]any, id ID) ([]*listener, *reader) {
	r := &reader{id: id}
	var out []*listener
	spec := node{r, []string{"spec"}, o["spec"]}
	spec.object("gatewayClassName listeners addresses infrastructure allowedListeners tls defaultScope")
	for _, n := range spec.get("listeners").items(64) {
		n.object("name hostname port protocol tls allowedRoutes")
		l := &listener{gateway: id, name: n.get("name").name(253), port: n.get("port").number(0, 1, 65535), protocol: n.get("protocol").name(255)}
		if n.get("port").missing() {
			n.get("port").refuse("is missing")
		}
		if host := n.get("hostname"); !host.missing() {
			l.hostname = readHostname(host)
		}
		l.readAllowed(n.get("allowedRoutes"))
		for _, other := range out {
			if other.name == l.name || other.port == l.port && other.protocol == l.protocol && other.hostname == l.hostname {
				n.refuse("has the name, or the port, protocol and hostname, of listener %s", other.name)
			}
		}
		out = append(out, l)
	}
	return out, r
}

// readAllowed reads which routes may attach: by default those of the Gateway's namespace,
// and of the kinds that fit the protocol (AllowedRoutes, RouteNamespaces).
func (l *listener) readAllowed(n node) {
	n.object("namespaces kinds")
	namespaces := n.get("namespaces")
	namespaces.object("from selector")
	l.from = namespaces.get("from").oneOf("Same", "All Selector Same")
	l.selector = selector{{key: nameLabel, operator: "In"}} // without a selector no namespace fits
	if s := namespaces.get("selector"); !s.missing() {
		l.selector = readSelector(s)
	}
	for _, k := range n.get("kinds").items(8) {
		k.object("group kind")
		if k.get("group").text(APIGroup) == APIGroup {
			l.kinds = append(l.kinds, k.get("kind").name(63))
		} else {
			l.kinds = append(l.kinds, "of another group")
		}
	}
}

// fits reports whether a reference means the listener: name and port have to be those of
// the reference, if it has them (ParentReference).
func (l *listener) fits(p parent) bool {
	return (p.section == "" || p.section == l.name) && (p.port == 0 || p.port == l.port)
}

// refusal returns why the listener accepts no routes of this kind, or "". HTTP and HTTPS
// take HTTPRoutes and GRPCRoutes, unless kinds restricts them (AllowedRoutes).
func (l *listener) refusal(kind string) string {
	switch {
	case l.kinds != nil && !slices.Contains(l.kinds, kind):
		return "accepts only routes of the kinds " + strings.Join(l.kinds, ", ")
	case l.protocol == "" || l.protocol == "HTTP" || l.protocol == "HTTPS":
		return ""
	}
	return "has the protocol " + l.protocol
}

// admits says whether the listener accepts routes of a namespace. Without the Namespace
// object its labels are not known.
func (l *listener) admits(namespace string, w *world) verdict {
	switch l.from {
	case "All":
		return yes
	case "Selector":
		labels, known := w.namespaces[namespace]
		fits := verdictOf(l.selector.fits(labels, namespace))
		if !known && !w.complete && !l.selector.onlyName() {
			return open
		}
		return fits
	}
	return verdictOf(namespace == l.gateway.Namespace)
}

// source describes the namespaces from which the listener accepts routes.
func (l *listener) source() string {
	if l.from == "Selector" {
		return "accepts only routes of namespaces with certain labels"
	}
	return "accepts only routes of namespace " + l.gateway.Namespace
}

// selector selects namespaces by their labels (LabelSelector of apimachinery).
type selector []requirement

type requirement struct {
	key, operator string
	values        []string
}

// nameLabel is the label with a namespace's name, which the API server sets.
const nameLabel = "kubernetes.io/metadata.name"

func readSelector(n node) (s selector) {
	n.object("matchLabels matchExpressions")
	labels := n.get("matchLabels")
	for _, key := range sortedKeys(object(labels.v)) {
		s = append(s, requirement{key, "In", []string{labels.get(key).text("")}})
	}
	for _, e := range n.get("matchExpressions").items(1000) {
		e.object("key operator values")
		r := requirement{key: e.get("key").name(317), operator: e.get("operator").oneOf("", "In NotIn Exists DoesNotExist")}
		for _, v := range e.get("values").items(1000) {
			r.values = append(r.values, v.text(""))
		}
		s = append(s, r)
	}
	return s
}

func (s selector) fits(labels map[string]any, namespace string) bool {
	for _, r := range s {
		v, found := labels[r.key]
		if r.key == nameLabel {
			v, found = namespace, true
		}
		among := found && slices.Contains(r.values, fmt.Sprint(v))
		if !map[string]bool{"In": among, "NotIn": !among, "Exists": found, "DoesNotExist": !found}[r.operator] {
			return false
		}
	}
	return true
}

// onlyName reports whether the name of a namespace decides.
func (s selector) onlyName() bool {
	return !slices.ContainsFunc(s, func(r requirement) bool { return r.key != nameLabel })
}
