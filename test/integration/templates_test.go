//go:build integration

package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/canarize/canarize/test/pipelines/expand"
)

// azureStep is a step of an expanded template.
type azureStep struct {
	Bash      string            `yaml:"bash"`
	Condition string            `yaml:"condition"`
	Env       map[string]string `yaml:"env"`
}

// runSteps runs steps as an agent does: the variables that a step sets are in the
// environment of those behind it, and after a failure only always() steps run. It
// gives the scripts' own words, and whether all succeeded.
func (s shop) runSteps(t *testing.T, temporary string, steps []azureStep) (said string, good bool) {
	t.Helper()
	env := append(os.Environ(), "TF_BUILD=True", "AGENT_TEMPDIRECTORY="+temporary, "KUBECONFIG="+s.kubeconfig)
	var all strings.Builder
	good = true
	for _, step := range steps {
		if step.Bash == "" || !good && step.Condition != "always()" {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-c", step.Bash)
		cmd.Env = env
		for key, value := range step.Env {
			cmd.Env = append(cmd.Env, key+"="+value)
		}
		var output bytes.Buffer
		cmd.Stdout, cmd.Stderr = &output, &output
		if err := cmd.Run(); err != nil {
			good = false
		}
		all.Write(output.Bytes())
		for _, found := range regexp.MustCompile(`(?m)^##vso\[task\.setvariable variable=([a-z.]+);\](.*)$`).FindAllStringSubmatch(output.String(), -1) {
			env = append(env, strings.ToUpper(strings.ReplaceAll(found[1], ".", "_"))+"="+found[2])
		}
	}
	return all.String(), good
}

// testTemplates releases by templates/release-steps.yml: a good version, and one
// that the check finds bad at half of the traffic.
func testTemplates(t *testing.T, s shop) {
	for tag, check := range map[string]string{
		"v2": `echo "checked at $CANARIZE_WEIGHT"`,
		"v3": `echo "checked at $CANARIZE_WEIGHT"; [ "$CANARIZE_WEIGHT" -lt 50 ]`,
	} {
		var out struct{ Steps []azureStep }
		err := (expand.Repositories{}).File(filepath.Join(s.root, "templates", "release-steps.yml"), map[string]any{
			"release": "shop", "namespace": s.namespace, "manifests": s.version(t, tag), "canarize": s.canarize,
			"weights": []any{10, 50, 100}, "check": []any{map[string]any{"bash": check}},
		}, &out)
		if err != nil {
			t.Fatal(err)
		}
		before := imageOf(s.get(t, s.ref("apps", "Deployment", "shop")))
		said, good := s.runSteps(t, t.TempDir(), out.Steps)
		stable := strings.TrimPrefix(before, "registry.example.com/shop:")
		want, checks := "rejected", 2
		if tag == "v2" {
			stable, want, checks = "v2", "promoted", 3
		}
		s.check(t, stable, -1)
		if got := s.status(t); string(got.Phase) != want || good != (tag == "v2") {
			t.Errorf("%s is %s, success %t\n%s", tag, got.Phase, good, said)
		}
		if strings.Count(said, "\nchecked at ") != checks || !strings.Contains(said, "\nchecked at 10\n") || !strings.Contains(said, "\nchecked at 50\n") {
			t.Errorf("%s: not checked at every weight:\n%s", tag, said)
		}
		s.checkReport(t, "the release "+want)
	}
}

// checkReport runs templates/steps/report.yml and looks for its three files.
func (s shop) checkReport(t *testing.T, what string) {
	t.Helper()
	var out struct{ Steps []azureStep }
	err := (expand.Repositories{}).File(filepath.Join(s.root, "templates", "steps", "report.yml"), map[string]any{
		"release": "shop", "namespace": s.namespace, "canarize": s.canarize,
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	temporary := t.TempDir()
	if said, good := s.runSteps(t, temporary, out.Steps); !good {
		t.Errorf("%s: %s", what, said)
	}
	for name, begins := range map[string]string{"shop.json": "{", "shop.html": "<!doctype html>", "shop.xml": "<?xml "} {
		if text, err := os.ReadFile(filepath.Join(temporary, "report", name)); err != nil || !strings.HasPrefix(string(text), begins) {
			t.Errorf("%s: %s: error %v, %.60s", what, name, err, text)
		}
	}
}
