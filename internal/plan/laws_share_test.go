package plan_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// seen computes what Emissary makes of objects. The model itself is checked against the
// real Emissary.
func (x outcome) seen(t *rapid.T, objects []obj, id string) model.Report {
	objects = plain(t, objects)
	for _, o := range objects {
		o["metadata"].(obj)["namespace"] = namespace(o)
	}
	return model.Evaluate(objects, model.Options{Namespace: x.world.emissary, AmbassadorID: id, Version: x.world.version})
}

// rowOf returns the group and the row of a Mapping in a report.
func rowOf(r model.Report, ns, name string) (*model.Group, *model.Row) {
	for i := range r.Groups {
		for j := range r.Groups[i].Rows {
			row := &r.Groups[i].Rows[j]
			if row.Namespace == ns && (row.Mapping == name || row.Mapping == name+"."+ns) {
				return &r.Groups[i], row
			}
		}
	}
	return nil, nil
}

// stableMappings returns the Mappings that an object of the input holds: itself, or those
// in its annotation.
func stableMappings(t *rapid.T, o obj) []obj {
	if !isService(o) {
		return []obj{o}
	}
	var all []obj
	for document := range strings.SplitSeq(strs(o, "metadata", "annotations")["getambassador.io/config"], "---\n") {
		var flat obj
		if err := yaml.Unmarshal([]byte(document), &flat); err != nil {
			t.Fatal(err)
		}
		if flat == nil {
			continue
		}
		m := newObject(str(flat, "apiVersion"), "Mapping", namespace(o), str(flat, "name"), obj{})
		for k, v := range flat {
			if k != "apiVersion" && k != "kind" && k != "name" {
				m["spec"].(obj)[k] = v
			}
		}
		all = append(all, m)
	}
	return all
}

// TestLawExactShare is law 3: with the canary's Mapping, Emissary gives the canary
// exactly the requested share and stable the rest. All others keep what they had.
func TestLawExactShare(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		for _, id := range []string{"default", "other"} {
			before, after := x.seen(t, x.input, id), x.seen(t, slices.Concat(x.input, x.output), id)
			if len(after.Errors) > len(before.Errors) || len(after.Dropped) > len(before.Dropped)+x.invisible(t, before) {
				t.Errorf("Emissary complains: %v %v, before %v %v", after.Errors, after.Dropped, before.Errors, before.Dropped)
			}
			if len(before.Groups) != len(after.Groups) {
				t.Errorf("%d groups became %d", len(before.Groups), len(after.Groups))
			}
			for i, made := range x.output {
				if kind(made) == "Mapping" {
					x.checkShare(t, before, after, x.stable[i], made)
				}
			}
		}
		x.checkTCP(t)
	})
}

// invisible counts the canaries of Mappings that Emissary does not route either.
func (x outcome) invisible(t *rapid.T, before model.Report) (n int) {
	for i, made := range x.output {
		if kind(made) == "Mapping" {
			if g, _ := rowOf(before, namespace(made), x.stableName(t, x.stable[i], made)); g == nil {
				n++
			}
		}
	}
	return n
}

// stableName returns the name of the Mapping from which a canary was made. Both have the
// same prefix, and every Mapping of a world has its own.
func (x outcome) stableName(t *rapid.T, owner, made obj) string {
	for _, m := range stableMappings(t, owner) {
		if str(m, "spec", "prefix") == str(made, "spec", "prefix") {
			return name(m)
		}
	}
	t.Fatalf("%s: no Mapping of %s has its prefix", identity(made), identity(owner))
	return ""
}

func (x outcome) checkShare(t *rapid.T, before, after model.Report, owner, made obj) {
	stable, ns := x.stableName(t, owner, made), namespace(made)
	was, _ := rowOf(before, ns, stable)
	g, old := rowOf(after, ns, stable)
	canaryGroup, row := rowOf(after, ns, name(made))
	if was == nil {
		if g != nil || canaryGroup != nil {
			t.Errorf("%s: stable was routed nowhere, and now one of them is", identity(made))
		}
		return
	}
	weight := *x.world.options.Weight
	switch {
	case g == nil || canaryGroup != g:
		t.Errorf("%s is not in the group of its stable Mapping", identity(made))
	case row.Share != weight || old.Share != 100-weight || g.Unrouted != 0 || len(g.Rows) != 2:
		t.Errorf("%s has %d %%, stable %d %%, nobody %d %%", identity(made), row.Share, old.Share, g.Unrouted)
	case row.Cluster == old.Cluster || row.Stats == old.Stats:
		t.Errorf("%s: %+v cannot be told from %+v", identity(made), row, old)
	case !reflect.DeepEqual(was.Hosts, g.Hosts) || was.Routed != g.Routed:
		t.Errorf("%s: the Hosts %v (%v) became %v (%v)", identity(made), was.Hosts, was.Routed, g.Hosts, g.Routed)
	}
}

