package derive

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// check returns an error if a stable route cannot have a canary.
func (d *derivation) check() error {
	d.before = model.New(d.values(), model.Options{})
	report := d.before.Report()
	for _, r := range d.routes {
		if d.Weight == nil {
			return r.stable.Errorf(nil, "it routes to a Service with a canary, and the canary's route needs a share: pass --canary-weight N")
		}
		for _, check := range []func(*derived) error{d.checkOwner, d.checkParents} {
			if err := check(r); err != nil {
				return err
			}
		}
		if err := d.checkStable(r, report); err != nil {
			return err
		}
	}
	return nil
}

// values returns the objects of the input that the model reads.
func (d *derivation) values() (out []map[string]any) {
	for _, o := range d.Set.Objects {
		if o.Group() == model.APIGroup || slices.Contains([]string{"Service", "Namespace", "EndpointSlice"}, o.Kind()) {
			out = append(out, d.Set.Value(o))
		}
	}
	return out
}

// progress is the label that Argo Rollouts' plugin gives a route whose weights it changes
// (rollouts-plugin-trafficrouter-gatewayapi).
const progress = "rollouts.argoproj.io/gatewayapi-canary"

// checkOwner returns an error if another program changes the route during releases.
func (d *derivation) checkOwner(r *derived) error {
	metadata := manifest.Get(r.stable.Root, "metadata")
	if label := manifest.Get(metadata, "labels", progress); label != nil {
		return r.stable.Errorf(label, "the label %s says that Argo Rollouts changes its weights now; finish that rollout first", progress)
	}
	for _, owner := range manifest.Items(metadata, "ownerReferences") {
		if manifest.IsTrue(manifest.Get(owner, "controller")) {
			return r.stable.Errorf(owner, "%s %s made it and keeps changing it; pass a route that no other program changes", manifest.GetString(owner, "kind"), manifest.GetString(owner, "name"))
		}
	}
	for _, o := range d.Set.Objects {
		if at := d.changes(o, r.stable); at != nil {
			return r.stable.Errorf(nil, "%s (%s) changes the weights of this route; release the application by one program only", o.ID(), o.At(at))
		}
	}
	return nil
}

// changes returns the field by which an object makes another program change a route, or nil.
func (d *derivation) changes(o, stable *manifest.Object) *manifest.Node {
	named := func(n *manifest.Node) bool { return manifest.IsScalar(n) && n.Value == stable.Name() }
	spec := manifest.Get(o.Root, "spec")
	switch {
	case o.Group() == "argoproj.io" && o.Kind() == "Rollout":
		plugins := manifest.Get(spec, "strategy", "canary", "trafficRouting", "plugins")
		for _, key := range manifest.Keys(plugins) {
			plugin := manifest.Get(plugins, key)
			if cmp.Or(manifest.GetString(plugin, "namespace"), d.Set.Namespace(o)) != d.Set.Namespace(stable) {
				continue
			}
			field := strings.ToLower(stable.Kind()[:4]) + stable.Kind()[4:] // httpRoute
			names := []*manifest.Node{manifest.Get(plugin, field)}
			for _, item := range manifest.Items(plugin, field+"s") {
				names = append(names, manifest.Get(item, "name"))
			}
			if at := slices.IndexFunc(names, named); at >= 0 {
				return names[at]
			}
		}
	case o.Group() == "flagger.app" && o.Kind() == "Canary" && strings.HasPrefix(manifest.GetString(spec, "provider"), "gatewayapi"):
		// Flagger's route has the name of the Service that it makes.
		name := cmp.Or(manifest.Get(spec, "service", "name"), manifest.Get(spec, "targetRef", "name"))
		if named(name) && d.Set.Namespace(o) == d.Set.Namespace(stable) {
			return name
		}
	}
	return nil
}

