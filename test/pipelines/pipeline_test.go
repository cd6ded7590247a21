// Package pipelines tests what surrounds the Go code: the pipeline that builds and
// releases the sample application, its manifests, and the images.
package pipelines

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/canarize/canarize/test/pipelines/expand"
)

const root = "../.."

// pipeline is the part of azure-pipelines.yml that these tests check.
type pipeline struct {
	Variables map[string]string `yaml:"variables"`
	Stages    []stage           `yaml:"stages"`
}

type stage struct {
	Stage     string `yaml:"stage"`
	DependsOn any    `yaml:"dependsOn"` // a name or a list of them
	Condition string `yaml:"condition"`
	Jobs      []job  `yaml:"jobs"`
}

type job struct {
	Job        string   `yaml:"job"`
	Deployment string   `yaml:"deployment"`
	Condition  string   `yaml:"condition"`
	Steps      []step   `yaml:"steps"`
	Strategy   strategy `yaml:"strategy"`
	Variables  any      `yaml:"variables"` // by name, or a list
}

type strategy struct {
	RunOnce struct {
		Deploy hook `yaml:"deploy"`
	} `yaml:"runOnce"`
	Canary struct {
		Increments       []int `yaml:"increments"`
		Deploy           hook  `yaml:"deploy"`
		RouteTraffic     hook  `yaml:"routeTraffic"`
		PostRouteTraffic hook  `yaml:"postRouteTraffic"`
		On               struct {
			Success hook `yaml:"success"`
			Failure hook `yaml:"failure"`
		} `yaml:"on"`
	} `yaml:"canary"`
}

// hook is a list of steps that runs on its own machine.
type hook struct {
	Steps []step `yaml:"steps"`
}

