package rollout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCodes checks that every constant of type Code has a text, and that there are no
// others.
func TestCodes(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		if kind, named := spec.Type.(*ast.Ident); named && kind.Name == "Code" {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, Code(code))
		}
		return true
	})
	slices.Sort(declared)
	if len(declared) == 0 || len(slices.Compact(slices.Clone(declared))) != len(declared) || !slices.Equal(declared, Codes()) {
		t.Errorf("declared are %q, with a fact %q", declared, Codes())
	}
}

// TestFacts checks that a text names its subjects.
func TestFacts(t *testing.T) {
	full := Refusal{
		Verb: "fly", Phase: Promoted, Weight: 7, Limit: 50, Version: "shop:9", Plan: "0123456789abcdef", Images: []string{"shop:2"}, Objects: []string{"Service eu/shop"},
		Gate: "qa", Gates: []string{"cab"}, Before: "20 %", Because: "a reason",
	}
	for code, subjects := range map[Code][]string{
		RefusedHeld: {"a reason"}, RefusedVerb: {"fly"}, RefusedOtherVersion: {"shop:9", "0123456789ab ", "shop:2"}, RefusedShifting: {"7 %"}, RefusedWeight: {"7 %"},
		RefusedNoCanary: {"promoted"}, RefusedNotStanding: {"promoted"}, RefusedUnverified: {"7 %"}, RefusedStableChanged: {"Service eu/shop"}, RefusedNoGate: {"qa", "cab"},
		RefusedGone: {"Service eu/shop"}, RefusedOwned: {"Service eu/shop", "a reason"}, RefusedRival: {"Service eu/shop", "a reason"}, RefusedNotRecord: {"Service eu/shop", ReleaseLabel}, RefusedSchema: {"shop:9", "reads version 1"}, WaitsForRequests: {"7 %"},
		WaitsForResume: {"a reason"}, WaitsForApproval: {"qa", "20 %"}, WaitsForGate: {"qa", "20 %"}, Stopped: {"a reason"},
	} {
		r := full
		r.Code = code
		for _, subject := range subjects {
			if !strings.Contains(r.Error(), subject) {
				t.Errorf("%s: %q does not name %q", code, r.Error(), subject)
			}
		}
	}
	if got := (&Refusal{Code: "Odd"}).Error(); got != "Odd" {
		t.Errorf("an unknown code says %q", got)
	}
}
