package saying

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	page       = "../../docs/troubleshooting.md"
	pageBegins = "<!-- messages:begin, written by make docs from internal/saying -->\n"
	pageEnds   = "<!-- messages:end -->\n"
)

// TestPage: docs/troubleshooting.md has the messages as the table says them.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), pageBegins)
	have, after, ended := strings.Cut(rest, pageEnds)
	if !found || !ended {
		t.Fatalf("%s has no %s and %s", page, pageBegins, pageEnds)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+pageBegins+Page()+pageEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(Page(), have); diff != "" {
		t.Errorf("%s (-want +have; make docs writes it): %s", page, diff)
	}
}

// TestLinks: what the messages link to exists in the folder docs.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
	for _, s := range All() {
		for _, m := range link.FindAllStringSubmatch(s.Means+s.Do, -1) {
			text, err := os.ReadFile("../../docs/" + m[1])
			if err != nil {
				t.Errorf("%s: %v", s.Code, err)
				continue
			}
			if anchor := strings.TrimPrefix(m[2], "#"); anchor != "" && !hasAnchor(string(text), anchor) {
				t.Errorf("%s: %s has no heading #%s", s.Code, m[1], anchor)
			}
		}
		if anchor := strings.ToLower(string(s.Code)); !hasAnchor(Page(), anchor) {
			t.Errorf("%s has no section #%s", s.Code, anchor)
		}
	}
}

// hasAnchor reports whether a page has a heading with the anchor that GitHub gives it.
func hasAnchor(text, anchor string) bool {
	for line := range strings.Lines(text) {
		if title, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); is && line[0] == '#' {
			slug := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			if strings.ReplaceAll(slug, " ", "-") == anchor {
				return true
			}
		}
	}
	return false
}
