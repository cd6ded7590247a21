package releasefile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/analysis"
)

const head = "apiVersion: canarize.dev/v1alpha1\nkind: Release\n"

func TestParse(t *testing.T) {
	fast, err := analysis.ForProfile(analysis.FastProfile)
	if err != nil {
		t.Fatal(err)
	}
	whole := fast
	whole.Alpha, whole.Beta = .02, .1
	whole.Interval, whole.Warmup, whole.Bake, whole.Deadline = 30, 0, 90, 5400
	whole.Overtime = analysis.Keep
	whole.Margins = map[string]float64{"errors": .3}
	whole.Gauges = map[string]analysis.GaugeRule{"cpu": {Margin: .2, Rejects: true}, "queue": analysis.DefaultGauge()}
	whole.Limits = []analysis.Limit{{Metric: "errors", Max: 2, Requests: 1000}, {Metric: "slow", Max: 5, Requests: 50}}
	whole.Ramp = analysis.Ramp{Budget: 2, HoldBudget: 20, Max: 50, Steps: []analysis.Step{{Weight: 5, Hold: 120}, {Weight: 20}}}
	for name, c := range map[string]struct {
		spec string
		want func(*File)
	}{
		"nothing":         {"", func(*File) {}},
		"empty spec":      {"spec:\n", func(*File) {}},
		"profile is last": {"spec:\n  analysis: {bake: 3m, profile: fast}\n", func(r *File) { r.Analysis = fast; r.Analysis.Bake = 180 }},
		"everything": {`metadata: {name: shop, namespace: web, labels: {team: a}}
spec:
  analysis:
    profile: fast
    alpha: 0.02
    beta: 0.1
    interval: 30s
    warmup: 0s
    bake: 90s
    deadline: 1h30m
    overtime: hold
    margins: {errors: 0.3}
    gauges:
      cpu: {margin: 0.2, rejects: true}
      queue:
    limits:
    - {metric: errors, max: 2}
    - {metric: slow, max: 5, requests: 50}
  ramp:
    budget: 2
    max: 50
    steps:
    - {weight: 5, hold: 2m}
    - {weight: 20}
`, func(r *File) { r.Name, r.Namespace, r.Analysis = "shop", "web", whole }},
		"an alias": {"spec:\n  analysis: {bake: &long 20m, deadline: *long}\n", func(r *File) { r.Analysis.Bake, r.Analysis.Deadline = 1200, 1200 }},
	} {
		t.Run(name, func(t *testing.T) { parsesTo(t, head+c.spec, c.want) })
	}
}

// parsesTo checks that a text is the default file with the changes of want.
func parsesTo(t *testing.T, text string, want func(*File)) {
	t.Helper()
	have, err := Parse("release.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	expected := Default()
	want(&expected)
	if diff := cmp.Diff(expected, have); diff != "" {
		t.Error(diff)
	}
}

func TestParseReleaseRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                                       "release.yml: it has 0 documents",
		head + "---\na: 1\n":                     "release.yml: it has 2 documents",
		"kind: Release\n":                        "release.yml:1: a release file: it must begin with apiVersion",
		"apiVersion: v1\nkind: Release\n":        `release.yml:1: apiVersion: "v1" is not known; it may be canarize.dev/v1alpha1`,
		head + "spec: [\n":                       "release.yml:4: YAML: ",
		head + "spec: 3\n":                       "release.yml:3: spec: expected a mapping",
		head + "spec:\n  analyses: {}\n":         "release.yml:4: spec.analyses is not known; spec may have workload, manifests",
		head + "spec:\n  ramp: {}\n  ramp: {}\n": "release.yml:5: spec.ramp is set twice, first on line 4",
		head + "spec:\n  analysis:\n    profile: slow\n":                          `release.yml:5: spec.analysis.profile: "slow" is not known; it may be bake or fast`,
		head + "spec:\n  analysis:\n    bake: 600\n":                              "release.yml:5: spec.analysis.bake: expected a duration with its unit",
		head + "spec:\n  analysis:\n    alpha: 1%\n":                              "release.yml:5: spec.analysis.alpha: expected a number, without a unit",
		head + "spec:\n  analysis:\n    alpha: .nan\n":                            "expected a number",
		head + "spec:\n  analysis:\n    alpha: 2\n":                               "release.yml:5: spec.analysis.alpha: 2 is out of range; it must be from 0.000000001 to 0.5",
		head + "spec:\n  analysis:\n    margins: {errors: 0}\n":                   "release.yml:5: spec.analysis.margins.errors: 0 is out of range; it must be above 0 and below 100 percentage points",
		head + "spec:\n  analysis:\n    gauges: {cpu: {rejects: 1}}":              "release.yml:5: spec.analysis.gauges.cpu.rejects: expected true or false",
		head + "spec:\n  analysis:\n    limits: [{max: 2}]\n":                     "release.yml:5: spec.analysis.limits[0]: a limit needs a metric",
		head + "spec:\n  ramp:\n    steps:\n    - weight: 20\n    - weight: 10\n": "release.yml:7: spec.ramp.steps[1].weight: 10 comes after 20; weights must increase from step to step",
		head + "metadata: {name: 7}\n":                                            "release.yml:3: metadata.name: expected a string",
		head + "spec: &a {b: *a}\n":                                               "release.yml",
		strings.Repeat("#", maxFile+1):                                            "at most 1048576 bytes",
	} {
		if _, err := Parse("release.yml", []byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.200s\n%v, want %q", text, err, says)
		}
	}
}

// FuzzParse checks that every file is accepted, or refused with its name.
func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "spec:\n  analysis: {profile: fast, margins: {a: 1}}\n  ramp: {steps: [{weight: 1, hold: 1m}]}\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse("release.yml", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "release.yml:") {
				t.Fatal(err)
			}
			return
		}
		if err := r.Analysis.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
