package cli

import (
	stdcmp "cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/route/emissary/traffic"
)

// TestTableAndJSONHaveTheSameRows: every Mapping and TCPMapping that the table shows is in
// the JSON, with the same share, and the other way round.
func TestTableAndJSONHaveTheSameRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		options := model.Options{Namespace: "emissary", Version: rapid.SampledFrom([]model.Version{{}, {Major: 4, Minor: 2}}).Draw(t, "version")}
		report := traffic.Report{Report: model.Evaluate(rapid.SliceOfNDistinct(rapid.Custom(drawRoute), 0, 8, nameOfRoute).Draw(t, "routes"), options)}
		var table, text strings.Builder
		if err := printTraffic(&table, requests{Report: report}, "", 0); err != nil {
			t.Fatal(err)
		}
		if err := printTraffic(&text, requests{Report: report}, "json", 0); err != nil {
			t.Fatal(err)
		}
		var decoded trafficJSON
		if err := json.Unmarshal([]byte(text.String()), &decoded); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rowsOfTable(table.String()), rowsOfJSON(decoded)); diff != "" {
			t.Errorf("(-table +JSON):\n%s\n%s\n%s", diff, table.String(), text.String())
		}
	})
}

func nameOfRoute(o map[string]any) string {
	meta := o["metadata"].(map[string]any)
	return fmt.Sprint(o["kind"], meta["namespace"], meta["name"])
}

// drawRoute draws a Mapping or TCPMapping, right or wrong.
func drawRoute(t *rapid.T) map[string]any {
	kind := rapid.SampledFrom([]string{"Mapping", "TCPMapping"}).Draw(t, "kind")
	spec := map[string]any{"service": rapid.SampledFrom([]string{"web", "web-canary", "db"}).Draw(t, "service")}
	options := map[string][]any{"weight": {0, 10, 40, 101, "x"}, "ambassador_id": {[]any{"other"}}, "resolver": {"none", "endpoint"}}
	if kind == "Mapping" {
		spec["prefix"] = rapid.SampledFrom([]string{"/", "/x/"}).Draw(t, "prefix")
		options["hostname"], options["shadow"], options["host_redirect"], options["precedence"] = []any{"*", "a.example.com"}, []any{true}, []any{true}, []any{1}
	} else {
		spec["port"] = rapid.SampledFrom([]any{9000, 9000, 9001, "x"}).Draw(t, "port")
		options["host"], options["address"] = []any{"db.example.com"}, []any{"0.0.0.0"}
	}
	for _, field := range []string{"address", "ambassador_id", "host", "host_redirect", "hostname", "precedence", "resolver", "shadow", "weight"} {
		if values := options[field]; values != nil && rapid.IntRange(0, 2).Draw(t, field+"?") == 0 {
			spec[field] = rapid.SampledFrom(values).Draw(t, field)
		}
	}
	return map[string]any{
		"apiVersion": "getambassador.io/v3alpha1", "kind": kind, "spec": spec,
		"metadata": map[string]any{
			"name":      rapid.SampledFrom([]string{"web", "web-canary", "web.b", "db"}).Draw(t, "name"),
			"namespace": rapid.SampledFrom([]string{"shop", "eu"}).Draw(t, "namespace"),
		},
	}
}

var betweenCells = regexp.MustCompile(` {2,}`)

// rowsOfTable returns the rows of a table about Mappings, sorted: the name and the share. A
// row about a whole group has its remark in parentheses.
func rowsOfTable(table string) []string {
	var rows []string
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		if strings.HasPrefix(line, "error: ") {
			continue
		}
		cells := betweenCells.Split(line, -1)
		if cells[0] == "dropped" && cells[1] != "tcp" {
			cells = slices.Insert(cells, 1, "")
		}
		if name := cells[2]; !strings.HasPrefix(name, "(") {
			rows = append(rows, name+" "+cells[3])
		}
	}
	slices.Sort(rows)
	return rows
}

// rowsOfJSON returns the same rows.
func rowsOfJSON(report trafficJSON) []string {
	var rows []string
	add := func(namespace, name, share string) {
		rows = append(rows, strings.TrimPrefix(namespace+"/", "/")+name+" "+share)
	}
	for _, g := range report.Groups {
		for _, row := range g.Rows {
			share := fmt.Sprintf("%d %%", row.Share)
			switch {
			case g.Unserved != "":
				share = "0 %"
			case row.Of != "":
				share += fmt.Sprintf(" of %s (%s %%)", row.Of, decimal(*row.Real))
			case row.Real != nil:
				share += fmt.Sprintf(" (%s %%)", decimal(*row.Real))
			}
			add(row.Namespace, stdcmp.Or(row.Name, row.Mapping), share)
		}
		for _, name := range g.Shadows {
			add("", name, "shadow")
		}
	}
	for _, g := range report.TCPGroups {
		for _, row := range g.Rows {
			share := fmt.Sprintf("%.2f %%", row.Share)
			if g.Unserved != "" {
				share = "0 %"
			}
			add(row.Namespace, stdcmp.Or(row.Name, row.Mapping), share)
		}
	}
	for _, d := range report.Drops {
		add(d.Namespace, d.Mapping, "0 %")
	}
	slices.Sort(rows)
	return rows
}
