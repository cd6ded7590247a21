package model

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawRules draws the rules of a route with one match each, and the same rules with one more
// header.
func drawRules(t *rapid.T) (rules, restricted []any) {
	for range rapid.IntRange(1, 2).Draw(t, "rules") {
		match := map[string]any{"path": map[string]any{
			"type":  rapid.SampledFrom([]string{"Exact", "PathPrefix", "PathPrefix", "PathPrefix", "PathPrefix", "RegularExpression"}).Draw(t, "type"),
			"value": rapid.SampledFrom([]string{"/a", "/a", "/a/"}).Draw(t, "path"),
		}}
		if method := rapid.SampledFrom([]string{"", "GET"}).Draw(t, "method"); method != "" {
			match["method"] = method
		}
		conditions := func(field string) (out []any) {
			for _, name := range []string{"a", "b"} {
				if rapid.Bool().Draw(t, field) {
					out = append(out, map[string]any{"name": name, "value": "1"})
				}
			}
			return out
		}
		headers := conditions("header")
		match["headers"], match["queryParams"] = headers, conditions("query")
		more := map[string]any{}
		for key, value := range match {
			more[key] = value
		}
		more["headers"] = append(slices.Clone(headers), map[string]any{"name": "id", "value": "1"})
		rules = append(rules, map[string]any{"matches": []any{match}})
		restricted = append(restricted, map[string]any{"matches": []any{more}})
	}
	return rules, restricted
}

func drawTestRoute(t *rapid.T, name string) (route, copied map[string]any) {
	rules, restricted := drawRules(t)
	metadata := map[string]any{"name": name}
	if created := rapid.SampledFrom([]string{"", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"}).Draw(t, "created"); created != "" {
		metadata["creationTimestamp"] = created
	}
	parent := map[string]any{"name": "public"}
	if section := rapid.SampledFrom([]string{"", "", "all", "some"}).Draw(t, "section"); section != "" {
		parent["sectionName"] = section
	}
	spec := map[string]any{"parentRefs": []any{parent}, "rules": rules}
	of := map[string]any{"parentRefs": []any{parent}, "rules": restricted}
	if host := rapid.SampledFrom([]string{"", "", "", "a.com", "*.com"}).Draw(t, "host"); host != "" {
		spec["hostnames"], of["hostnames"] = []any{host}, []any{host}
	}
	object := func(metadata, spec map[string]any) map[string]any {
		return map[string]any{"apiVersion": APIGroup + "/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}
	}
	return object(metadata, spec), object(map[string]any{"name": name + "-copy"}, of)
}

// first returns the match that takes a request in one reading, as ROUTE RULE, and whether
// that depends on the ages of routes that are not created yet.
func (m *Model) first(r reading, q Request) (taker string, assumed bool) {
	var all []candidate
	for _, l := range m.listeners {
		if hostFits(l.hostname, q.Host) {
			for _, at := range l.attached[false] {
				all = append(all, at.candidates(q)...)
			}
		}
	}
	if len(all) == 0 {
		return "", false
	}
	best := slices.MinFunc(all, func(a, b candidate) int { sign, _ := r.compare(a, b); return sign })
	for _, c := range all {
		if c.match != best.match {
			_, unknown := r.compare(best, c)
			assumed = assumed || unknown
		}
	}
	return fmt.Sprint(best.at.route.id.Name, " ", best.match.rule.index), assumed
}

// TestOvertaken checks, in every reading of the specification, that a copy takes only
// requests of its route unless Overtaken names a match that loses some.
func TestOvertaken(t *testing.T) {
	gateway := map[string]any{"apiVersion": APIGroup + "/v1", "kind": "Gateway", "metadata": map[string]any{"name": "public"}, "spec": map[string]any{"listeners": []any{
		map[string]any{"name": "all", "port": 80, "protocol": "HTTP"},
		map[string]any{"name": "some", "port": 80, "protocol": "HTTP", "hostname": "*.com"},
	}}}
	checked := 0
	rapid.Check(t, func(t *rapid.T) {
		stable, copied := drawTestRoute(t, "stable")
		neighbour, _ := drawTestRoute(t, "neighbour")
		objects := []map[string]any{gateway, stable, neighbour}
		before := New(objects, Options{Complete: true})
		after := New(append(objects, copied), Options{Complete: true, New: []ID{IDOf(copied)}})
		if lost := after.Overtaken(map[ID]ID{IDOf(stable): IDOf(copied)}); len(lost) > 0 {
			return
		}
		checked++
		for range 5 {
			q := Request{
				Host: rapid.SampledFrom([]string{"a.com", "b.com", "a.org"}).Draw(t, "to"), Port: 80,
				Path: rapid.SampledFrom([]string{"/", "/a", "/a/"}).Draw(t, "asked"), Method: rapid.SampledFrom([]string{"GET", "PUT"}).Draw(t, "asked method"),
				Query: url.Values{"a": {"1"}, "b": {rapid.SampledFrom([]string{"1", "2"}).Draw(t, "b")}}, Headers: map[string][]string{"a": {"1"}, "b": {"1"}, "id": {"1"}},
			}
			for r := range readings {
				was, assumed := before.first(r, q)
				is, _ := after.first(r, q)
				want := cmp.Or(map[string]string{"stable 0": "stable-copy 0", "stable 1": "stable-copy 1"}[was], was)
				if is != want && !assumed {
					t.Fatalf("%+v: %s took the request, and now %s does", r, was, is)
				}
			}
		}
	})
	if checked == 0 {
		t.Error("every copy of a random route took requests of another one")
	}
}
