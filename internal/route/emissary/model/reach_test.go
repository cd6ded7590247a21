package model_test

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// reached describes what the Mappings of a report really get.
func reached(r model.Report) string {
	var all []string
	for _, g := range r.Groups {
		for i, row := range g.Rows {
			text := fmt.Sprintf("%s %d %%", row.Mapping, row.Share)
			if g.Reach != nil {
				text += fmt.Sprintf(" of %s: %g %%", g.Reach.Of, g.Reach.Real[i])
			}
			all = append(all, text)
		}
	}
	return strings.Join(all, ", ")
}

// TestReach checks groups that Envoy cannot tell apart, and samples. The matches of
// Envoy's routes in the comments were seen in Emissary's generator.
func TestReach(t *testing.T) {
	web := func(name string, more map[string]any) map[string]any {
		spec := map[string]any{"hostname": "*", "prefix": "/", "service": name}
		for k, v := range more {
			spec[k] = v
		}
		return newMapping("shop", name, spec)
	}
	ids := func(pattern string, more map[string]any) map[string]any {
		spec := map[string]any{"regex_headers": map[string]any{"x-request-id": pattern}}
		for k, v := range more {
			spec[k] = v
		}
		return spec
	}
	selected := newMapping("shop", "selected", map[string]any{"prefix": "/", "service": "selected"})
	selected["metadata"].(map[string]any)["labels"] = map[string]any{"a": "b"}
	host := map[string]any{
		"apiVersion": "getambassador.io/v3alpha1", "kind": "Host", "metadata": map[string]any{"name": "h", "namespace": "shop"},
		"spec": map[string]any{"hostname": "*", "requestPolicy": map[string]any{"insecure": map[string]any{"action": "Route"}}},
	}
	selecting := map[string]any{
		"apiVersion": "getambassador.io/v3alpha1", "kind": "Host", "metadata": map[string]any{"name": "s", "namespace": "shop"},
		"spec": map[string]any{"hostname": "a.example.com", "mappingSelector": map[string]any{"matchLabels": map[string]any{"a": "b"}}, "requestPolicy": map[string]any{"insecure": map[string]any{"action": "Route"}}},
	}
	both := web("both", nil)
	both["metadata"].(map[string]any)["labels"] = map[string]any{"a": "b"}
	for _, c := range []struct {
		what string
		set  []map[string]any
		want string
	}{
		{"one group", []map[string]any{web("web", nil), web("web-canary", map[string]any{"weight": 10})}, "web-canary 10 %, web 90 %"},
		{"precedence", []map[string]any{web("web", nil), web("web2", map[string]any{"precedence": 5})}, "web2 100 %, web 100 % of 0: 0 %"},
		{"precedence and a rest", []map[string]any{web("web", nil), web("web2", map[string]any{"precedence": 5, "weight": 60}), web("web3", map[string]any{"precedence": 5, "weight": 10})}, "web2 60 %, web3 10 %, web 100 % of 3/10: 30 %"},
		{"a redirect", []map[string]any{web("web", nil), web("web2", map[string]any{"precedence": 5, "host_redirect": true})}, "web 100 % of 0: 0 %"},
		// headers :method, :authority and the other way around
		{"order of headers", []map[string]any{web("web", map[string]any{"hostname": "a.b", "headers": map[string]any{":method": "GET"}}), web("web2", map[string]any{"hostname": "a.b", "method": "GET"})}, "web 100 %, web2 100 % of 0: 0 %"},
		// both have {"name": "x-a"}: Envoy reads names without their case
		{"case of headers", []map[string]any{web("web", map[string]any{"headers": map[string]any{"x-a": "1"}}), web("web2", map[string]any{"headers": map[string]any{"X-A": "1"}})}, "web 100 %, web2 100 % of 0: 0 %"},
		// Emissary replaces x-forwarded-proto by its own
		{"x-forwarded-proto", []map[string]any{web("web", map[string]any{"headers": map[string]any{"x-a": "1"}}), web("web2", map[string]any{"headers": map[string]any{"x-a": "1", "x-forwarded-proto": "https"}})}, "web2 100 %, web 100 % of 0: 0 %"},
		{"only x-forwarded-proto", []map[string]any{web("web", nil), web("web2", map[string]any{"headers": map[string]any{"x-forwarded-proto": "https"}})}, "web2 100 %, web 100 %"},
		{"selected in another virtual host", []map[string]any{web("web", nil), selected, host, selecting}, "web 100 %, selected 100 %"},
		{"selected in the same virtual host", []map[string]any{both, selected, selecting}, "both 100 %, selected 100 % of 0: 0 %"},
		{"case of the path", []map[string]any{web("web", map[string]any{"prefix": "/A", "case_sensitive": false}), web("web2", map[string]any{"prefix": "/a"})}, "web2 100 %, web 100 %"},
		{"case of the path, first", []map[string]any{web("web", map[string]any{"prefix": "/A"}), web("web2", map[string]any{"prefix": "/a", "case_sensitive": false})}, "web2 100 %, web 100 % of 0: 0 %"},
		{"exact path", []map[string]any{web("web", nil), web("web2", map[string]any{"precedence": 5, "prefix_exact": true})}, "web2 100 %, web 100 %"},
		{"a sample", []map[string]any{web("web", nil), web("web-canary", ids(".*0$", map[string]any{"weight": 4})), web("web-rest", ids(".*0$", nil))}, "web-canary 4 % of 1/16: 0.25 %, web-rest 96 % of 1/16: 6 %, web 100 % of 15/16: 93.75 %"},
		{"a sample that no Host takes", []map[string]any{selecting, web("web-canary", ids(".*0$", map[string]any{"weight": 4})), web("web-rest", ids(".*0$", nil))}, "web-canary 4 % of 1/16: 0.25 %, web-rest 96 % of 1/16: 6 %"},
		{"two digits", []map[string]any{web("web", nil), web("web-canary", ids(".*00$", map[string]any{"weight": 1})), web("web-rest", ids(".*00$", nil))}, "web-canary 1 % of 1/256: 0.00390625 %, web-rest 99 % of 1/256: 0.38671875 %, web 100 % of 255/256: 99.609375 %"},
		{"a class of digits", []map[string]any{web("web", nil), web("web2", ids(".*[0-3e]", nil))}, "web2 100 % of 5/16: 31.25 %, web 100 % of 11/16: 68.75 %"},
		{"two samples", []map[string]any{web("web", nil), web("web1", ids(".*0$", nil)), web("web2", ids(".*00$", nil))}, "web2 100 % of 1/256: 0.390625 %, web1 100 % of 15/256: 5.859375 %, web 100 % of 15/16: 93.75 %"},
		{"another expression", []map[string]any{web("web", nil), web("web2", ids("a.*0$", nil))}, "web2 100 %, web 100 %"},
		{"clients choose", []map[string]any{web("web", nil), web("web2", ids(".*0$", nil)), {
			"apiVersion": "getambassador.io/v3alpha1", "kind": "Module", "metadata": map[string]any{"name": "ambassador", "namespace": "emissary"},
			"spec": map[string]any{"config": map[string]any{"preserve_external_request_id": true}},
		}}, "web2 100 %, web 100 %"},
	} {
		report := model.Evaluate(c.set, options)
		if got := reached(report); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.what, got, c.want)
		}
		says := strings.Contains(strings.Join(report.Errors, "\n"), "gets no requests: Envoy tries")
		if says != strings.Contains(c.want, "of 0:") || report.Error {
			t.Errorf("%s: error %v, texts %q", c.what, report.Error, report.Errors)
		}
	}
}