func (x outcome) checkTCP(t *rapid.T) {
	after := x.seen(t, slices.Concat(x.input, x.output), "default")
	_, canaries := x.made("TCPMapping")
	weight := float64(*x.world.options.Weight)
	for _, c := range canaries {
		found := false
		for _, g := range after.TCPGroups {
			for _, row := range g.Rows {
				if row.Mapping == name(c) && row.Namespace == namespace(c) {
					found = true
					// Up to 4.1 the weight is an integer w and the share is w/(w+100), so the
					// next possible share may be half a percent away.
					if row.Share < weight-0.51 || row.Share > weight+0.51 || len(g.Rows) != 2 {
						t.Errorf("%s gets %.2f %% instead of %v", identity(c), row.Share, weight)
					}
				}
			}
		}
		if !found {
			t.Errorf("%s is in no group", identity(c))
		}
	}
}

// TestLawMappingsAreCopied checks that a canary Mapping equals the stable one except for
// service, weight and stats_name. Unknown fields are copied, too.
func TestLawMappingsAreCopied(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		routed := map[string]bool{}
		for i, made := range x.output {
			if !strings.HasSuffix(kind(made), "Mapping") {
				continue
			}
			routed[identity(x.stable[i])+str(made, "spec", "prefix")] = true
			spec := plain(t, []obj{made})[0]["spec"].(obj)
			checkTarget(t, x, made, spec)
			if isService(x.stable[i]) { // converted to v3alpha1; law 3 checks its meaning
				if str(made, "apiVersion") != "getambassador.io/v3alpha1" {
					t.Errorf("%s comes from an annotation and is %s", identity(made), str(made, "apiVersion"))
				}
				continue
			}
			want := plain(t, []obj{x.stable[i]})[0]
			if made["apiVersion"] != want["apiVersion"] {
				t.Errorf("%s: the version changed", identity(made))
			}
			for _, field := range []string{"service", "weight", "stats_name"} {
				delete(spec, field)
				delete(want["spec"].(obj), field)
			}
			if diff := cmp.Diff(want["spec"], any(spec)); diff != "" {
				t.Errorf("%s: %s", identity(made), diff)
			}
		}
		for _, o := range x.input {
			if isService(o) || group(o) == "getambassador.io" && strings.HasSuffix(kind(o), "Mapping") {
				for _, m := range stableMappings(t, o) {
					weightless := kind(m) == "TCPMapping" && *x.world.options.Weight == 0 // Envoy refuses it
					if x.targets(m) && !weightless && !routed[identity(o)+str(m, "spec", "prefix")] {
						t.Errorf("%s in %s routes to a Service with a canary and has none", name(m), identity(o))
					}
				}
			}
		}
	})
}

// checkTarget checks that a canary Mapping routes to a canary Service: the named service
// with only its name changed.
func checkTarget(t *rapid.T, x outcome, made, spec obj) {
	_, services := x.made("Service")
	host := strings.TrimPrefix(str(spec, "service"), "http://")
	host, _, _ = strings.Cut(host, ":")
	short, rest, qualified := strings.Cut(host, ".")
	ns := namespace(made)
	if qualified {
		ns, _, _ = strings.Cut(rest, ".")
	}
	if !inCluster(host) || !slices.ContainsFunc(services, func(s obj) bool { return name(s) == short && namespace(s) == ns }) {
		t.Errorf("%s routes to %s, which is no canary Service", identity(made), host)
	}
	if stats := str(spec, "stats_name"); strings.Trim(stats, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || kind(made) == "Mapping" && stats == "" {
		t.Errorf("%s: stats_name %q", identity(made), stats)
	}
}

// targets reports whether a Mapping of the input routes to a Service that has a canary.
func (x outcome) targets(m obj) bool {
	services, _ := x.made("Service")
	host := strings.TrimPrefix(str(m, "spec", "service"), "http://")
	host, _, _ = strings.Cut(host, ":")
	short, _, _ := strings.Cut(host, ".")
	return inCluster(host) && slices.ContainsFunc(services, func(s obj) bool { return name(s) == short && namespace(s) == namespace(m) })
}

// inCluster reports whether a host of a world, which has a namespace in its second label
// if it has one, is a Service.
func inCluster(host string) bool {
	labels := strings.SplitN(host, ".", 4)
	return len(labels) < 3 || labels[2] == "svc"
}