// checkParents returns an error if requests reach the route by something else than Gateways
// that it names.
func (d *derivation) checkParents(r *derived) error {
	for _, p := range manifest.Items(r.stable.Root, "spec", "parentRefs") {
		if kind := manifest.GetString(p, "kind"); kind == "Service" {
			return r.stable.Errorf(p, "its parent is a Service, so it is a route of a service mesh, whose shares canarize cannot compute; pass a route of a Gateway")
		}
	}
	if scope := manifest.Get(r.stable.Root, "spec", "useDefaultGateways"); scope != nil {
		return r.stable.Errorf(scope, "useDefaultGateways leaves open which Gateways send requests to it; name them in parentRefs")
	}
	return nil
}

// checkStable returns an error if stable does not get the requests of its route, or if their
// share is not clear.
func (d *derivation) checkStable(r *derived, report model.Report) error {
	id := d.id(r.stable)
	groups := groupsOf(report, id)
	reached, attached := false, len(groups) > 0
	for _, u := range report.Unattached {
		if u.Route == id {
			attached = true
			d.note(note.Warning, note.UnreachedRoute, r.stable, "no request reaches it or its canary by %s: %s", cmp.Or(u.Parent, "a Gateway"), u.Reason)
		}
	}
	if !attached { // the API server refuses it
		for _, p := range report.Problems {
			if p.Object == id {
				return r.stable.Errorf(manifest.Nearest(r.stable.Root, p.Path...), "%s", p.Text)
			}
		}
		return r.stable.Errorf(nil, "it has no metadata.name, or no rule, so no request reaches it; correct it first")
	}
	for _, g := range groups {
		for _, row := range g.Rows {
			if s := d.canaryOf(serviceOf(row)); s != nil {
				at := manifest.Nearest(r.stable.Root, "spec", "rules", strconv.Itoa(g.Rule), "backendRefs")
				return r.stable.Errorf(at, "rules[%d] already leads to %s, the canary of %s; pass the route as it is without a canary, or choose another --suffix", g.Rule, row.Backend, s.ID())
			}
			if _, has := d.services[serviceOf(row)]; !has {
				continue
			}
			at := manifest.Nearest(r.stable.Root, "spec", "rules", strconv.Itoa(g.Rule), "backendRefs")
			switch {
			case row.Of == 0:
				return r.stable.Errorf(at, "all weights of rules[%d] are 0, so there is nothing of which the canary could get a share; give the Service a weight, or remove the rule", g.Rule)
			case row.Status == "redirect":
				return r.stable.Errorf(at, "a filter of the backend in rules[%d] redirects its requests, so neither version would get them; remove the backend from the rule", g.Rule)
			case row.Status != "":
				return r.stable.Errorf(at, "a backend of rules[%d] %s, so its requests get %s even without a canary; correct it first", g.Rule, row.Reason, row.Status)
			}
			reached = reached || row.Weight > 0
		}
	}
	if len(groups) > 0 && !reached {
		d.note(note.Warning, note.UnreachedRoute, r.stable, "the weights give stable none of its requests, so the canary gets none either")
	}
	d.noteRules(r)
	return nil
}

// canaryOf returns the stable Service whose canary has an identity, or nil.
func (d *derivation) canaryOf(id manifest.ID) *manifest.Object {
	for _, s := range d.Services {
		if d.Set.ID(s.Canary) == id {
			return s.Stable
		}
	}
	return nil
}

// noteRules says what the rules of a route mean for the share.
func (d *derivation) noteRules(r *derived) {
	for i, rule := range manifest.Items(r.stable.Root, "spec", "rules") {
		if !r.has(i) {
			continue
		}
		own := 0
		for _, b := range r.backends {
			if b.rule == i {
				own++
			}
		}
		if own < len(manifest.Items(rule, "backendRefs")) {
			d.note(note.Info, "", r.stable, "rules[%d] has other backends too, which keep their part: the canary gets its share of what stable gets", i)
		}
		if manifest.Get(rule, "sessionPersistence") != nil {
			d.note(note.Warning, note.StickySession, r.stable, "rules[%d] has sessionPersistence, but the version is drawn for every request", i)
		}
	}
}
