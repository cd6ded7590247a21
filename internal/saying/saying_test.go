package saying

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/lint"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/rollout"
)

var update = flag.Bool("update", false, "add the new codes to testdata/codes.txt")

// leastLiteral is the least number of bytes by which a message is recognised.
const leastLiteral = 6

// TestTable: codes are unique, in order and in their group, and every message has all of
// its parts.
func TestTable(t *testing.T) {
	form := regexp.MustCompile(`^CZ[1-9][0-9]{3}$`)
	last := Code("")
	said := map[string]Code{}
	for _, g := range Groups() {
		for _, s := range g.Sayings {
			if !form.MatchString(string(s.Code)) || s.Code[2] != g.Number || s.Code <= last {
				t.Errorf("%s follows %s in group %c", s.Code, last, g.Number)
			}
			last = s.Code
			if !slices.Contains(Levels(), s.Level) || len(s.Says) == 0 || !strings.HasSuffix(s.Means, ".") || len(s.Do) < 8 {
				t.Errorf("%s: %+v", s.Code, s)
			}
			for _, text := range s.Says {
				if other, known := said[text]; known || len(strings.ReplaceAll(text, "…", "")) < leastLiteral {
					t.Errorf("%s: %q is too short, or a form of %s too", s.Code, text, other)
				}
				said[text] = s.Code
			}
		}
	}
}

