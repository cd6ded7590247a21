package model_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// TestDottedNamesInOtherGroups checks the facts seen in Emissary's generator
// with its cache: two Mappings a.b and a.c with different prefixes both exist
// after a start, and after a change of a third one a.b exists twice and a.c not
// at all.
func TestDottedNamesInOtherGroups(t *testing.T) {
	running := options
	running.Running = true
	for _, kind := range []string{"Mapping", "TCPMapping"} {
		member := func(name, prefix string, port int) map[string]any {
			m := newMapping("shop", name, map[string]any{"hostname": "*", "prefix": prefix, "service": "x", "port": port})
			m["kind"] = kind
			return m
		}
		set := []map[string]any{member("a.b", "/x", 1), member("a.c", "/y", 2), member("other", "/o", 3)}
		groups := func(r model.Report) int { return len(r.Groups) + len(r.TCPGroups) }
		started := model.Evaluate(set, options)
		if groups(started) != 3 || len(started.Drops)+len(started.TCPDrops) > 0 {
			t.Errorf("%s: after a start: %+v", kind, started)
		}
		if text := strings.Join(started.Errors, "\n"); started.Error || !strings.Contains(text, kind+` shop/a.c: has the same name up to its first dot, "a", as `+kind+" shop/a.b") {
			t.Errorf("%s: after a start: error %v, texts %q", kind, started.Error, text)
		}
		later := model.Evaluate(set, running)
		drops := slices.Concat(later.Drops, later.TCPDrops)
		if groups(later) != 2 || len(drops) != 1 || drops[0].Mapping != "a.c" || !strings.Contains(drops[0].Reason, kind+" shop/a.b") {
			t.Errorf("%s: after a change: %+v", kind, later)
		}
	}
}

// TestOneMappingForEachShortName checks that after a change, no two rows of a
// namespace have the same name up to the first dot, and that without dots the
// change changes nothing.
func TestOneMappingForEachShortName(t *testing.T) {
	running := options
	running.Running = true
	rapid.Check(t, func(t *rapid.T) {
		set := drawSet(t)
		report := model.Evaluate(set, running)
		seen := map[string]bool{}
		for _, g := range report.Groups {
			for _, row := range g.Rows {
				short, _, _ := strings.Cut(row.Mapping, ".")
				if key := row.Namespace + "/" + short; seen[key] {
					t.Errorf("%s has two rows: %+v", key, report.Groups)
				} else {
					seen[key] = true
				}
			}
		}
		dotless := slices.DeleteFunc(slices.Clone(set), func(o map[string]any) bool {
			return strings.Contains(o["metadata"].(map[string]any)["name"].(string), ".")
		})
		if diff := cmp.Diff(model.Evaluate(dotless, options), model.Evaluate(dotless, running)); diff != "" {
			t.Error(diff)
		}
	})
}
