package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/lint"
)

// documentedCommand is a command line in a document.
type documentedCommand struct {
	file string
	line int
	args []string
	// block means that it stands in a block of code, to be run as it is; otherwise it
	// stands in a sentence.
	block bool
}

func (c documentedCommand) String() string { return "canarize " + strings.Join(c.args, " ") }

var (
	inline = regexp.MustCompile("`((?:kubectl )?canarize [^`]+)`")
	// scriptLine is the beginning of a line of a pipeline in front of a command.
	scriptLine = regexp.MustCompile(`^(\$ |(- )?((run|bash|script): )?)`)
)

// documentedCommands returns the commands of canarize in a document: in blocks of code, also
// of pipelines, and in sentences.
func documentedCommands(t *testing.T, file string) (all []documentedCommand) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	fenced := false
	for i := 0; i < len(lines); i++ {
		line, at := lines[i], i+1
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced || strings.HasPrefix(line, "    ") {
			for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
				i++
				line = strings.TrimSuffix(line, `\`) + lines[i]
			}
			line = strings.TrimSpace(line)
			for _, args := range lint.Calls(strings.TrimPrefix(line, scriptLine.FindString(line))) {
				all = append(all, documentedCommand{file, at, args, true})
			}
			continue
		}
		for _, m := range inline.FindAllStringSubmatch(line, -1) {
			for _, args := range lint.Calls(m[1]) {
				all = append(all, documentedCommand{file, at, args, false})
			}
		}
	}
	return all
}

// documents returns the documents whose commands are true today.
func documents(t *testing.T) (files []string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "examples/*/README.md", "templates/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return slices.DeleteFunc(files, func(f string) bool { return filepath.Base(f) == "CHANGELOG.md" }) // the past
}

// TestDocumentedCommands: every command in a document has a verb, flags and a number of
// arguments that exist. Those in blocks of code are run: in the folder of their example, or
// in one with the files that the documents name. A command that needs a cluster has to come
// as far as its first request.
func TestDocumentedCommands(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	common := commonFolder(t)
	parsed, ran, asked := 0, 0, 0
	for _, file := range documents(t) {
		folder, clusterFolder := common, common
		if strings.Contains(filepath.ToSlash(file), "/examples/") {
			folder, clusterFolder = copied(t, filepath.Dir(file)), filepath.Dir(file) // without a cluster nothing is written
		}
		for _, c := range documentedCommands(t, file) {
			args := slices.DeleteFunc(slices.Clone(c.args), func(a string) bool { return a == "…" || a == "..." })
			call, err := parseCommand(args)
			if err != nil {
				t.Errorf("%s:%d: %s: %v", c.file, c.line, c, err)
				continue
			}
			switch {
			case !c.block || call.Verb == "calibrate" || call.Verb == "demo": // tested with a Prometheus, and by a script
				parsed++
			case slices.Contains(args, "--from"): // an example has the file
				ran++
				c.carriedOut(t, folder, call.Verb)
			case slices.Contains(args, "--live"):
				asked++
				c.comesToTheCluster(t, clusterFolder)
			case slices.Contains([]string{"generate", "diff", "migrate", "traffic", "judge", "simulate", "rbac", "lint", "schema", "version"}, call.Verb):
				ran++
				c.carriedOut(t, folder, call.Verb)
			default:
				asked++
				c.comesToTheCluster(t, clusterFolder)
			}
		}
	}
	t.Logf("%d commands were run, %d as far as their first request to a cluster, and %d were parsed", ran, asked, parsed)
	if ran < 20 || asked < 30 || parsed < 100 {
		t.Error("too few; did the form of the documents change?")
	}
}

// plain replaces what only a shell or a CI system knows.
func (c documentedCommand) plain() []string {
	var args []string
	for _, arg := range c.args {
		if arg == "x" || arg == "…" { // a file that another command makes
			continue
		}
		args = append(args, variable.ReplaceAllString(arg, "2"))
	}
	return args
}

var variable = regexp.MustCompile(`\$x+`)

// carriedOut runs a command that needs no cluster. It must not fail for its input.
func (c documentedCommand) carriedOut(t *testing.T, folder, verb string) {
	t.Helper()
	t.Chdir(folder)
	args, stdin := c.plain(), ""
	switch verb {
	case "simulate":
		args = append(args, "--runs", "5")
	case "traffic":
		text, _ := os.ReadFile("routes.yml")
		stdin = string(text)
	case "judge":
		for _, name := range []string{"observations.jsonl", "healthy.jsonl", "rejected.jsonl"} {
			text, _ := os.ReadFile(name) // the first that exists
			stdin += string(text)
		}
	}
	code, _, stderr := run(t.Context(), t, stdin, args...)
	allowed := map[string][]int{"diff": {exitDone, exitDiffers}, "judge": {exitDone, exitRejected, exitHeld}, "lint": {exitDone, exitInvalid}}[verb]
	if allowed == nil {
		allowed = []int{exitDone}
	}
	if !slices.Contains(allowed, code) || verb == "lint" && stderr != "" {
		t.Errorf("%s:%d: %s: exit code %d: %s", c.file, c.line, c, code, stderr)
	}
}

// comesToTheCluster runs a command without a cluster.
func (c documentedCommand) comesToTheCluster(t *testing.T, folder string) {
	t.Helper()
	t.Chdir(folder)
	if code, _, stderr := run(t.Context(), t, "", c.plain()...); code != exitOutside || !strings.Contains(stderr, "kubeconfig: there is none") {
		t.Errorf("%s:%d: %s: exit code %d: %s", c.file, c.line, c, code, stderr)
	}
}

// copied returns a copy of a folder, into which commands may write.
func copied(t *testing.T, folder string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(folder))
	if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	return to
}

// commonFolder returns a folder with the files that the documents name.
func commonFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	read := func(path ...string) string {
		text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	app := strings.Replace(read("test", "script", "testdata", "app.yml"), "      containers:\n", "      containers:\n        - {name: app, image: 'registry.example.com/app:1'}\n", 1)
	for name, text := range map[string]string{
		"manifests/app.yml":              app,
		"routes.yml":                     read("examples", "routes", "shop.yml"),
		"chart.yaml":                     read("examples", "hooks", "chart.yaml"),
		"examples/history/rejected.json": read("examples", "history", "rejected.json"),
		"shop.yml":                       read("examples", "simulate", "scenarios", "checkout.yml"),
		"release.yml":                    "apiVersion: canarize.dev/v1alpha1\nkind: Release\nspec: {manifests: [manifests]}\n",
		".github/workflows/release.yml":  read("examples", "lint", "github.yml"),
	} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestFindsCommands: the test above sees a command in every place where documents have one.
func TestFindsCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	text := "Run `canarize status NAME` or `kubectl canarize plan …`, not `cannery status`; the\n\n" +
		"    canarize run a \\\n      -n b # comment\n    canarize: a message\n\n" +
		"```yaml\n- run: exec canarize reject c --if-active\n- bash: |\n    canarize shift c --to $N | tee log\n```\nof `status` and canarize hold.\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, c := range documentedCommands(t, file) {
		have = append(have, fmt.Sprint(c.line, " ", c.block, " ", c))
	}
	want := []string{"1 false canarize status NAME", "1 false canarize plan …", "3 true canarize run a -n b", "8 true canarize reject c --if-active", "10 true canarize shift c --to x"}
	if !slices.Equal(have, want) {
		t.Errorf("%q", have)
	}
}
