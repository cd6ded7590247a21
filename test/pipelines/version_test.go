package pipelines

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTemplatesNameTheVersion: every step that moves traffic, judges or promotes names
// its version: the user's image, or the version that an earlier step of the job deployed.
// The last stage promotes the version that the first stage deployed.
func TestTemplatesNameTheVersion(t *testing.T) {
	bash := need(t, "bash")
	environment := map[string]any{"environment": "production", "prepare": []any{}}
	withImage := maps.Clone(environment)
	withImage["image"] = newImage
	deployed := []string{"CANARIZE_RELEASE=web-shop.eu", "CANARIZE_PLAN=0123456789ab"}
	for _, c := range []struct {
		name       string
		parameters map[string]any
		env        []string
		want       string
	}{
		{"canary-jobs.yml", withImage, nil, newImage},
		{"canary-jobs.yml", withImage, deployed, newImage},
		{"release-stages.yml", withImage, nil, newImage},
		{"release-stages.yml", environment, deployed, "0123456789ab"},
		{"release-stages.yml", environment, []string{"CANARIZE_RELEASE=another", "CANARIZE_PLAN=0123456789ab"}, ""},
		{"canary-jobs.yml", environment, nil, ""},
	} {
		verbs := map[string]bool{}
		for _, l := range expandTemplate(t, c.name, c.parameters).inOrder() {
			for _, s := range l.Steps {
				verb, _, _ := strings.Cut(calledVerb(s), " ")
				if !slices.Contains([]string{"shift", "analyze", "promote"}, verb) {
					continue
				}
				verbs[verb] = true
				said := arguments(t, bash, s, c.env)
				want := ""
				if c.want != "" {
					want = " --version " + c.want
				}
				if _, after, _ := strings.Cut(said, " --namespace shop"); strings.TrimSpace(after) != strings.TrimSpace(want) {
					t.Errorf("%s with %q: canarize %s, expected it to end in %q", c.name, c.env, said, want)
				}
			}
		}
		if len(verbs) != 3 {
			t.Errorf("%s: only %v", c.name, verbs)
		}
	}
}

// arguments returns the arguments that a step passes to canarize.
func arguments(t *testing.T, bash string, s step, env []string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "canarize")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$*\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), bash, "--noprofile", "--norc", "-c", s.Bash)
	command.Env = append(slices.Clone(env), "PATH="+os.Getenv("PATH"))
	for key, value := range s.Env {
		if value != "" { // an agent may omit empty variables
			command.Env = append(command.Env, key+"="+value)
		}
	}
	command.Env = append(command.Env, "CANARIZE="+program)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return strings.TrimSpace(string(output))
}

// TestLastStageMeansTheFirst: the stage that promotes reads the outputs of the step that
// deploys, under the names that both use.
func TestLastStageMeansTheFirst(t *testing.T) {
	p := expandTemplate(t, "release-stages.yml", map[string]any{"environment": "production", "prepare": []any{}})
	first, promoting := p.Stages[0], p.Stages[3]
	deploy := ""
	for _, s := range first.Jobs[0].Strategy.RunOnce.Deploy.Steps {
		if strings.Contains(s.Bash, "variable=canarize.plan;isOutput=true]$CANARIZE_PLAN") {
			deploy = s.Name
		}
	}
	job := first.Jobs[0].Deployment
	want := "$[ stageDependencies." + first.Stage + "." + job + ".outputs['" + job + "." + deploy + ".canarize.plan'] ]"
	variables := fmt.Sprint(map[string]string{"canarize.plan": want, "canarize.release": "web-shop.eu"})
	if have := fmt.Sprint(promoting.Jobs[0].Variables); deploy == "" || have != variables {
		t.Errorf("%s, expected %s", have, variables)
	}
	const stages = "[web_shop_eu_5 web_shop_eu_25 web_shop_eu_50]"
	if fmt.Sprint(promoting.DependsOn) != stages { // a stage sees only the outputs of stages that it depends on
		t.Errorf("it depends on %v, expected %s", promoting.DependsOn, stages)
	}
}
