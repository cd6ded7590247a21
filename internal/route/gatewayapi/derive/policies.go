package derive

import (
	"cmp"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// policies copies the policies that name a stable route or Service, such as a SecurityPolicy
// or a BackendTLSPolicy, for the canary's. Otherwise they would hold for stable alone
// (PolicyTargetReference). A policy that selects routes by labels holds for the canary's
// route too, which has the labels of the stable one.
func (d *derivation) policies() error {
	for _, o := range d.Set.Objects {
		copied := manifest.NewList()
		for _, target := range targetsOf(o) {
			if name := d.target(o, target); name != "" {
				target = manifest.Clone(target)
				manifest.PutString(target, "name", name)
				copied.Content = append(copied.Content, target)
			}
		}
		if len(copied.Content) == 0 {
			continue
		}
		policy := o.Clone()
		spec := manifest.Get(policy.Root, "spec")
		manifest.Delete(spec, "targetSelectors")
		if manifest.Get(spec, "targetRef") != nil {
			if len(copied.Content) > 1 {
				return o.Errorf(spec, "it has targetRef and targetRefs; keep one of them")
			}
			manifest.Put(spec, "targetRef", copied.Content[0])
		} else {
			manifest.Put(spec, "targetRefs", copied)
		}
		d.Finish(policy, d.Name(o.Name()))
		d.result.Derived = append(d.result.Derived, manifest.Derived{Stable: o, Canary: policy})
		d.note(note.Info, "", o, "its copy %s does for the canary what it does for stable; what it counts, such as requests up to a limit, it counts for each version", policy.Name())
	}
	return nil
}

// targetsOf returns what a policy names; a missing targetRef is nil.
func targetsOf(policy *manifest.Object) []*manifest.Node {
	return slices.Concat(manifest.Items(policy.Root, "spec", "targetRefs"), []*manifest.Node{manifest.Get(policy.Root, "spec", "targetRef")})
}

// target returns the name of the canary's object for a target of a policy; "" if the target
// has none.
func (d *derivation) target(policy *manifest.Object, ref *manifest.Node) string {
	id := manifest.ID{
		Group: manifest.GetString(ref, "group"), Kind: manifest.GetString(ref, "kind"), Name: manifest.GetString(ref, "name"),
		Namespace: cmp.Or(manifest.GetString(ref, "namespace"), d.Set.Namespace(policy)),
	}
	if s, has := d.services[id]; has && id.Group == "" {
		return s.Canary.Name()
	}
	for _, r := range d.routes {
		if d.Set.ID(r.stable) == id && d.strategy != InPlace {
			return r.canary.Name()
		}
	}
	return ""
}

// envoyGroup is the API group of Envoy Gateway.
const envoyGroup = "gateway.envoyproxy.io"

// checkGateway returns an error if an object of the input makes a gateway ignore the extra
// condition of the canary's route, or lets clients choose the version.
func (d *derivation) checkGateway() error {
	for _, o := range d.Set.Objects {
		if o.Group() != envoyGroup {
			continue
		}
		spec := manifest.Get(o.Root, "spec")
		switch o.Kind() {
		case "EnvoyProxy":
			if order := manifest.Get(spec, "preserveRouteOrder"); manifest.IsTrue(order) && d.strategy != InPlace {
				return o.Errorf(order, "with preserveRouteOrder the stable route, which is older, gets all requests of its canary; choose --gateway-strategy %s, or leave the file out if other Gateways use it", InPlace)
			}
		case "ClientTrafficPolicy":
			at := chosenByClients(spec)
			if r := d.sampled(o); r != nil && at != nil {
				return o.Errorf(at, "with it the clients choose the %s by which the canary of %s takes its share, or there is none; choose --gateway-strategy %s", idHeader, r.stable.ID(), d.otherwise())
			}
		}
	}
	return nil
}

// chosenByClients returns the field of a ClientTrafficPolicy with which Envoy does not make
// the id of every request, or nil. An address from a header makes it trust the client, and
// keep the id that comes with the request.
func chosenByClients(spec *manifest.Node) *manifest.Node {
	for _, field := range []string{"xForwardedFor", "customHeader"} {
		if n := manifest.Get(spec, "clientIPDetection", field); n != nil {
			return n
		}
	}
	if n := manifest.Get(spec, "headers", "preserveXRequestID"); manifest.IsTrue(n) {
		return n
	}
	if n := manifest.Get(spec, "headers", "requestID"); manifest.IsScalar(n) && !strings.EqualFold(n.Value, "Generate") {
		return n
	}
	return nil
}

// sampled returns a route whose canary takes its share by ids, at a Gateway for which a
// policy holds; nil if there is none.
func (d *derivation) sampled(policy *manifest.Object) *derived {
	namespace := d.Set.Namespace(policy)
	selects := manifest.Get(policy.Root, "spec", "targetSelectors") != nil
	targets := targetsOf(policy)
	for _, r := range d.routes {
		for _, p := range manifest.Items(r.stable.Root, "spec", "parentRefs") {
			named := func(t *manifest.Node) bool {
				return manifest.GetString(t, "kind") == "Gateway" && manifest.GetString(t, "name") == manifest.GetString(p, "name")
			}
			if r.header == idHeader && cmp.Or(manifest.GetString(p, "namespace"), d.Set.Namespace(r.stable)) == namespace && (selects || slices.ContainsFunc(targets, named)) {
				return r
			}
		}
	}
	return nil
}

// id returns the model's identity of an object.
func (d *derivation) id(o *manifest.Object) model.ID {
	return model.ID{Kind: o.Kind(), Namespace: d.Set.Namespace(o), Name: o.Name()}
}
