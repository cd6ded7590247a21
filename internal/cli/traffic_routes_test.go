package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/gatewayapi/model"
	routes "github.com/canarize/canarize/internal/route/gatewayapi/traffic"
)

// TestRoutesInTableAndJSON: every backend, mirror and gateway's own answer that the table
// shows for a match is in the JSON, with the same share, and the other way round.
func TestRoutesInTableAndJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set []map[string]any
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID).Draw(t, "names") {
			set = append(set, drawHTTPRoute(t, name))
		}
		evaluated := model.New(set, model.Options{Complete: rapid.IntRange(0, 3).Draw(t, "complete?") == 0})
		all := requests{routes: routes.Report{Any: true, Report: evaluated.Report()}}
		if rapid.Bool().Draw(t, "asked?") {
			all.routes.Asked = &model.Request{Host: "a.example.com", Port: 80, Method: "GET", Path: "/x"}
			all.routes.Answers = evaluated.Ask(*all.routes.Asked)
		}
		var table, text strings.Builder
		if err := printTraffic(&table, all, "", 0); err != nil {
			t.Fatal(err)
		}
		if err := printTraffic(&text, all, "json", 0); err != nil {
			t.Fatal(err)
		}
		var decoded trafficJSON
		if err := json.Unmarshal([]byte(text.String()), &decoded); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rowsOfRoutes(table.String()), rowsOfRoutesJSON(decoded, all.routes.Asked != nil)); diff != "" {
			t.Errorf("(-table +JSON):\n%s\n%s\n%s", diff, table.String(), text.String())
		}
	})
}

// drawHTTPRoute draws a route with one or two rules, right or wrong.
func drawHTTPRoute(t *rapid.T, name string) map[string]any {
	var rules []any
	for range rapid.IntRange(1, 2).Draw(t, "rules") {
		rule := map[string]any{"matches": []any{map[string]any{"path": map[string]any{"value": rapid.SampledFrom([]string{"/", "/x"}).Draw(t, "path")}}}}
		var backends []any
		for _, b := range rapid.SliceOfN(rapid.SampledFrom([]string{"web", "web-canary"}), 0, 2).Draw(t, "backends") {
			backend := map[string]any{"name": b, "port": 80, "weight": rapid.SampledFrom([]any{0, 1, 3, 1_000_001}).Draw(t, "weight")}
			if rapid.IntRange(0, 3).Draw(t, "elsewhere?") == 0 {
				backend["namespace"] = "eu"
			}
			backends = append(backends, backend)
		}
		rule["backendRefs"] = backends
		if rapid.IntRange(0, 2).Draw(t, "mirror?") == 0 {
			rule["filters"] = []any{map[string]any{"type": "RequestMirror", "requestMirror": map[string]any{"percent": 10, "backendRef": map[string]any{"name": "copy", "port": 80}}}}
		}
		rules = append(rules, rule)
	}
	return map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
		"metadata": map[string]any{"name": name, "namespace": "shop"},
		"spec":     map[string]any{"parentRefs": []any{map[string]any{"name": "public"}}, "hostnames": []any{"a.example.com"}, "rules": rules},
	}
}

// rowsOfRoutes returns the rows of a table, sorted: match, rule, share and backend.
func rowsOfRoutes(table string) []string {
	var rows []string
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		cells := betweenCells.Split(line, -1)
		switch {
		case strings.HasPrefix(line, "error: "), strings.HasPrefix(line, "assumed: "), len(cells) == 3: // a remark
		case cells[0] == "(none)":
			rows = append(rows, cells[1]+" "+cells[2]+" "+cells[3])
		case cells[2] == "(no route)":
			rows = append(rows, cells[2]+" "+cells[4])
		default:
			rows = append(rows, strings.Join(cells[1:5], " "))
		}
	}
	slices.Sort(rows)
	return rows
}

// rowsOfRoutesJSON returns the same rows. For a request, they are those of the answers.
func rowsOfRoutesJSON(report trafficJSON, asked bool) []string {
	var rows []string
	matches := report.Routes
	if asked {
		matches = nil
		for _, a := range report.Answers {
			if a.Taken == nil {
				rows = append(rows, "(no route) "+a.Status)
			} else {
				matches = append(matches, *a.Taken)
			}
		}
	} else {
		for _, u := range report.Unattached {
			rows = append(rows, fmt.Sprintf("%s %s/%s 0 %% not attached", u.Kind, u.Namespace, u.Route))
		}
	}
	for _, match := range matches {
		add := func(share, backend string) {
			rows = append(rows, fmt.Sprintf("%s %s %s/%s rules[%d] %s %s", match.Match, match.Kind, match.Namespace, match.Route, match.Rule, share, backend))
		}
		name := func(r referenceJSON) string { return fmt.Sprintf("%s/%s:%d", r.Namespace, r.Backend, r.Port) }
		whole := "100 %"
		if match.Unserved != "" {
			whole = "0 %"
		}
		if match.Status != "" {
			add(whole, match.Status)
		}
		for _, r := range match.Rows {
			backend := name(r.referenceJSON)
			if r.Status != "" {
				backend = r.Status + " for " + backend
			}
			add(decimal(r.Share)+" %", backend)
		}
		for _, mirror := range match.Mirrors {
			add("mirror "+decimal(mirror.Share)+" %", name(mirror.referenceJSON))
		}
	}
	slices.Sort(rows)
	return rows
}
