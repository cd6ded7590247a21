package saying

import (
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// aVerb matches a verb of package fmt.
var aVerb = regexp.MustCompile(`%(?:\[\d\])?[-+# 0-9.]*[a-zA-Z]`)

// hidden lists packages whose messages no user meets.
var hidden = []string{"golden/", "kubetest/", "routetest/", "metrictest/", "doctortest/", "emissary/model/", "simulate/peer/"}

// TestCoverage: every sentence from which the code makes an error has a code, or stands in
// testdata/uncoded.txt: most of these are never shown alone. -update writes the list; a
// message that users meet gets an entry in the table instead.
func TestCoverage(t *testing.T) {
	const file = "testdata/uncoded.txt"
	have, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	listed := strings.Split(strings.TrimSpace(string(have)), "\n")
	var uncoded []string
	all := 0
	for _, text := range errorTexts(t) {
		all++
		if CodeOf("web: "+text) == "" {
			uncoded = append(uncoded, text)
		}
	}
	slices.Sort(uncoded)
	uncoded = slices.Compact(uncoded)
	t.Logf("%d of %d sentences of errors have a code", all-len(uncoded), all)
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(uncoded, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, text := range uncoded {
		if !slices.Contains(listed, text) {
			t.Errorf("no code for the message %q; add it to a form of package saying, or to %s by -update", text, file)
		}
	}
	for _, text := range listed {
		if !slices.Contains(uncoded, text) {
			t.Errorf("%s lists %q, which has a code or no longer exists; -update removes it", file, text)
		}
	}
	if all < 400 {
		t.Error("too few; are errors made in another way?")
	}
}

// errorTexts returns the sentences from which errors are made, with … for what varies.
func errorTexts(t *testing.T) (all []string) {
	t.Helper()
	eachFile(t, func(path string, syntax *ast.File) {
		if slices.ContainsFunc(hidden, func(folder string) bool { return strings.Contains(path, folder) }) {
			return
		}
		ast.Inspect(syntax, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is || !slices.Contains([]string{"Errorf", "errorf", "New"}, nameOf(call.Fun)) {
				return true
			}
			for _, arg := range call.Args {
				l, is := arg.(*ast.BasicLit)
				if !is || l.Kind != token.STRING {
					continue
				}
				text, err := strconv.Unquote(l.Value)
				text = strings.ReplaceAll(aVerb.ReplaceAllString(strings.ReplaceAll(text, "%%", "\x00"), "…"), "\x00", "%")
				if err == nil && len(strings.Fields(text)) > 3 { // a sentence
					all = append(all, strings.ReplaceAll(text, "\n", " "))
				}
			}
			return true
		})
	})
	return all
}

func nameOf(function ast.Expr) string {
	switch f := function.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}
