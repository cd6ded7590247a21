package depcheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// core lists the rooms that serve every face. They name no verb or flag of the
// command line.
var core = []string{"rollout", "runner", "kube", "readiness", "watch", "gate", "metric", "analysis", "route/emissary/live", "hub"}

// aWord matches a verb after the name of the program, or a flag.
var aWord = regexp.MustCompile(`\bcanarize (analyze|approve|completion|deploy|diff|doctor|generate|hold|judge|plan|promote|rbac|reject|report|resume|run|schema|shift|simulate|status|traffic|version)\b|(^|[^-\w])--[a-z]`)

// TestCoreNamesNoCommands checks every string literal of the core.
func TestCoreNamesNoCommands(t *testing.T) {
	read := 0
	for _, room := range core {
		err := filepath.WalkDir(filepath.Join("..", room), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			read++
			for _, word := range commandsIn(t, path) {
				t.Errorf("%s: move this to internal/cli; a core package must not name commands or flags", word)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 50 {
		t.Errorf("only %d files were read", read)
	}
}

func commandsIn(t *testing.T, path string) (found []string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		literal, is := n.(*ast.BasicLit)
		if !is || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err == nil && aWord.MatchString(text) {
			found = append(found, files.Position(literal.Pos()).String()+": "+literal.Value)
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
