package model_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// TestRoutesAgreeWithShares compares the routes with what Emissary made of the
// sets: the same members in the same order, with thresholds that give the same
// shares.
func TestRoutesAgreeWithShares(t *testing.T) {
	for _, table := range []string{"shares.json", "generated.json"} {
		for name, s := range readSets(t, table) {
			namespace := s.Options.Namespace
			if namespace == "" {
				namespace = "default"
			}
			c := model.Configure(s.Mappings, model.Options{Namespace: namespace})
			var got []model.Group
			for _, g := range c.Routes {
				if len(g.Routes) > 0 && !g.Internal {
					got = append(got, groupOf(g))
				}
			}
			var want []model.Group
			for _, g := range s.Groups {
				rows := g.Rows
				for i := range rows {
					rows[i].Stats = ""
				}
				want = append(want, model.Group{Host: g.Host, Prefix: g.Prefix, Unrouted: g.Unrouted, Rows: rows})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: (-Emissary +routes):\n%s", name, diff)
			}
		}
	}
}

// groupOf computes shares from thresholds, as Envoy does.
func groupOf(g model.RouteGroup) model.Group {
	out := model.Group{Host: g.Host, Prefix: g.Prefix}
	taken := 0
	for _, r := range g.Routes {
		reach := max(0, min(r.Threshold, 100))
		out.Rows = append(out.Rows, model.Row{
			Mapping: r.Mapping, Namespace: r.Namespace, Cluster: r.Cluster, Share: max(0, reach-taken),
		})
		taken = max(taken, reach)
	}
	out.Unrouted = 100 - taken
	return out
}

// TestConfigureLaws checks that a group that a Host matches is reachable on a
// port, in the order of the report, and that every cluster of a route exists
// unless Emissary has posted an error about its service.
func TestConfigureLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		objects := drawSet(t)
		c := model.Configure(objects, options)
		if diff := cmp.Diff(model.Evaluate(objects, options), c.Report); diff != "" {
			t.Fatalf("Configure and Evaluate differ:\n%s", diff)
		}
		if c.Error != (len(c.Posted) > 0) {
			t.Fatalf("error %v, but posted: %v", c.Error, c.Posted)
		}
		known := map[string]bool{}
		for _, cluster := range c.Clusters {
			if known[cluster.Name] {
				t.Fatalf("two clusters %s", cluster.Name)
			}
			known[cluster.Name] = true
		}
		var takers [][]string // by group, the virtual hosts that serve it
		for i, g := range c.Routes {
			for _, r := range g.Routes {
				if !known[r.Cluster] && !c.Error {
					t.Fatalf("Mapping %s: there is no cluster %s", r.Mapping, r.Cluster)
				}
			}
			if len(g.Routes) == 0 || g.Internal {
				continue
			}
			var names []string
			for _, p := range c.Ports {
				for _, h := range p.VirtualHosts {
					if !slices.IsSorted(h.Routes) {
						t.Fatalf("virtual host %s: routes out of order: %v", h.Hostname, h.Routes)
					}
					if slices.Contains(h.Routes, i) {
						names = append(names, h.Hostname)
					}
				}
			}
			takers = append(takers, names)
		}
		for i, g := range c.Groups {
			if diff := cmp.Diff(g.Hosts, takers[i]); diff != "" {
				t.Fatalf("group %s%s: hosts of the report and virtual hosts differ:\n%s", g.Host, g.Prefix, diff)
			}
		}
	})
}

func one(t *testing.T, c model.Configuration, prefix string) model.RouteGroup {
	t.Helper()
	i := slices.IndexFunc(c.Routes, func(g model.RouteGroup) bool { return g.Prefix == prefix })
	if i < 0 {
		t.Fatalf("no group %s in %+v", prefix, c.Routes)
	}
	return c.Routes[i]
}