type step struct {
	Name        string            `yaml:"name"`
	Bash        string            `yaml:"bash"`
	Task        string            `yaml:"task"`
	Download    string            `yaml:"download"`
	DisplayName string            `yaml:"displayName"`
	Condition   string            `yaml:"condition"`
	Env         map[string]string `yaml:"env"`
	Inputs      map[string]string `yaml:"inputs"`
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// load returns the pipeline with its templates expanded.
func load(t *testing.T) pipeline {
	t.Helper()
	var p pipeline
	if err := (expand.Repositories{}).File(filepath.Join(root, "azure-pipelines.yml"), nil, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// hooks returns every list of steps by the name of its job and hook.
func (p pipeline) hooks() map[string]hook {
	all := map[string]hook{}
	for _, stage := range p.Stages {
		for _, j := range stage.Jobs {
			canary := j.Strategy.Canary
			for name, h := range map[string]hook{
				j.Job:                              {Steps: j.Steps},
				j.Deployment:                       j.Strategy.RunOnce.Deploy,
				j.Deployment + ".deploy":           canary.Deploy,
				j.Deployment + ".routeTraffic":     canary.RouteTraffic,
				j.Deployment + ".postRouteTraffic": canary.PostRouteTraffic,
				j.Deployment + ".success":          canary.On.Success,
				j.Deployment + ".failure":          canary.On.Failure,
			} {
				if len(h.Steps) > 0 {
					all[name] = h
				}
			}
		}
	}
	return all
}

// each calls visit for every step, with the name of its hook.
func (p pipeline) each(visit func(hook string, s step)) {
	for name, h := range p.hooks() {
		for _, s := range h.Steps {
			visit(name, s)
		}
	}
}

func TestHooks(t *testing.T) {
	hooks := load(t).hooks()
	for _, want := range []string{"build", "stable", "release", "remove"} {
		if _, found := hooks[want]; !found {
			t.Errorf("no steps for %s", want)
		}
	}
	if len(hooks) != 4 {
		t.Errorf("%d lists of steps; this test and the others know 4", len(hooks))
	}
}

// TestHooksStandAlone: every hook is a separate job, so it must download everything that
// it uses.
func TestHooksStandAlone(t *testing.T) {
	for name, h := range load(t).hooks() {
		if name == "build" {
			continue
		}
		connected, downloaded, executable := false, false, false
		for _, s := range h.Steps {
			connected = connected || s.Task == "Kubernetes@1" && s.Inputs["command"] == "login"
			downloaded = downloaded || s.Download == "current"
			if strings.Contains(s.Bash, "kubectl") && !connected {
				t.Errorf("%s: %q uses kubectl before the hook has connected to the cluster", name, s.DisplayName)
			}
			if (strings.Contains(s.Bash, "release/") || s.Env["CANARIZE"] != "") && !downloaded {
				t.Errorf("%s: %q uses the artifact before the hook has downloaded it", name, s.DisplayName)
			}
			executable = executable || strings.Contains(s.Bash, "chmod +x release/canarize")
			if s.Env["CANARIZE"] != "" && (s.Env["CANARIZE"] != "release/canarize" || !executable || !connected) {
				t.Errorf("%s: %q runs canarize, which an artifact holds without the permission to be executed, or without a cluster", name, s.DisplayName)
			}
		}
	}
}

// TestRemovalAlwaysRuns: a canary must go after a promotion, a rejection and a cancelled
// run, and never wait for an approval.
func TestRemovalAlwaysRuns(t *testing.T) {
	for _, stage := range load(t).Stages {
		for _, j := range stage.Jobs {
			if j.Job == "remove" && j.Condition == "always()" {
				return
			}
		}
	}
	t.Error("there is no plain job `remove` with `condition: always()`")
}

// TestNewVersionStaysOffStable checks the text of the scripts; TestRelease runs them.
func TestNewVersionStaysOffStable(t *testing.T) {
	load(t).each(func(hook string, s step) {
		if strings.Contains(s.Bash, "kubectl set image") {
			t.Errorf("%s: %q sets an image; only what was tested is promoted, by canarize", hook, s.DisplayName)
		}
		if strings.Contains(s.Bash, "--filename release/manifests") && hook != "stable" {
			t.Errorf("%s: %q applies the stable's manifests", hook, s.DisplayName)
		}
		if hook == "stable" && strings.Contains(s.Bash, "release/image") {
			t.Errorf("%s: %q knows the new image before there is a canary", hook, s.DisplayName)
		}
	})
}

// TestFirstFaults guards against the faults of the project's first pipeline.
func TestFirstFaults(t *testing.T) {
	text := read(t, "azure-pipelines.yml")
	for pattern, why := range map[string]string{
		`:8000\b`:                  "the metrics port of the stable pods says nothing about the canary",
		`csplit|'---'|"---"`:       "`---` can be part of a text, so documents cannot be split at it",
		`KubernetesManifest@`:      "the task applies ConfigMaps and Mappings of the canary to the stable version",
		`(?m)^\s*-\s+script:`:      "script: runs another shell on another system",
		`\bdefault:\s*latest\b`:    "latest is not one image",
		`--canary-weight\s+"?\$\(`: "a macro in a script is text, not a value; hand it over in env:",
	} {
		if found := regexp.MustCompile(pattern).FindString(text); found != "" {
			t.Errorf("%q: %s", found, why)
		}
	}
}

// TestReleaseFile: the pipeline's release file promotes a healthy version of an
// application with that many requests, and the job's timeout is longer than the release's
// deadline.
func TestReleaseFile(t *testing.T) {
	scenario := filepath.Join(t.TempDir(), "scenario.yml")
	rate := regexp.MustCompile(`-qps=(\d+)`).FindStringSubmatch(read(t, "misc/fortio-deploy.yml"))[1]
	text := "name: good\nrequests: " + rate + "\nmetrics: {errors: {stable: 0, canary: 0}, slow: {stable: 1, canary: 1}}\n"
	if err := os.WriteFile(scenario, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), buildCanarize(t), "simulate", "--config", filepath.Join(root, "misc/release.yml"), "--scenario", scenario, "--runs", "200").CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^good +healthy +\S+ % \(\S+\) +(99|100)\.`).Match(output) {
		t.Errorf("%v\n%s", err, output)
	}
	minutes := func(file, pattern string) int {
		n, err := strconv.Atoi(regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if job, deadline := minutes("azure-pipelines.yml", `(?m)^ +timeoutInMinutes: (\d+)$`), minutes("misc/release.yml", `deadline: (\d+)m`); job < deadline+10 {
		t.Errorf("the job's timeout is %d minutes, and the release's deadline %d", job, deadline)
	}
}
