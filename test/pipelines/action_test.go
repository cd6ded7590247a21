package pipelines

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestAction runs the script of action.yml as a runner does, and checks the actions that
// it uses.
func TestAction(t *testing.T) {
	text := read(t, "action.yml")
	for _, uses := range regexp.MustCompile(`uses: .*`).FindAllString(text, -1) {
		if !regexp.MustCompile(`^uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`).MatchString(uses) {
			t.Errorf("%s: name a commit, and its version behind it", uses)
		}
	}
	var action struct {
		Runs struct {
			Using string
			Steps []struct{ Run, Shell string }
		}
	}
	if err := yaml.Unmarshal([]byte(text), &action); err != nil {
		t.Fatal(err)
	}
	source, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	temp, path := t.TempDir(), filepath.Join(t.TempDir(), "path")
	for _, s := range action.Runs.Steps {
		if s.Run == "" {
			continue
		}
		ran++
		command := exec.CommandContext(t.Context(), s.Shell, "-c", s.Run)
		command.Env = append(os.Environ(), "SOURCE="+source, "RUNNER_TEMP="+temp, "GITHUB_PATH="+path)
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
	}
	added, err := os.ReadFile(path)
	if err != nil || ran != 1 || action.Runs.Using != "composite" {
		t.Fatalf("%d scripts of %s ran, error %v", ran, action.Runs.Using, err)
	}
	output, err := exec.CommandContext(t.Context(), filepath.Join(strings.TrimSpace(string(added)), "canarize"), "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(output), "canarize ") {
		t.Errorf("%v: %s", err, output)
	}
}

// TestDocumentedJobs: the jobs in docs/ci.md are valid YAML and use only existing verbs
// and flags.
func TestDocumentedJobs(t *testing.T) {
	canarize := buildCanarize(t)
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(read(t, "docs/ci.md"), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, block := range blocks {
		if err := yaml.Unmarshal([]byte(block[1]), new(any)); err != nil {
			t.Error(err)
		}
		if n := len(invocations(block[1])); n != 2 {
			t.Errorf("%d calls of canarize, expected run and reject:\n%s", n, block[1])
		}
		flagsExist(t, canarize, block[1])
	}
}
