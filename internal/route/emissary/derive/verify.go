package derive

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// verify computes what Emissary makes of the input with the canaries, and
// returns an error if that is not the requested share.
func (d *derivation) verify() error {
	byID := map[string][]derived{}
	var ids []string
	for _, r := range d.routes {
		for _, id := range installations(r.canary) {
			if byID[id] == nil {
				ids = append(ids, id)
			}
			byID[id] = append(byID[id], r)
		}
	}
	objects := d.relevant()
	with := objects
	for _, r := range d.routes {
		with = append(with, r.value)
		if r.rest != nil {
			with = append(with, d.request.Set.Value(r.rest))
		}
	}
	for _, id := range ids {
		options := model.Options{Namespace: d.router.Namespace, AmbassadorID: id, Version: d.router.Version, AssumeResolvers: true}
		v := verification{
			derivation: d,
			before:     sync.OnceValue(func() shares { return newShares(model.Evaluate(objects, options)) }),
			after:      newShares(model.Evaluate(with, options)),
		}
		options.AssumeResolvers = false
		upstreams := model.NewUpstreams(objects, options)
		for _, r := range byID[id] {
			if err := v.check(r); err != nil {
				return err
			}
			d.warnAboutUpstream(r, upstreams)
			for _, text := range v.after.report.Uncounted {
				d.warn(note.UncertainShare, r.owner, "the shares may be others: "+text)
			}
		}
	}
	return nil
}

// relevant returns the objects of the input that Emissary reads.
func (d *derivation) relevant() []map[string]any {
	var objects []map[string]any
	ingress := slices.ContainsFunc(d.request.Set.Objects, func(o *manifest.Object) bool { return o.Kind() == "Ingress" })
	for _, o := range d.request.Set.Objects {
		annotated := manifest.Get(o.Root, "metadata", "annotations", "getambassador.io/config") != nil
		forIngress := ingress && slices.Contains([]string{"Ingress", "IngressClass", "Service"}, o.Kind())
		if o.Group() == group || annotated || forIngress {
			objects = append(objects, d.request.Set.Value(o))
		}
	}
	return slices.Clip(objects)
}

// installations returns the ids of the Emissary installations that a Mapping is
// for (good_ambassador_id in Emissary's config.py). An empty list is for none;
// it is checked as the default installation sees it.
func installations(mapping *manifest.Object) []string {
	const standard = "default"
	field := manifest.Get(mapping.Root, "spec", "ambassador_id")
	listed := manifest.Items(field)
	if manifest.IsScalar(field) { // the form of v1 and v2
		listed = []*manifest.Node{field}
	}
	var ids []string
	for _, id := range listed {
		ids = append(ids, id.Value)
	}
	if len(ids) == 0 || slices.Equal(ids, []string{"_automatic_"}) {
		return []string{standard}
	}
	return ids
}

// shares finds the rows of a report by their Mapping.
type shares struct {
	report model.Report
	groups map[serviceAt]*model.Group
	tcp    map[serviceAt]*model.TCPGroup
}

func newShares(report model.Report) shares {
	s := shares{report: report, groups: map[serviceAt]*model.Group{}, tcp: map[serviceAt]*model.TCPGroup{}}
	for i := range report.Groups {
		g := &report.Groups[i]
		for _, row := range g.Rows {
			s.groups[rowKey(row.Namespace, row.Mapping)] = g
		}
	}
	for i := range report.TCPGroups {
		g := &report.TCPGroups[i]
		for _, row := range g.Rows {
			s.tcp[rowKey(row.Namespace, row.Mapping)] = g
		}
	}
	return s
}

// rowKey undoes Emissary's name NAME.NAMESPACE for the second Mapping with the
// same name.
func rowKey(namespace, mapping string) serviceAt {
	if n := len(mapping) - len(namespace) - 1; n > 0 && mapping[n:] == "."+namespace {
		mapping = mapping[:n]
	}
	return serviceAt{namespace, mapping}
}

func (r derived) key() serviceAt { return rowKey(r.namespace, r.canary.Name()) }

type verification struct {
	*derivation
	before func() shares // of the input alone; computed only if a canary gets nothing
	after  shares
}

func (v verification) check(r derived) error {
	if r.tcp {
		return v.checkTCP(r)
	}
	g := v.after.groups[r.key()]
	if r.stable == nil {
		return v.checkGenerated(r, g)
	}
	stable := rowKey(r.namespace, r.stable.Name())
	if g == nil && v.before().groups[stable] == nil {
		if reason, dropped := v.before().drop(stable); dropped {
			return r.stable.Errorf(nil, "it %s; correct it, or leave it out", reason)
		}
		v.warn(note.UnreachedRoute, r.owner, fmt.Sprintf("with the Hosts and Modules of the input, no request reaches Mapping %s (%s)", r.stable.Name(), v.before().why(stable)))
		return nil
	}
	if g == nil {
		return r.owner.Errorf(nil, "Emissary would drop its canary (%s)", v.after.why(r.key()))
	}
	if r.rest != nil {
		return v.checkSample(r, g, stable)
	}
	if v.after.groups[stable] != g {
		return r.owner.Errorf(nil, "with its canary, Emissary would drop or regroup the stable Mapping (%s)", v.after.why(stable))
	}
	if len(g.Hosts) == 0 {
		v.warn(note.UnreachedRoute, r.owner, "no Host of the input matches its group, so no request reaches it or its canary")
	}
	if g.Reach != nil && g.Reach.Unserved != "" {
		return r.owner.Errorf(nil, "its group (hostname %q, prefix %q), and so its canary, %s; remove that Mapping, or give one of them another prefix, hostname or header", g.Host, g.Prefix, g.Reach.Unserved)
	}
	return v.checkShares(r, g, stable)
}

