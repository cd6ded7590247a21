package pipelines

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/canarize/canarize/test/pipelines/expand"
)

// expandTemplate expands a file of templates/ with its required parameters and more.
func expandTemplate(t *testing.T, name string, more map[string]any) pipeline {
	t.Helper()
	parameters := map[string]any{"release": "web-shop.eu", "namespace": "shop", "manifests": "drop/manifests"}
	for key, value := range more {
		parameters[key] = value
	}
	return expandFile(t, filepath.Join(root, "templates", name), parameters)
}

// expandFile expands a pipeline of stages, jobs or steps.
func expandFile(t *testing.T, file string, parameters map[string]any) pipeline {
	t.Helper()
	var out struct {
		pipeline `yaml:",inline"`
		Jobs     []job  `yaml:"jobs"`
		Steps    []step `yaml:"steps"`
	}
	if err := (expand.Repositories{"canarize": root}).File(file, parameters, &out); err != nil {
		t.Fatal(err)
	}
	p := out.pipeline
	if len(out.Steps) > 0 {
		out.Jobs = []job{{Job: "job", Steps: out.Steps}}
	}
	if len(out.Jobs) > 0 {
		p.Stages = []stage{{Jobs: out.Jobs}}
	}
	return p
}

// prepared is a list of steps as a user would give it.
func prepared(text string) []any { return []any{map[string]any{"bash": text}} }

// TestExamples expands the pipelines of examples/azure-pipelines, and counts their calls
// of canarize and their own checks.
func TestExamples(t *testing.T) {
	want := map[string]string{
		"one-job.yml":    "map[reject:1 report:1 run:1]",
		"increments.yml": "map[analyze:1 deploy:1 exec:1 promote:1 reject:2 report:1 shift:1]",
		"approvals.yml":  "map[analyze:3 deploy:1 exec:3 promote:1 reject:1 remember:1 report:1 shift:3]",
	}
	for file, p := range examples(t) {
		verbs := map[string]int{}
		for _, l := range p.inOrder() {
			for _, s := range l.Steps {
				if s.Bash != "" && !strings.Contains(s.Bash, "go install") {
					verb, _, _ := strings.Cut(calledVerb(s), " ")
					verbs[verb]++
				}
			}
		}
		if have := fmt.Sprint(verbs); have != want[file] {
			t.Errorf("%s: %s, expected %s", file, have, want[file])
		}
	}
}

// examples returns the pipelines of examples/azure-pipelines by file.
func examples(t *testing.T) map[string]pipeline {
	t.Helper()
	all := map[string]pipeline{}
	for _, file := range []string{"one-job.yml", "increments.yml", "approvals.yml"} {
		all[file] = expandFile(t, filepath.Join(root, "examples", "azure-pipelines", file), nil)
	}
	return all
}

// templates returns the three ways to release.
func templates(t *testing.T) map[string]pipeline {
	t.Helper()
	environment := map[string]any{"environment": "production", "prepare": prepared("prepare"), "check": prepared("check")}
	return map[string]pipeline{
		"release-steps.yml":  expandTemplate(t, "release-steps.yml", nil),
		"canary-jobs.yml":    expandTemplate(t, "canary-jobs.yml", environment),
		"release-stages.yml": expandTemplate(t, "release-stages.yml", environment),
	}
}

// calledVerb returns the verb of canarize that a step calls, or its script if it calls
// none.
func calledVerb(s step) string {
	found := regexp.MustCompile(`exec "\$CANARIZE" (\w+)`).FindStringSubmatch(s.Bash)
	switch {
	case s.Name == "deployed":
		return "remember the version"
	case found == nil:
		return strings.TrimSpace(s.Bash)
	}
	if found[1] == "shift" {
		return "shift " + s.Env["WEIGHT"]
	}
	return found[1]
}

func TestTemplatesDoInOrder(t *testing.T) {
	want := map[string]string{
		"release-steps.yml": "job: run, reject, report",
		"canary-jobs.yml": "canary.deploy: prepare, deploy; canary.routeTraffic: prepare, shift $(strategy.increment); canary.postRouteTraffic: prepare, analyze, check; " +
			"canary.success: prepare, promote; canary.failure: prepare, reject; remove: prepare, reject, report",
		"release-stages.yml": "web_shop_eu_5 shift: prepare, deploy, remember the version, shift 5, analyze, check; web_shop_eu_25 shift: prepare, shift 25, analyze, check; " +
			"web_shop_eu_50 shift: prepare, shift 50, analyze, check; web_shop_eu_promote promote: prepare, promote; web_shop_eu_remove remove: prepare, reject, report",
	}
	for name, p := range templates(t) {
		var have []string
		for _, l := range p.inOrder() {
			var verbs []string
			for _, s := range l.Steps {
				if s.Bash != "" {
					verbs = append(verbs, calledVerb(s))
				}
			}
			have = append(have, l.name+": "+strings.Join(verbs, ", "))
		}
		if text := strings.Join(have, "; "); text != want[name] {
			t.Errorf("%s:\n%s\nexpected\n%s", name, text, want[name])
		}
	}
}