// TestGroupFields checks that a field that a group has once comes from the
// winning member, and that the headers to add come from all members.
func TestGroupFields(t *testing.T) {
	member := func(name string, fields map[string]any) map[string]any {
		spec := map[string]any{"hostname": "*", "prefix": "/", "service": name}
		for k, v := range fields {
			spec[k] = v
		}
		return newMapping("shop", name, spec)
	}
	c := model.Configure([]map[string]any{
		member("web", map[string]any{"retry_policy": map[string]any{"retry_on": "5xx"}, "add_request_headers": map[string]any{"x-stable": map[string]any{"value": "1"}}, "timeout_ms": 5000, "case_sensitive": false}),
		member("web-canary", map[string]any{"weight": 10, "add_request_headers": map[string]any{"x-canary": map[string]any{"value": "1"}}, "regex_rewrite": map[string]any{"pattern": "a"}}),
		newMapping("shop", "copy", map[string]any{"hostname": "*", "prefix": "/", "service": "copy", "shadow": true, "weight": 20}),
		newMapping("shop", "moved", map[string]any{"hostname": "*", "prefix": "/moved", "service": "new.example.com", "host_redirect": true}),
	}, options)
	g := one(t, c, "/")
	if diff := cmp.Diff(map[string]any{
		"prefix": "/", "case_sensitive": false,
		"retry_policy":        map[string]any{"retry_on": "5xx"},
		"add_request_headers": map[string]any{"x-stable": map[string]any{"value": "1"}, "x-canary": map[string]any{"value": "1"}},
	}, g.Spec); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(g.Routes) != 2 || g.Routes[0].Mapping != "web-canary" || g.Routes[0].Threshold != 10 || g.Routes[1].Spec["timeout_ms"] != 5000 {
		t.Errorf("routes %+v, expected the canary's at 10 and the stable's with its own timeout", g.Routes)
	}
	if g.Shadow == nil || g.Shadow.Mapping != "copy" || g.Shadow.Cluster != "cluster_shadow_copy_shop_shop" {
		t.Errorf("shadow %+v", g.Shadow)
	}
	if moved := one(t, c, "/moved"); moved.Redirect == nil || moved.Redirect.Spec["service"] != "new.example.com" || len(moved.Routes) > 0 {
		t.Errorf("redirect %+v", moved)
	}
	if probe := one(t, c, "/ambassador/v0/"); !probe.Internal {
		t.Error("Emissary's own diagnostics are not marked as such")
	}
}

// TestCompleteSetsAssumeNothing checks that without Hosts Emissary redirects
// all requests to https, and that without Listeners it opens no port.
func TestCompleteSetsAssumeNothing(t *testing.T) {
	web := newMapping("shop", "web", map[string]any{"hostname": "*", "prefix": "/", "service": "web"})
	listener := map[string]any{
		"apiVersion": "getambassador.io/v3alpha1", "kind": "Listener",
		"metadata": map[string]any{"name": "http", "namespace": "emissary"},
		"spec": map[string]any{
			"port": 8080, "protocol": "HTTP", "securityModel": "XFP",
			"hostBinding": map[string]any{"namespace": map[string]any{"from": "ALL"}},
		},
	}
	complete := model.Options{Namespace: "emissary", Complete: true}
	for _, c := range []struct {
		what    string
		objects []map[string]any
		options model.Options
		ports   []int
		action  string
	}{
		{"files", []map[string]any{web}, options, []int{0}, "Route"},
		{"cluster without Listener", []map[string]any{web}, complete, nil, ""},
		{"cluster without Host", []map[string]any{web, listener}, complete, []int{8080}, "Redirect"},
	} {
		got := model.Configure(c.objects, c.options)
		var ports []int
		for _, p := range got.Ports {
			ports = append(ports, p.Number)
			if len(p.VirtualHosts) != 1 || p.VirtualHosts[0].Hostname != "*" || p.VirtualHosts[0].Insecure != c.action {
				t.Errorf("%s: virtual hosts %+v, expected one that does %s", c.what, p.VirtualHosts, c.action)
			}
		}
		if !slices.Equal(ports, c.ports) {
			t.Errorf("%s: ports %v, expected %v", c.what, ports, c.ports)
		}
	}
}