func kindOf(row model.Row) string {
	if row.Ingress != "" {
		return "Ingress"
	}
	return "Mapping"
}

func (v verification) checkShares(r derived, g *model.Group, stable serviceAt) error {
	want := *v.request.Weight
	var canary, old, other *model.Row
	for i := range g.Rows {
		row := &g.Rows[i]
		switch key := rowKey(row.Namespace, row.Mapping); {
		case key == r.key():
			canary = row
		case key == stable:
			old = row
		case other == nil || v.isCanary(rowKey(other.Namespace, other.Mapping)):
			other = row // rather one of the input than its canary, which nobody can remove
		}
	}
	if other != nil {
		remedy := fmt.Sprintf("remove that %s first", kindOf(*other))
		if other.Namespace != r.namespace {
			remedy = "give each its own hostname or prefix: Emissary puts them into one group although their namespaces differ"
		}
		return r.owner.Errorf(nil, "its group (hostname %q, prefix %q) has another member, %s, so the shares would not be %d and %d %%; %s", g.Host, g.Prefix, other.Member(), want, 100-want, remedy)
	}
	switch {
	case canary.Share != want || old.Share != 100-want || g.Unrouted != 0:
		return r.owner.Errorf(nil, "Emissary would give the canary %d %% and stable %d %% instead of %d and %d", canary.Share, old.Share, want, 100-want)
	case canary.Cluster == old.Cluster:
		return r.owner.Errorf(nil, "the canary and stable would share the Envoy cluster %s; set a cluster_tag or use another --suffix", canary.Cluster)
	case canary.Stats == old.Stats:
		return r.owner.Errorf(nil, "the canary and stable would share the statistics name %s, so their metrics would add up; remove stats_name from the Module's defaults", canary.Stats)
	}
	v.note(note.Debug, r.owner, fmt.Sprintf("Emissary gives the canary %d %% (cluster %s, statistics %s) and stable %d %%", canary.Share, canary.Cluster, canary.Stats, old.Share))
	return nil
}

// isCanary reports whether a Mapping is one that was derived.
func (d *derivation) isCanary(key serviceAt) bool {
	return slices.ContainsFunc(d.routes, func(r derived) bool { return r.key() == key })
}

// checkGenerated checks that a generated Mapping does not join a group of the
// input.
func (v verification) checkGenerated(r derived, g *model.Group) error {
	if g == nil {
		return nil
	}
	for _, row := range g.Rows {
		if key := rowKey(row.Namespace, row.Mapping); key != r.key() {
			return r.owner.Errorf(nil, "--gen-mapping: %s%s is already the route of %s; choose another --prefix or --hostname", v.request.Hostname, v.request.Prefix, row.Member())
		}
	}
	if g.Reach != nil && g.Reach.Unserved != "" {
		return r.owner.Errorf(nil, "--gen-mapping: the Mapping for %s%s %s; choose another --prefix or --hostname", v.request.Hostname, v.request.Prefix, g.Reach.Unserved)
	}
	return nil
}

func (v verification) checkTCP(r derived) error {
	g := v.after.tcp[r.key()]
	if g == nil {
		return r.owner.Errorf(nil, "Emissary would drop its canary (%s)", v.after.why(r.key()))
	}
	_, want := v.router.Version.TCPWeight(float64(*v.request.Weight))
	for _, row := range g.Rows {
		if rowKey(row.Namespace, row.Mapping) == r.key() && math.Abs(row.Share-want) > 1e-9 {
			return r.owner.Errorf(nil, "Emissary would give the canary %.2f %% instead of %.2f", row.Share, want)
		}
	}
	return nil
}

// noteTCP notes the real share where the weight is another number.
func (d *derivation) noteTCP(r derived, weight int) {
	if !d.router.Version.TCPWeightIsShare() {
		d.note(note.Info, r.owner, fmt.Sprintf("the real share of a TCPMapping is w/(w+100): weight %d gives the canary %.2f %%", weight, d.router.Version.TCPShare(weight)))
	}
}

// why returns the model's reason why a Mapping gets no requests.
func (s shares) why(key serviceAt) string {
	if reason, dropped := s.drop(key); dropped {
		return reason
	}
	return "no Host of the input matches it"
}

func (s shares) drop(key serviceAt) (reason string, dropped bool) {
	for _, drop := range s.report.Drops {
		if rowKey(drop.Namespace, drop.Mapping) == key {
			return drop.Reason, true
		}
	}
	return "", false
}