// TestReachIsWhatRoutesGive draws groups with one match, and compares their real
// shares with those of every id and random number, tried route by route.
func TestReachIsWhatRoutesGive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set []map[string]any
		for i := range rapid.IntRange(1, 6).Draw(t, "mappings") {
			spec := map[string]any{"hostname": "*", "prefix": "/", "service": fmt.Sprint("s", i)}
			optional(t, spec, "precedence", 1, 2)
			if rapid.Bool().Draw(t, "weight?") {
				spec["weight"] = rapid.IntRange(0, 100).Draw(t, "weight")
			}
			name := rapid.SampledFrom([]string{"x-a", "X-A"}).Draw(t, "header")
			spec["headers"] = map[string]any{name: "1"}
			if rapid.Bool().Draw(t, "sample?") {
				spec["regex_headers"] = map[string]any{"x-request-id": rapid.SampledFrom(slices.Sorted(maps.Keys(idPatterns))).Draw(t, "ids")}
			}
			optional(t, spec, "host_redirect", true)
			set = append(set, newMapping("shop", fmt.Sprint("m", i), spec))
		}
		c := model.Configure(set, options)
		at := 0
		for i, g := range c.Routes {
			if len(g.Routes) == 0 || g.Internal {
				continue
			}
			want, got := tried(c, i), []float64{}
			for j, row := range c.Groups[at].Rows {
				real := float64(row.Share)
				if r := c.Groups[at].Reach; r != nil {
					real = r.Real[j]
				}
				got = append(got, math.Round(real*1e6)/1e6)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("group of %s (-routes +reach):\n%s\n%+v", g.Routes[0].Mapping, diff, c.Groups[at].Reach)
			}
			at++
		}
	})
}

// idPatterns holds the expressions that TestReachIsWhatRoutesGive draws. Envoy matches
// the whole id.
var idPatterns = map[string]*regexp.Regexp{
	".*0$": regexp.MustCompile("^.*0$"), ".*00": regexp.MustCompile("^.*00$"), "^.*[0-7]$": regexp.MustCompile("^.*[0-7]$"),
	".*[^0]0$": regexp.MustCompile("^.*[^0]0$"), ".*": regexp.MustCompile("^.*$"),
}

// tried returns the percentage of all ids and random numbers that each route of a
// group gets.
func tried(c model.Configuration, group int) []float64 {
	got := make([]float64, len(c.Routes[group].Routes))
	for class := range 256 {
		id := fmt.Sprintf("01234567-89ab-4def-8123-4567890123%02x", class)
		var matching []int
		for _, i := range c.Ports[0].VirtualHosts[0].Routes {
			if g := c.Routes[i]; !g.Internal && samples(g, id) {
				matching = append(matching, i)
			}
		}
		for number := range 100 {
			for _, i := range matching {
				g := c.Routes[i]
				at := slices.IndexFunc(g.Routes, func(r model.Route) bool { return r.Threshold > number })
				if at >= 0 && i == group {
					got[at]++
				}
				if at >= 0 || g.Redirect != nil {
					break
				}
			}
		}
	}
	for i := range got {
		got[i] = math.Round(got[i]/256*1e6) / 1e6
	}
	return got
}

func samples(g model.RouteGroup, id string) bool {
	for _, h := range g.Headers {
		if h.Name == "x-request-id" && !idPatterns[h.Value].MatchString(id) {
			return false
		}
	}
	return true
}
