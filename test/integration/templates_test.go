//go:build integration

package integration

import (
	"bytes"
	"maps"
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

// runSteps runs steps as an agent does: later steps get the variables that a step sets in
// their environment, and after a failure only always() steps run. It returns the output of
// the scripts, and whether all succeeded.
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

// template expands a template for the application, which is judged by the counts of its
// users. config is added to the release file.
func (u *users) template(t *testing.T, name, tag, config string, more map[string]any, into any) {
	t.Helper()
	parameters := map[string]any{
		"release": "shop", "namespace": u.namespace, "manifests": u.version(t, tag), "canarize": u.unverifying(t), "config": u.config(t, config)[1],
	}
	maps.Copy(parameters, more)
	if err := (expand.Repositories{}).File(filepath.Join(u.root, "templates", name), parameters, into); err != nil {
		t.Fatal(err)
	}
}

// unverifying returns the path of a canarize that accepts unverified shares, because there
// is no gateway here and the templates do not accept them.
func (u *users) unverifying(t *testing.T) string {
	t.Helper()
	file := filepath.Join(u.folder, "canarize")
	script := "#!/bin/sh\ncase $1 in run | deploy | promote) exec '" + u.canarize + "' \"$@\" --unverified ;; esac\nexec '" + u.canarize + "' \"$@\"\n"
	if err := os.WriteFile(file, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// testTemplateSteps releases a bad version and a good one by templates/release-steps.yml.
func testTemplateSteps(t *testing.T, s shop, u *users) {
	for _, c := range []struct {
		tag, stable, end string
		bad              float64
	}{{"v2", "v1", "rejected", .5}, {"v3", "v3", "promoted", 0}} {
		u.set(func(u *users) { u.bad = c.bad })
		var out struct{ Steps []azureStep }
		u.template(t, "release-steps.yml", c.tag, "", nil, &out)
		temporary := t.TempDir()
		said, good := s.runSteps(t, temporary, out.Steps)
		s.check(t, c.stable, -1)
		if got := s.status(t); string(got.Phase) != c.end || good != (c.end == "promoted") {
			t.Errorf("%s is %s, success %t\n%s", c.tag, got.Phase, good, said)
		}
		if raised := strings.Contains(said, "##vso[task.logissue type=error;]"); raised != (c.end == "rejected") || !strings.Contains(said, "variable=canarize.state;isOutput=true;]"+c.end+"\n") {
			t.Errorf("%s: error on the run's page %t\n%s", c.tag, raised, said)
		}
		checkReport(t, temporary)
	}
}

// testTemplateStages releases by templates/release-stages.yml, whose jobs share nothing but
// the cluster: a version that turns out bad at the second share, and a good one.
func testTemplateStages(t *testing.T, s shop, u *users) {
	for _, c := range []struct {
		tag, stable, end, check string
		jobs                    int // the jobs that succeed before the last one
	}{
		{"v2", "v1", "rejected", `echo "checked at $CANARIZE_WEIGHT"; [ "$CANARIZE_WEIGHT" -lt 50 ]`, 1},
		{"v3", "v1", "rejected", `echo "checked at $CANARIZE_WEIGHT"`, 1},
		{"v4", "v4", "promoted", `echo "checked at $CANARIZE_WEIGHT"`, 3},
	} {
		u.set(func(u *users) { u.bad = 0 })
		var out struct {
			Stages []struct {
				Jobs []struct {
					Steps    []azureStep
					Strategy struct {
						RunOnce struct{ Deploy struct{ Steps []azureStep } } `yaml:"runOnce"`
					}
				}
			}
		}
		u.template(t, "release-stages.yml", c.tag, "", map[string]any{
			"weights": []any{10, 50}, "analyze": "2s", "environment": "test", "prepare": []any{}, "check": []any{map[string]any{"bash": c.check}},
		}, &out)
		var all strings.Builder
		good, jobs := true, 0
		for i, stage := range out.Stages {
			if i == 1 && c.tag == "v3" {
				u.set(func(u *users) { u.bad = .5 })
			}
			last := i == len(out.Stages)-1
			if !good && !last {
				continue
			}
			temporary := t.TempDir()
			said, succeeded := s.runSteps(t, temporary, append(stage.Jobs[0].Strategy.RunOnce.Deploy.Steps, stage.Jobs[0].Steps...))
			all.WriteString(said)
			switch {
			case last && !succeeded:
				t.Errorf("%s: the last stage fails:\n%s", c.tag, said)
			case last:
				checkReport(t, temporary)
			case succeeded:
				jobs++
			}
			good = good && succeeded
		}
		s.check(t, c.stable, -1)
		if got := s.status(t); string(got.Phase) != c.end || jobs != c.jobs {
			t.Errorf("%s is %s after %d good jobs\n%s", c.tag, got.Phase, jobs, all.String())
		}
		if !strings.Contains(all.String(), "\nchecked at 10\n") || strings.Contains(all.String(), "\nchecked at 50\n") == (c.tag == "v3") {
			t.Errorf("%s: checked at the wrong weights:\n%s", c.tag, all.String())
		}
	}
}

// checkReport looks for the three files that templates/steps/report.yml keeps.
func checkReport(t *testing.T, temporary string) {
	t.Helper()
	for name, begins := range map[string]string{"shop.json": "{", "shop.html": "<!doctype html>", "shop.xml": "<?xml "} {
		if text, err := os.ReadFile(filepath.Join(temporary, "report", name)); err != nil || !strings.HasPrefix(string(text), begins) {
			t.Errorf("%s: error %v, %.60s", name, err, text)
		}
	}
}
