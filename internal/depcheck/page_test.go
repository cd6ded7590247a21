package depcheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named finds in docs/architecture.md what has to exist: a Go file, with the names that
// it declares in parentheses behind it; a name with its package; a test; a link.
var (
	namedFile   = regexp.MustCompile("`([\\w/]+\\.go)`(?: \\(([^)]*)\\))?")
	namedName   = regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w*)`")
	namedTest   = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
	namedLink   = regexp.MustCompile(`\]\(([^)#:]+)`)
	inBackticks = regexp.MustCompile("`([\\w.]+)`")
)

// TestPage checks that docs/architecture.md names only what exists.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	page, declared := string(text), declarations(t)
	checked := 0
	check := func(found bool, name string) {
		if checked++; !found {
			t.Errorf("docs/architecture.md names %s, which does not exist", name)
		}
	}
	for _, m := range namedFile.FindAllStringSubmatch(page, -1) {
		path := "internal/" + strings.TrimPrefix(m[1], "internal/")
		if !strings.Contains(m[1], "/") {
			path = "internal/rollout/" + m[1]
		}
		names, found := declared[path]
		check(found, m[1])
		for _, name := range inBackticks.FindAllStringSubmatch(m[2], -1) {
			check(names[name[1]], name[1]+" of "+m[1])
		}
	}
	for _, m := range namedName.FindAllStringSubmatch(page, -1) {
		check(anyFile(declared, "/"+m[1]+"/", m[2]), m[1]+"."+m[2])
	}
	for _, m := range namedTest.FindAllStringSubmatch(page, -1) {
		check(anyFile(declared, "_test.go", m[1]), m[1])
	}
	for _, m := range namedLink.FindAllStringSubmatch(page, -1) {
		_, err := os.Stat(root + "/docs/" + m[1])
		check(err == nil, m[1])
	}
	if checked < 80 {
		t.Errorf("found only %d names in docs/architecture.md; has it another form?", checked)
	}
}

// anyFile reports whether a file whose path contains part declares name.
func anyFile(declared map[string]map[string]bool, part, name string) bool {
	for path, names := range declared {
		if strings.Contains(path, part) && names[name] {
			return true
		}
	}
	return false
}

// declarations returns, by the path of each Go file under internal, the names that it
// declares: functions, types and constants, and Type.name for methods and fields.
func declarations(t *testing.T) map[string]map[string]bool {
	t.Helper()
	declared := map[string]map[string]bool{}
	err := filepath.WalkDir(root+"/internal", func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		names := map[string]bool{}
		for _, d := range file.Decls {
			for _, name := range declaredBy(d) {
				names[name] = true
			}
		}
		path, err = filepath.Rel(root, path)
		declared[filepath.ToSlash(path)] = names
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return declared
}

func declaredBy(d ast.Decl) (names []string) {
	if f, is := d.(*ast.FuncDecl); is {
		names = append(names, f.Name.Name)
		if f.Recv != nil {
			of := f.Recv.List[0].Type
			if star, is := of.(*ast.StarExpr); is {
				of = star.X
			}
			if of, is := of.(*ast.Ident); is {
				names = append(names, of.Name+"."+f.Name.Name)
			}
		}
		return names
	}
	for _, spec := range d.(*ast.GenDecl).Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				names = append(names, name.Name)
			}
		case *ast.TypeSpec:
			names = append(names, spec.Name.Name)
			if s, is := spec.Type.(*ast.StructType); is {
				for _, field := range s.Fields.List {
					for _, name := range field.Names {
						names = append(names, spec.Name.Name+"."+name.Name)
					}
				}
			}
		}
	}
	return names
}
