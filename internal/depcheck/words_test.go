package depcheck

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// core lists the rooms that serve every face. They name no verb or flag of the
// command line.
var core = []string{"rollout", "runner", "kube", "readiness", "watch", "gate", "metric", "analysis", "route/emissary/live", "hub"}

// aWord matches a verb after the name of the program, or a flag.
var aWord = regexp.MustCompile(`\bcanarize (analyze|approve|calibrate|completion|deploy|diff|doctor|explain|generate|history|hold|judge|mark|plan|promote|rbac|reject|report|resume|run|schema|shift|simulate|status|traffic|version)\b|(^|[^-\w])--[a-z]`)

// TestCoreNamesNoCommands checks every string literal of the core.
func TestCoreNamesNoCommands(t *testing.T) {
	read := 0
	for _, f := range sources(t) {
		if !slices.ContainsFunc(core, func(room string) bool { return strings.HasPrefix(f.path, "internal/"+room+"/") }) {
			continue
		}
		read++
		for _, literal := range commandsIn(f.syntax) {
			t.Errorf("%s: %s: move this to internal/cli; a core package must not name commands or flags", f.position(literal), literal.Value)
		}
	}
	if read < 50 {
		t.Errorf("only %d files were read", read)
	}
}

func commandsIn(syntax *ast.File) (found []*ast.BasicLit) {
	ast.Inspect(syntax, func(n ast.Node) bool {
		literal, is := n.(*ast.BasicLit)
		if !is || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err == nil && aWord.MatchString(text) {
			found = append(found, literal)
		}
		return true
	})
	return found
}

// TestCommandsAreFound checks that aWord matches commands and flags only.
func TestCommandsAreFound(t *testing.T) {
	for text, is := range map[string]bool{
		"run canarize reject %s": true, "repeat with --untested": true, "--to is missing": true, "(see --name)": true,
		"what canarize writes": false, "-----BEGIN": false, "a--b": false, "canarize runs": false,
	} {
		if aWord.MatchString(text) != is {
			t.Errorf("%q: %v", text, !is)
		}
	}
}
