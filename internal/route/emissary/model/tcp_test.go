package model_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

func newTCPMapping(namespace, name string, spec map[string]any) map[string]any {
	m := newMapping(namespace, name, spec)
	m["kind"] = "TCPMapping"
	return m
}

// TestTCPDrops checks that each way in which a TCPMapping gets no connections
// is reported with its reason.
func TestTCPDrops(t *testing.T) {
	stable := newTCPMapping("shop", "db", map[string]any{"port": 9000, "service": "db"})
	for _, c := range []struct {
		what    string
		other   map[string]any
		dropped string
		reason  string
	}{
		{"another id", newTCPMapping("shop", "db0", map[string]any{"port": 9000, "service": "db", "ambassador_id": []any{"x"}}), "db0", "another ambassador_id"},
		{"a mismatch", newTCPMapping("shop", "db0", map[string]any{"port": 9000, "service": "db", "idle_timeout_ms": "5"}), "db0", "another idle_timeout_ms than TCPMapping shop/db"},
		{"circuit breakers", newTCPMapping("shop", "db0", map[string]any{"port": 9000, "service": "db", "circuit_breakers": []any{"x"}}), "db0", "circuit_breakers"},
		{"a resolver", newTCPMapping("shop", "db0", map[string]any{"port": 9000, "service": "db", "resolver": "none"}), "db0", `resolver "none"`},
		{"a dot", newTCPMapping("shop", "db.canary", map[string]any{"port": 9000, "service": "db", "weight": 10}), "db", `up to its first dot, "db"`},
		{"no port", newTCPMapping("shop", "db0", map[string]any{"service": "db"}), "db0", "no port"},
		{"no service", newTCPMapping("shop", "db0", map[string]any{"port": 9000}), "db0", "no service"},
		{"a wrong weight", newTCPMapping("shop", "db0", map[string]any{"port": 9000, "service": "db", "weight": "x"}), "db0", "wrong value in weight"},
	} {
		report := model.Evaluate([]map[string]any{stable, c.other}, options)
		if len(report.TCPDrops) != 1 || report.TCPDrops[0].Mapping != c.dropped || !strings.Contains(report.TCPDrops[0].Reason, c.reason) {
			t.Errorf("%s: drops %+v, expected %s because of %q", c.what, report.TCPDrops, c.dropped, c.reason)
		}
		if len(report.Dropped) > 0 {
			t.Errorf("%s: %q are not Mappings", c.what, report.Dropped)
		}
	}
}

// TestTCPUnserved checks that a group that Emissary does not listen for says why.
func TestTCPUnserved(t *testing.T) {
	unserved := func(objects ...map[string]any) string {
		var all []string
		for _, g := range model.Evaluate(objects, options).TCPGroups {
			if g.Unserved != "" {
				all = append(all, g.Rows[0].Mapping+" "+g.Unserved)
			}
		}
		return strings.Join(all, "; ")
	}
	named := newTCPMapping("shop", "db", map[string]any{"port": 9000, "service": "db", "host": "db.example.com"})
	if got := unserved(named); !strings.Contains(got, "no TLSContext or Host terminates TLS") {
		t.Errorf("without TLS: %q", got)
	}
	context := map[string]any{
		"apiVersion": "getambassador.io/v3alpha1", "kind": "TLSContext",
		"metadata": map[string]any{"name": "db", "namespace": "shop"}, "spec": map[string]any{"hosts": []any{"db.example.com"}},
	}
	if got := unserved(named, context); got != "" {
		t.Errorf("with a TLSContext: %q", got)
	}
	all := newTCPMapping("shop", "all", map[string]any{"port": 9000, "service": "db"})
	zeros := newTCPMapping("shop", "zeros", map[string]any{"port": 9000, "service": "db", "address": "0.0.0.0"})
	if got := unserved(all, zeros); !strings.HasPrefix(got, "all listens on the same port and host as TCPMapping shop/zeros") {
		t.Errorf("two groups on a port: %q", got)
	}
}

// TestNoTCPMappingIsMissing checks that each TCPMapping is a row or a drop with
// a reason.
func TestNoTCPMappingIsMissing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"db", "db-canary", "db.canary", "db.v2", "other/db", "other/db.canary", "zz",
		}), 1, 5, rapid.ID).Draw(t, "names")
		var set []map[string]any
		for _, name := range names {
			namespace, short, found := strings.Cut(name, "/")
			if !found {
				namespace, short = "shop", name
			}
			spec := map[string]any{"service": "db"}
			if rapid.IntRange(0, 9).Draw(t, "port?") > 0 {
				spec["port"] = rapid.SampledFrom([]int{9000, 9000, 9001}).Draw(t, "port")
			}
			optional(t, spec, "weight", 0, 10, 101, -1)
			optional(t, spec, "host", "db.example.com")
			optional(t, spec, "address", "0.0.0.0")
			optional(t, spec, "ambassador_id", []any{"other"})
			optional(t, spec, "resolver", "none", "endpoint")
			optional(t, spec, "tls", "context")
			optional(t, spec, "circuit_breakers", []any{1})
			o := newTCPMapping(namespace, short, spec)
			o["apiVersion"] = "getambassador.io/" + rapid.SampledFrom([]string{"v3alpha1", "v3alpha1", "v2", "v9"}).Draw(t, "version")
			set = append(set, o)
		}
		report := model.Evaluate(set, options)
		seen := map[string]int{}
		for _, g := range report.TCPGroups {
			for _, row := range g.Rows {
				seen[row.Namespace+"/"+strings.TrimSuffix(row.Mapping, "."+row.Namespace)]++
			}
		}
		for _, d := range report.TCPDrops {
			if d.Reason == "" {
				t.Errorf("%+v has no reason", d)
			}
			seen[d.Namespace+"/"+d.Mapping]++
		}
		for _, o := range set {
			meta := o["metadata"].(map[string]any)
			if id := fmt.Sprint(meta["namespace"], "/", meta["name"]); seen[id] != 1 {
				t.Errorf("%s is shown %d times: %+v %+v", id, seen[id], report.TCPGroups, report.TCPDrops)
			}
		}
	})
}