// TestCodesNeverChange: a code keeps its message. -update adds new codes; it does not
// change or remove one.
func TestCodesNeverChange(t *testing.T) {
	const file = "testdata/codes.txt"
	have, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var missing []string
	for _, s := range All() {
		line := fmt.Sprintf("%s %s %s", s.Code, s.Level, s.Says[0])
		if at := strings.Index("\n"+string(have), "\n"+string(s.Code)+" "); at < 0 {
			missing = append(missing, line)
		} else if kept, _, _ := strings.Cut(string(have)[at:], "\n"); kept != line {
			t.Errorf("%s was\n%s\nand is now\n%s\ngive a new message a new code; if only its words changed, change the file by hand", s.Code, kept, line)
		}
	}
	for line := range strings.Lines(string(have)) {
		if _, known := Get(line[:len("CZ0000")]); !known {
			t.Errorf("the table lacks %s", line)
		}
	}
	if len(missing) == 0 {
		return
	}
	if !*update {
		t.Fatalf("%s lacks %d codes; run go test ./internal/saying -update", file, len(missing))
	}
	lines := append(strings.Split(strings.TrimSpace(string(have)), "\n"), missing...)
	slices.Sort(lines)
	if err := os.WriteFile(file, []byte(strings.TrimSpace(strings.Join(lines, "\n"))+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEveryReasonHasACode: each code of rollout, each cause of the judge, each name of a
// warning and each check of lint has exactly one code.
func TestEveryReasonHasACode(t *testing.T) {
	count := map[string]int{}
	for _, s := range All() {
		for _, r := range s.Refusals {
			count["refusal "+string(r)]++
		}
		for _, c := range s.Causes {
			count["cause "+string(c)]++
		}
		if s.Name != "" {
			count["name "+s.Name]++
		}
	}
	var want []string
	for _, code := range rollout.Codes() {
		want = append(want, "refusal "+string(code))
	}
	for _, cause := range causes(t) {
		want = append(want, "cause "+cause)
	}
	for _, n := range note.Names() {
		want = append(want, "name "+string(n))
	}
	for _, c := range lint.Checks() {
		want = append(want, "name "+string(c))
	}
	for _, reason := range want {
		if count[reason] != 1 {
			t.Errorf("%s has %d codes", reason, count[reason])
		}
	}
	if len(count) != len(want) {
		t.Errorf("%d reasons have a code, of %d", len(count), len(want))
	}
}

// causes reads the causes of package analysis from its source, because a new one has to
// get a code.
func causes(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../analysis/analysis.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\t\w+ +Cause = "([a-z-]+)"`).FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	if len(all) < 8 {
		t.Fatalf("only %d causes", len(all))
	}
	return all
}

// TestRefusals: the text of a refusal has the code of the refusal, unless it passes on the
// text of its cause.
func TestRefusals(t *testing.T) {
	passesOn := []rollout.Code{rollout.RefusedNotTaken, rollout.RefusedNoGatewayPod, rollout.RefusedGatewayVersion, rollout.Stopped}
	for _, code := range rollout.Codes() {
		want, known := OfRefusal(code)
		if !known {
			t.Errorf("%s has no code", code)
		}
		if slices.Contains(passesOn, code) {
			continue
		}
		for _, r := range []*rollout.Refusal{
			{Code: code, Err: errors.New("x")},
			{Code: code, Weight: 5, Version: "v", Plan: "0123", Images: []string{"a:1"}, Objects: []string{"Deployment shop/web"}, Gate: "qa", Gates: []string{"cab"}, Before: "5 %", Because: "web", Number: 3, Current: 5, Kept: [2]int{4, 5}, Phase: rollout.Deploying, Err: errors.New("y")},
			{Code: code, Number: 7, Current: 5, Err: errors.New("z")},
		} {
			if got, _ := Find(r.Error()); got.Code != want.Code {
				t.Errorf("%s: %q has the code %q instead of %s", code, r, got.Code, want.Code)
			}
		}
	}
	if _, known := OfCause(analysis.BadPod); !known {
		t.Error("no code of a bad pod")
	}
}

// TestForms: a message is found in any text that says it, whatever stands for … and around
// it, unless the text says something more specific or more urgent.
func TestForms(t *testing.T) {
	filler := rapid.StringMatching(`[a-z0-9/]{0,8}( [a-z0-9/]{1,5})?`)
	rapid.Check(t, func(t *rapid.T) {
		const parts = 8 // of the table, one at a time
		part := rapid.IntRange(0, parts-1).Draw(t, "part")
		for i, f := range forms() {
			if i%parts != part {
				continue
			}
			said := filler.Draw(t, "before")
			for i, part := range f.parts {
				if i > 0 {
					said += filler.Draw(t, "…")
				}
				said += part
			}
			said += filler.Draw(t, "after")
			if got, _ := Find(said); got.Code != f.Code {
				t.Fatalf("%q has the code %s, whose message is %q, and not %s", said, got.Code, got.Says, f.Code)
			}
			if marked := Mark(said, CodeOf(said)); marked != said+" ["+string(f.Code)+"]" || Mark(marked, CodeOf(marked)) != marked {
				t.Fatalf("marked %q", marked)
			}
		}
	})
}

// TestCause: of a text with several messages, the cause is told first, and what affects
// users before everything.
func TestCause(t *testing.T) {
	for text, want := range map[string][]Code{
		"release eu/shop: held: the gateway has not applied the shares within 30s; run canarize reject shop, or repeat with --override-hold once the problem is solved": {"CZ3001", "CZ4002"},
		"interrupted, and traffic may still reach the canary: Mapping eu/shop-canary: not allowed to patch it: no":                                                      {"CZ7003", "CZ1201"},
		"nothing was changed, because the API server would refuse the promotion: the cluster does not serve Foo of a/v1; install its CRD, or leave the object out":      {"CZ1205", "CZ2011"},
		"Deployment eu/shop: get: given up after 5 attempts: x":                                                                                                         {"CZ1301"},
		"nothing of this kind": nil,
		"":                     nil,
		"open no progress for 1m [CZ7001].yml: no such file or directory": {"CZ9201", "CZ2003"},
	} {
		var got []Code
		for _, s := range FindAll(text) {
			got = append(got, s.Code)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestGet(t *testing.T) {
	for word, want := range map[string]Code{"CZ7001": "CZ7001", "cz7001": "CZ7001", "7001": "CZ7001", "[CZ7001]": "CZ7001", "host-port": "CZ2207", "late-gate": "CZ8105", "": "", "CZ": "", "CZ9999": ""} {
		if s, known := Get(word); s.Code != want || known != (want != "") {
			t.Errorf("%q: %s", word, s.Code)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("release a: held: no progress for 10m [CZ9999]")
	f.Fuzz(func(t *testing.T, text string) {
		for i, s := range FindAll(text) {
			if _, known := Get(string(s.Code)); !known {
				t.Fatalf("%q: %d: %s", text, i, s.Code)
			}
		}
	})
}

// foreign are messages of other programs, such as the operating system.
var foreign = []string{
	"no such file or directory", "permission denied", "not a directory", "too many levels of symbolic links", "no space left on device",
	"connection refused", "no such host", "i/o timeout", "certificate signed by unknown authority", "tls", "failed to verify certificate",
	"invalid argument", "for", "flag", "exceeded quota", "OOMKilled",
}

// between separates the parts of a form: what is said and the advice after it may come from
// two places.
var between = regexp.MustCompile(`…|; |: `)

// TestPrintable: the code can print every message. Its parts stand in string literals.
func TestPrintable(t *testing.T) {
	literals := literals(t)
	for _, s := range All() {
		if s.Name != "" {
			continue // TestEveryReasonHasACode
		}
		for _, text := range s.Says {
			for _, part := range between.Split(text, -1) {
				if part = strings.Trim(part, " ;:"); !slices.Contains(foreign, part) && !strings.Contains(literals, part) {
					t.Errorf("%s: no message in the code contains %q; from %q", s.Code, part, text)
				}
			}
		}
	}
}

// literals returns the string literals of the other packages.
func literals(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	eachFile(t, func(_ string, syntax *ast.File) {
		ast.Inspect(syntax, func(n ast.Node) bool {
			if l, is := n.(*ast.BasicLit); is && l.Kind == token.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil {
					all.WriteString(strings.ReplaceAll(text, "%%", "%") + "\n")
				}
			}
			return true
		})
	})
	return all.String()
}

// eachFile calls see with the source files of the other packages.
func eachFile(t *testing.T, see func(path string, syntax *ast.File)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == "saying" {
			return cmp.Or(err, filepath.SkipDir)
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err == nil {
			see(path, syntax)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
