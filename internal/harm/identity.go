package harm

import (
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// place is where an annotation stands.
type place int

const (
	onPods place = iota
	onWorkload
	onService
)

// identities are annotations by which others send traffic or work to pods, whatever
// Emissary's weight is. Each says what happens with two versions under one value.
//   - Dapr: docs.dapr.io, service invocation; the default of a topic's consumer group
//   - Consul: connect-inject and catalog sync of consul-k8s
//   - App Mesh: its injector
//   - Skupper: annotations of version 1
var identities = []struct {
	key    string
	at     place
	needs  string // an annotation without which, or with false, it does nothing
	unless string // an annotation that turns it off with false
	effect string
}{
	{"dapr.io/app-id", onPods, "dapr.io/enabled", "", "by which Dapr sends calls and messages"},
	{"consul.hashicorp.com/connect-service", onPods, "", "consul.hashicorp.com/connect-inject", "by which Consul sends requests"},
	{"consul.hashicorp.com/service-name", onService, "", "consul.hashicorp.com/service-sync", "by which Consul's catalog lists it"},
	{"appmesh.k8s.aws/virtualNode", onPods, "", "appmesh.k8s.aws/sidecarInjectorWebhook", "by which App Mesh sends requests"},
	{"skupper.io/address", onWorkload, "skupper.io/proxy", "", "by which Skupper sends requests"},
	{"skupper.io/address", onService, "skupper.io/proxy", "", "by which Skupper sends requests"},
}

// addresses are annotations that ask for an address of a network, which only one pod can
// have: Calico, Kube-OVN.
var addresses = []string{
	"cni.projectcalico.org/ipAddrs", "cni.projectcalico.org/ipAddrsNoIpam", "cni.projectcalico.org/floatingIPs",
	"ovn.kubernetes.io/ip_address", "ovn.kubernetes.io/mac_address",
}

// keptEffect is what follows from an identity that the canary keeps.
const keptEffect = ", so it gets a part of what comes by that name whatever its weight; check that either version may get it"

// identity warns about pods that keep on the canary what others know stable by.
func (e *examination) identity(s *subject) {
	member := identitiesIn(s.annotations, onPods)
	member = append(member, identitiesIn(manifest.StringMap(s.Stable.Root, "metadata", "annotations"), onWorkload)...)
	member = append(member, registrations(s)...)
	var alone []string
	for _, key := range addresses {
		if s.annotations[key] != "" {
			alone = add(alone, "the address in "+key)
		}
	}
	for _, v := range s.signs {
		switch {
		case v.role == joins && !v.onePod && !s.changes(v.label):
			member = add(member, v.shownValue()+" (by which it joins "+v.of+")")
		case v.role == single && !v.onePod && !s.changes(v.label) && s.replicas() < 2:
			// With more pods, stable's own would already take it from each other.
			alone = add(alone, v.shownValue()+" at "+v.of)
		}
	}
	var says []string
	if len(member) > 0 {
		says = append(says, "the canary keeps "+list(member)+keptEffect)
	}
	if len(alone) > 0 {
		says = append(says, "the canary asks for "+list(alone)+", which only one pod can have at a time; let every pod get its own")
	}
	if len(says) > 0 {
		e.warn(note.SharedIdentity, s.Stable, "%s", strings.Join(says, "; "))
	}
}

// serviceIdentity warns about a Service whose canary is known under the same name.
func (e *examination) serviceIdentity(d manifest.Derived) {
	if member := identitiesIn(manifest.StringMap(d.Canary.Root, "metadata", "annotations"), onService); len(member) > 0 {
		e.warn(note.SharedIdentity, d.Stable, "the canary keeps %s%s", list(member), keptEffect)
	}
}

func identitiesIn(annotations map[string]string, at place) []string {
	var found []string
	for _, i := range identities {
		value := annotations[i.key]
		if i.at != at || value == "" || saysNo(annotations[i.unless]) {
			continue
		}
		if i.needs != "" && (annotations[i.needs] == "" || saysNo(annotations[i.needs])) {
			continue
		}
		found = add(found, i.key+named(value)+" ("+i.effect+")")
	}
	return found
}

// registrations returns the registries at which the pods register under stable's name.
func registrations(s *subject) []string {
	type registry struct {
		of    string
		shown []string
		off   bool
	}
	var all []*registry
	at := func(of string) *registry {
		for _, r := range all {
			if r.of == of {
				return r
			}
		}
		all = append(all, &registry{of: of})
		return all[len(all)-1]
	}
	name := ""
	for _, v := range s.signs {
		switch v.role {
		case registers:
			r := at(v.of)
			r.off = r.off || turnsOff(v)
			r.shown = add(r.shown, v.shown)
		case registersAs:
			if !s.changes(v.label) {
				name = v.shownValue()
			}
		}
	}
	var found []string
	for _, r := range all {
		if r.off {
			continue
		}
		by := r.shown[0]
		if name != "" {
			by = name
		}
		found = append(found, by+" (by which "+r.of+" knows it)")
	}
	return found
}

// turnsOff reports whether a setting keeps the pods out of a registry.
func turnsOff(v sign) bool {
	if v.name == "DUBBO_REGISTRY_ADDRESS" && strings.EqualFold(v.value, "N/A") {
		return true
	}
	for _, ending := range []string{"_ENABLED", "_REGISTER", "_REGISTER_WITH_EUREKA", "_REGISTERWITHEUREKA", "_REGISTER_ENABLED"} {
		if strings.HasSuffix(v.name, ending) {
			return v.off()
		}
	}
	return false
}

// reportingLabels are pod labels that name the pods in traces and metrics.
var reportingLabels = []struct{ key, of string }{
	{"tags.datadoghq.com/service", "Datadog"}, {"service.istio.io/canonical-name", "Istio's metrics"}, {"backstage.io/kubernetes-id", "Backstage"},
}

// as returns " as VALUE" if the value may be shown.
func as(value string) string {
	if value = named(value); value != "" {
		return " as" + value
	}
	return ""
}

// telemetry notes under which name the canary's figures are found. The judge reads its
// counts by pod or by route, so they are not mixed there.
func (e *examination) telemetry(s *subject) {
	var same, apart, other []string
	for _, v := range s.signs {
		changes := s.changes(v.label)
		switch {
		case v.role == reports && changes:
			apart = add(apart, v.of+as(s.CanaryLabels[v.label])+" ("+v.shown+" is label "+v.label+")")
		case v.role == reports && !v.onePod:
			same = add(same, v.of+as(v.value)+" ("+v.shown+")")
		case v.role == noRole && changes:
			other = add(other, v.shown+" (label "+v.label+")")
		}
	}
	for _, l := range reportingLabels {
		if value := s.CanaryLabels[l.key]; value != "" && value == s.Labels[l.key] {
			same = add(same, l.of+as(value)+" (label "+l.key+")")
		}
	}
	if len(same) > 0 {
		e.inform(s.Stable, "the canary reports to %s, as stable does; tell them apart there by pod or version", list(same))
	}
	if len(apart) > 0 {
		e.inform(s.Stable, "the canary reports to %s, so its figures are apart from stable's there", list(apart))
	}
	if len(other) > 0 {
		e.inform(s.Stable, "the value of %s is another one on the canary; check that its reader can cope", list(other))
	}
}