// TestTemplatesTakeBack: after every failure, rejected approval and cancellation, a step
// removes a canary that was not promoted. It waits for nobody.
func TestTemplatesTakeBack(t *testing.T) {
	for name, p := range templates(t) {
		stage := p.Stages[len(p.Stages)-1]
		last := stage.Jobs[len(stage.Jobs)-1]
		steps := last.Steps
		if len(steps) == 0 {
			t.Fatalf("%s: the last job is a deployment, which may have to wait for an approval", name)
		}
		back := slices.IndexFunc(steps, func(s step) bool { return calledVerb(s) == "reject" })
		for _, s := range steps[max(back, 0):] { // only reports follow
			if back < 0 || s.Condition != "always()" {
				t.Errorf("%s: %q has the condition %q, and the step that takes back is number %d", name, s.DisplayName, s.Condition, back)
			}
		}
		if name != "release-steps.yml" && stage.Condition+last.Condition != "always()" {
			t.Errorf("%s: the last job has the condition %q", name, stage.Condition+last.Condition)
		}
	}
}

// TestTemplateScripts: a script ends in exec, so that signals of the agent reach
// canarize, and the shell never interprets text that a macro inserts.
func TestTemplateScripts(t *testing.T) {
	bash, shellcheck, canarize := need(t, "bash"), need(t, "shellcheck"), buildCanarize(t)
	all := templates(t)
	maps.Copy(all, examples(t))
	for name, p := range all {
		for _, l := range p.inOrder() {
			for _, s := range l.Steps {
				if !strings.Contains(s.Bash, `"$CANARIZE"`) {
					continue
				}
				lines := strings.Split(continuation.ReplaceAllString(strings.TrimSpace(s.Bash), " "), "\n")
				if lines[0] != "set -euo pipefail" || !strings.HasPrefix(lines[len(lines)-1], `exec "$CANARIZE" `) || strings.Contains(s.Bash, "$(") {
					t.Errorf("%s: %s", name, s.Bash)
				}
				file := filepath.Join(t.TempDir(), "script.sh")
				if err := os.WriteFile(file, []byte(s.Bash), 0o600); err != nil {
					t.Fatal(err)
				}
				for _, check := range [][]string{{bash, "-n", file}, {shellcheck, "--shell=bash", file}} {
					if output, err := exec.CommandContext(t.Context(), check[0], check[1:]...).CombinedOutput(); err != nil {
						t.Errorf("%s: %v: %s", name, err, output)
					}
				}
				flagsExist(t, canarize, strings.ReplaceAll(s.Bash, `"$CANARIZE"`, "canarize"))
			}
		}
	}
}

func TestTemplatesRefuse(t *testing.T) {
	whole := map[string]any{"release": "a", "namespace": "b", "environment": "c", "prepare": []any{}}
	for want, change := range map[string]map[string]any{
		"parameter weight is not declared": {"weight": 5},
		"parameter prepare: exec is not":   {"prepare": "exec"},
		"parameter forceConflicts: yes is": {"forceConflicts": "yes"},
		"parameter release: [a] is not":    {"release": []any{"a"}},
	} {
		parameters := map[string]any{}
		for _, m := range []map[string]any{whole, change} {
			for key, value := range m {
				parameters[key] = value
			}
		}
		err := (expand.Repositories{}).File(filepath.Join(root, "templates", "canary-jobs.yml"), parameters, new(any))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, expected %q", change, err, want)
		}
	}
	if err := (expand.Repositories{}).File(filepath.Join(root, "templates", "release-steps.yml"), map[string]any{"release": "a"}, new(any)); err == nil || !strings.Contains(err.Error(), "parameter namespace is missing") {
		t.Errorf("error %v", err)
	}
}

// listOfSteps is a list of steps that run on one machine.
type listOfSteps struct {
	name string
	hook
}

// inOrder returns all lists of steps in the order in which a run executes them.
func (p pipeline) inOrder() []listOfSteps {
	var all []listOfSteps
	for _, stage := range p.Stages {
		for _, j := range stage.Jobs {
			prefix := strings.TrimSpace(stage.Stage + " " + j.Job + j.Deployment)
			canary := j.Strategy.Canary
			for _, l := range []listOfSteps{
				{prefix, hook{j.Steps}}, {prefix, j.Strategy.RunOnce.Deploy},
				{prefix + ".deploy", canary.Deploy}, {prefix + ".routeTraffic", canary.RouteTraffic}, {prefix + ".postRouteTraffic", canary.PostRouteTraffic},
				{prefix + ".success", canary.On.Success}, {prefix + ".failure", canary.On.Failure},
			} {
				if len(l.Steps) > 0 {
					all = append(all, l)
				}
			}
		}
	}
	return all
}

// flagsExist checks verbs and flags against canarize itself.
func flagsExist(t *testing.T, canarize, script string) {
	t.Helper()
	for _, i := range invocations(script) {
		help, err := exec.CommandContext(t.Context(), canarize, i.verb, "--help").CombinedOutput()
		if err != nil || !strings.Contains(string(help), "canarize "+i.verb) {
			t.Errorf("canarize %s --help: %v\n%s", i.verb, err, help)
		}
		for _, flag := range i.flags {
			if !regexp.MustCompile(fmt.Sprintf(`(?m)^\s+(-\w, )?%s\b|^\s+%s,`, flag, flag)).Match(help) {
				t.Errorf("canarize %s has no flag %s", i.verb, flag)
			}
		}
	}
	if len(invocations(script)) == 0 {
		t.Errorf("this runs no canarize: %s", script)
	}
}
