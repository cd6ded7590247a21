// Package depcheck tests which package may import which, which packages may
// read the time, and the table of packages in docs/architecture.md. With
// -update it writes that table.
package depcheck

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/architecture.md")

const (
	root   = "../.."
	module = "github.com/canarize/canarize/"
)

// outside lists packages with effects from outside the program: I/O and
// randomness.
var outside = []string{"os", "os/exec", "net", "net/http", "math/rand", "math/rand/v2", "crypto/rand", "io/ioutil", "syscall"}

// clock lists the names of package time that read the time or wait.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// mayImport reports whether a room may import a package of this module. Names
// are those of the table.
func (r room) mayImport(name string) bool {
	return slices.ContainsFunc(strings.Fields(r.knows), func(known string) bool {
		return name == known || name == "internal/"+known
	})
}

func TestRooms(t *testing.T) {
	known := map[string]room{}
	for _, r := range rooms {
		known[r.name] = r
	}
	used := map[string]map[string]bool{} // by room, what it imports
	for _, f := range sources(t) {
		r, found := known[f.room]
		if !found {
			t.Errorf("package %s is not in the table: add it to rooms_test.go", f.path)
			continue
		}
		if used[r.name] == nil {
			used[r.name] = map[string]bool{}
		}
		for _, problem := range f.problems(r, used[r.name]) {
			t.Errorf("%s: %s", f.path, problem)
		}
	}
	for _, r := range rooms {
		if used[r.name] == nil && r.name != "internal/depcheck" {
			t.Errorf("there is no package %s", r.name)
		}
		for _, name := range strings.Fields(r.knows) {
			if !used[r.name][name] && !used[r.name]["internal/"+name] {
				t.Errorf("%s no longer imports %s: remove it from rooms_test.go", r.name, name)
			}
		}
	}
}

// problems returns the rules that a file breaks, and adds what the file imports
// to imported.
func (f source) problems(r room, imported map[string]bool) (problems []string) {
	for _, i := range f.syntax.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if own, is := strings.CutPrefix(path, module); is {
			imported[own] = true
			if !r.mayImport(own) {
				problems = append(problems, r.name+" may not import "+own)
			}
		}
		if r.pure && slices.Contains(outside, path) {
			problems = append(problems, r.name+" is pure and may not import "+path)
		}
	}
	if r.pure {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, is := n.(*ast.SelectorExpr); is && isTime(s.X) && slices.Contains(clock, s.Sel.Name) {
				problems = append(problems, r.name+" is pure and may not use time."+s.Sel.Name)
			}
			return true
		})
	}
	return problems
}

func isTime(x ast.Expr) bool {
	name, is := x.(*ast.Ident)
	return is && name.Name == "time" && name.Obj == nil
}

// TestLaws checks each rule with a file that breaks it.
func TestLaws(t *testing.T) {
	pure := room{name: "internal/p", knows: "manifest", pure: true}
	for text, says := range map[string]string{
		`import "os"`:                                                           "may not import os",
		`import "crypto/rand"`:                                                  "may not import crypto/rand",
		`import "` + module + `internal/kube"`:                                  "may not import internal/kube",
		`import "time"; var a = time.Now()`:                                     "may not use time.Now",
		`import "time"; var a = time.NewTimer`:                                  "may not use time.NewTimer",
		`import "time"; var a time.Time`:                                        "",
		`import "` + module + `internal/manifest"`:                              "",
		`import "sort"; func f(time struct{ Now int }) int { return time.Now }`: "",
	} {
		syntax, err := parser.ParseFile(token.NewFileSet(), "a.go", "package p\n"+text, 0)
		if err != nil {
			t.Fatal(err)
		}
		problems := strings.Join(source{syntax: syntax}.problems(pure, map[string]bool{}), "; ")
		if !strings.Contains(problems, says) || (says == "") != (problems == "") {
			t.Errorf("%s: %q, want %q", text, problems, says)
		}
	}
}

// source is a Go file of the product.
type source struct {
	path, room string
	syntax     *ast.File
	files      *token.FileSet // has the positions in syntax
}

// position returns the file and the line of a part of the file.
func (f source) position(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.files.Position(n.Pos()).Line)
}

// sources reads the Go files of this module, and test files only below test/.
// Because it reads the files itself, go test knows when its cached result is
// out of date.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); path != root && (err == nil || slices.Contains([]string{"testdata", "node_modules", ".git"}, d.Name())) {
				return filepath.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(filepath.ToSlash(name), "test/") {
			return err
		}
		syntax, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(name), filepath.ToSlash(filepath.Dir(name)), syntax, files})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTable checks that docs/architecture.md has this table.
func TestTable(t *testing.T) {
	const page, begin, end = root + "/docs/architecture.md", "<!-- rooms: go test ./internal/depcheck -update -->\n", "<!-- end of rooms -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := bytes.Cut(text, []byte(begin))
	_, after, ended := bytes.Cut(rest, []byte(end))
	if !found || !ended {
		t.Fatalf("%s has no place for the table, between %q and %q", page, begin, end)
	}
	var table bytes.Buffer
	table.WriteString("| package | its one job | knows |\n|---|---|---|\n")
	for _, r := range rooms {
		job, knows := r.job, strings.Join(strings.Fields(r.knows), ", ")
		if r.pure {
			job += ". Pure"
		}
		if knows == "" {
			knows = "–"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", r.name, job, knows)
	}
	want := slices.Concat(before, []byte(begin), table.Bytes(), []byte(end), after)
	if bytes.Equal(text, want) {
		return
	}
	if !*update {
		t.Fatalf("%s has another table; run go test ./internal/depcheck -update", page)
	}
	if err := os.WriteFile(page, want, 0o644); err != nil {
		t.Fatal(err)
	}
}
