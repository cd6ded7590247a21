package derive

import (
	"fmt"
	"slices"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// groupsOf returns the matches of a route.
func groupsOf(report model.Report, id model.ID) (out []model.Group) {
	for _, g := range report.Groups {
		if g.Route == id {
			out = append(out, g)
		}
	}
	return out
}

// serviceOf returns the Service of a row; an empty identity if it is none.
func serviceOf(row model.Row) manifest.ID {
	if row.Group != "" || row.Kind != "Service" {
		return manifest.ID{}
	}
	return manifest.ID{Kind: "Service", Namespace: row.Namespace, Name: row.Name}
}

// verify computes what a gateway makes of the input with the canaries, and returns an error
// if that is not the requested share.
func (d *derivation) verify() error {
	if err := d.checkGateway(); err != nil {
		return err
	}
	var pairs []manifest.Derived
	objects := d.values()
	copies := map[model.ID]model.ID{}
	var created []model.ID
	for _, s := range d.Services {
		objects = append(objects, d.Set.Value(s.Canary))
	}
	for _, r := range d.routes {
		pairs = append(pairs, manifest.Derived{Stable: r.stable, Canary: r.canary})
		created = append(created, d.id(r.canary))
		if d.strategy == InPlace {
			objects = slices.DeleteFunc(objects, func(o map[string]any) bool { return model.IDOf(o) == d.id(r.stable) })
		} else {
			copies[d.id(r.stable)] = d.id(r.canary)
		}
		objects = append(objects, d.Set.Value(r.canary))
	}
	if err := d.Set.CheckNew(pairs); err != nil {
		return err
	}
	options := model.Options{New: created}
	if d.strategy == InPlace { // the routes are as old as they were
		options.New = nil
	}
	after := model.New(objects, options)
	before, report := d.before.Report(), after.Report()
	for _, o := range after.Overtaken(copies) {
		at := slices.IndexFunc(d.routes, func(r *derived) bool { return d.id(r.canary) == o.Taker })
		return d.routes[at].stable.Errorf(nil, "for host %s, its canary would take requests from %s rules[%d] (%s), whose match has no more headers than the canary's (%s); put both into one route, or choose --gateway-strategy %s", o.Host, o.Loser, o.Rule, o.Match, o.TakerMatch, InPlace)
	}
	for _, r := range d.routes {
		if err := d.checkCanary(r, before, report); err != nil {
			return err
		}
	}
	if !slices.EqualFunc(without(before, created), without(report, created), unchanged) {
		return d.routes[0].stable.Errorf(nil, "with its canary, other requests than those of this route would go elsewhere")
	}
	return nil
}

// without returns the matches of a report except those of some routes.
func without(report model.Report, routes []model.ID) []model.Group {
	return slices.DeleteFunc(slices.Clone(report.Groups), func(g model.Group) bool { return slices.Contains(routes, g.Route) })
}

// unchanged reports whether a match is the same with canaries as without.
func unchanged(before, after model.Group) bool {
	return before.Route == after.Route && alike(before, after) &&
		slices.EqualFunc(before.Rows, after.Rows, func(a, b model.Row) bool {
			return a.Backend == b.Backend && a.Weight == b.Weight && a.Status == b.Status
		})
}

// checkCanary checks that the canary's route takes the share of every match of stable.
func (d *derivation) checkCanary(r *derived, before, after model.Report) error {
	stable, canary := groupsOf(before, d.id(r.stable)), groupsOf(after, d.id(r.canary))
	if len(canary) == 0 && len(stable) > 0 {
		for _, p := range after.Problems {
			if p.Object == d.id(r.canary) {
				return r.stable.Errorf(nil, "its canary %s would not work: %s", r.canary.Name(), p.Text)
			}
		}
	}
	if !slices.EqualFunc(stable, canary, alike) {
		return r.stable.Errorf(nil, "its canary %s would not get the requests of the same matches", r.canary.Name())
	}
	for i, g := range stable {
		rows := canary[i].Rows
		var wanted []part
		for _, row := range g.Rows {
			wanted = append(wanted, d.want(row)...)
		}
		if len(rows) != len(wanted) {
			return r.stable.Errorf(nil, "rules[%d] of its canary %s would have %d backends instead of %d", g.Rule, r.canary.Name(), len(rows), len(wanted))
		}
		for j, row := range rows {
			if err := wanted[j].check(row); err != nil {
				return r.stable.Errorf(nil, "in rules[%d] of its canary %s, %w", g.Rule, r.canary.Name(), err)
			}
		}
	}
	return nil
}

// alike reports whether a match of the canary's route is that of the stable one.
func alike(stable, canary model.Group) bool {
	return stable.Rule == canary.Rule && stable.Index == canary.Index && (stable.Unserved == "") == (canary.Unserved == "") &&
		stable.Status == canary.Status && slices.Equal(stable.Listeners, canary.Listeners) && slices.Equal(stable.Hosts, canary.Hosts)
}

// part is what a backend of the canary's route has to get: weight of the sum of all.
type part struct {
	model.Backend
	weight, of int64
	status     string
}

// want returns the backends of the canary's route for a backend of the stable one.
func (d *derivation) want(row model.Row) []part {
	p := part{row.Backend, row.Weight, row.Of, row.Status}
	s, has := d.services[serviceOf(row)]
	if !has {
		return []part{p}
	}
	canary := p
	canary.Name = s.Canary.Name()
	if d.strategy == IDs {
		return []part{canary}
	}
	if row.Weight == 0 {
		return []part{p}
	}
	p.weight, p.of = p.weight*(d.of()-int64(*d.Weight)), p.of*d.of()
	canary.weight, canary.of = canary.weight*int64(*d.Weight), canary.of*d.of()
	return []part{p, canary}
}

// check returns an error if a backend gets something else. The products are below 2^63: a
// weight is at most 10^6, 16 of them are a sum, and of is at most 25,600.
func (p part) check(row model.Row) error {
	switch {
	case row.Backend != p.Backend:
		return fmt.Errorf("%s would stand in the place of %s", row.Backend, p.Backend)
	case row.Status != p.status:
		return fmt.Errorf("a backend %s: its requests would get %s", row.Reason, row.Status)
	case row.Weight*p.of != p.weight*row.Of:
		return fmt.Errorf("%s would get %d/%d instead of %d/%d", row.Backend, row.Weight, row.Of, p.weight, p.of)
	}
	return nil
}
