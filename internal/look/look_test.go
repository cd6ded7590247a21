package look

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	defined = regexp.MustCompile(`(--[a-z]+):`)
	used    = regexp.MustCompile(`var\((--[a-z]+)\)|colour\("(--[a-z]+)"\)`)
	printed = regexp.MustCompile(`(?s)@media print \{.*`)
)

// TestOneLook: the report and the page define no colours of their own, but for paper, and use
// only those that there are. Each is there for light and for dark.
func TestOneLook(t *testing.T) {
	light, dark, _ := strings.Cut(CSS(), "@media (prefers-color-scheme: dark)")
	known := map[string]bool{}
	for _, m := range defined.FindAllStringSubmatch(light, -1) {
		if known[m[1]] = true; !strings.Contains(dark, m[1]+":") {
			t.Errorf("%s has no colour for dark", m[1])
		}
	}
	if len(known) < 9 {
		t.Fatalf("only %v", known)
	}
	texts := map[string]string{"look.css": CSS()}
	for _, file := range []string{"../page/assets/page.css", "../page/assets/lanes.js", "../report/page.gohtml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = printed.ReplaceAllString(string(text), "")
		for _, own := range defined.FindAllString(texts[file], -1) {
			t.Errorf("%s defines %s", file, own)
		}
	}
	for file, text := range texts {
		for _, m := range used.FindAllStringSubmatch(text, -1) {
			if name := m[1] + m[2]; !known[name] {
				t.Errorf("%s uses %s, which look.css does not define", file, name)
			}
		}
	}
}
