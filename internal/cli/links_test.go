package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// notProse matches text in which a link is not a link: fenced and indented blocks, and
	// code within a sentence.
	notProse = regexp.MustCompile("(?ms)^ *```.*?^ *```|^(?:    |\t)[^\n]*$|`[^`\n]*`")
	fence    = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	linked   = regexp.MustCompile(`\]\(<?([^)\s>]+)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.+?)\s*$`)
	notInID  = regexp.MustCompile(`[^\p{L}\p{N}\-_ ]`)
)

// links returns the targets of the links of a document that lead into this repository.
func links(text string) (targets []string) {
	for _, m := range linked.FindAllStringSubmatch(notProse.ReplaceAllString(text, ""), -1) {
		if !strings.Contains(m[1], "://") && !strings.HasPrefix(m[1], "mailto:") {
			targets = append(targets, m[1])
		}
	}
	return targets
}

// anchors returns the names that GitHub gives the headings of a document.
func anchors(text string) (ids []string) {
	seen := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		title := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		id := strings.ReplaceAll(notInID.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
		if n := seen[id]; n > 0 {
			ids = append(ids, fmt.Sprintf("%s-%d", id, n))
		} else {
			ids = append(ids, id)
		}
		seen[id]++
	}
	return ids
}

// markdown returns all documents of the repository.
func markdown(t *testing.T) (files []string) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return filepath.SkipDir
		case !d.IsDir() && filepath.Ext(path) == ".md":
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestLinks: every link of a document leads to a file of this repository that exists, and to
// a heading that it has.
func TestLinks(t *testing.T) {
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	files, checked := markdown(t), 0
	for _, file := range files {
		for _, link := range links(read(file)) {
			checked++
			path, anchor, _ := strings.Cut(link, "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), filepath.FromSlash(path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s: no such file", file, link)
			} else if anchor != "" && filepath.Ext(target) == ".md" && !slices.Contains(anchors(read(target)), anchor) {
				t.Errorf("%s: %s: %s has no such heading", file, link, target)
			}
		}
	}
	t.Logf("%d links in %d documents", checked, len(files))
	if checked < 200 {
		t.Error("too few; did the form of the documents change?")
	}
}

// TestIndex: docs/README.md lists every page of docs once.
func TestIndex(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := filepath.Base(page)
		if n := strings.Count(string(text), "]("+name+")"); name != "README.md" && n != 1 {
			t.Errorf("docs/README.md lists %s %d times", name, n)
		}
	}
}

// TestFindsLinks: the tests above see what a reader sees.
func TestFindsLinks(t *testing.T) {
	text := "# A `run`: [how](x.md) it ends\n\n[a](b.md#c), `[no](no.md)` and [web](https://x.org/y)\n\n    [no](no.md)\n\n" +
		"```\n# no heading\n[no](no.md)\n```\n![a picture](p.svg)\n## Same\n## Same\n### Over 1 %?\n"
	if have, want := links(text), []string{"x.md", "b.md#c", "p.svg"}; !slices.Equal(have, want) {
		t.Errorf("links %q", have)
	}
	if have, want := anchors(text), []string{"a-run-how-it-ends", "same", "same-1", "over-1-"}; !slices.Equal(have, want) {
		t.Errorf("anchors %q", have)
	}
}
