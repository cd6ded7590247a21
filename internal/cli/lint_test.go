package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/lint"
)

// TestLintExample compares the findings in examples/lint with the reviewed ones.
func TestLintExample(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", "examples", "lint"))
	code, have, stderr := run(t.Context(), t, "", "lint", "release.yml", "github.yml", "gitlab.yml")
	if code != exitInvalid || stderr != "" {
		t.Errorf("%d, %s", code, stderr)
	}
	if *update {
		if err := os.WriteFile("findings.txt", []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("findings.txt")
	if err != nil {
		t.Fatal(err)
	}
	if have != string(want) {
		t.Errorf("findings.txt differs (review it, then use -update):\n%s", have)
	}
	// Every mistake that the files mark is found.
	for _, file := range []string{"release.yml", "github.yml", "gitlab.yml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, check := range lint.Checks() {
			marked, found := 0, strings.Count(have, "("+string(check)+")\n")
			for line := range strings.Lines(string(text)) {
				if _, comment, is := strings.Cut(line, " # "); is && strings.Contains(comment, string(check)) {
					marked++
				}
			}
			if marked > found {
				t.Errorf("%s: %s is marked %d times and found %d times", file, check, marked, found)
			}
		}
	}
}

// TestLintOwn: our own pipelines, templates and examples have no findings.
func TestLintOwn(t *testing.T) {
	root := filepath.Join("..", "..")
	args := []string{"lint", "--strict", filepath.Join(root, "azure-pipelines.yml"), filepath.Join(root, "misc", "release.yml"), filepath.Join(root, "action.yml")}
	for _, pattern := range []string{"templates/*.yml", "templates/steps/*.yml", "examples/azure-pipelines/*.yml"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		args = append(args, files...)
	}
	if code, stdout, stderr := run(t.Context(), t, "", args...); code != exitDone {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
}

// TestLintPage: docs/lint.md explains every check, and no other.
func TestLintPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "lint.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range lint.Checks() {
		if strings.Count(string(page), "\n| `"+string(check)+"` | ") != 1 {
			t.Errorf("docs/lint.md does not explain %s once", check)
		}
	}
	if n := strings.Count(string(page), "\n| `"); n != len(lint.Checks()) {
		t.Errorf("docs/lint.md explains %d checks of %d", n, len(lint.Checks()))
	}
}

func TestLintOptions(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"warn.yml": "apiVersion: v1\nkind: Service\n", "ok.yml": "apiVersion: canarize.dev/v1alpha1\nkind: Release\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"lint ok.yml":            {exitDone, "no findings"},
		"lint ok.yml -o json":    {exitDone, `{"findings":[]}`},
		"lint warn.yml":          {exitDone, "(unknown-file)"},
		"lint warn.yml --strict": {exitInvalid, "(unknown-file)"},
		"lint warn.yml -o json":  {exitDone, `"check":"unknown-file"`},
		"lint":                   {exitInvalid, "release.yml: no such file"},
		"lint ok.yml -o xml":     {exitInvalid, "unknown output format"},
		"lint none.yml --strict": {exitInvalid, "none.yml: no such file"},
	} {
		code, stdout, stderr := run(t.Context(), t, "", strings.Fields(args)...)
		if code != want.code || !strings.Contains(stdout+stderr, want.says) {
			t.Errorf("canarize %s: %d\n%s%s", args, code, stdout, stderr)
		}
	}
}
