package releasefile

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestOutOfRange: a setting out of its range is named as the file writes it, with its
// line, and its range has the units of the file.
func TestOutOfRange(t *testing.T) {
	for text, want := range map[string]string{
		"analysis:\n    interval: 50ms":                                 "5: spec.analysis.interval: 50ms is out of range; it must be from 100ms to 24h",
		"analysis:\n    warmup: 25h":                                    "5: spec.analysis.warmup: 25h is out of range; it must be from 0s to 24h",
		"analysis:\n    bake: 721h":                                     "5: spec.analysis.bake: 721h is out of range; it must be from 0s to 720h",
		"analysis:\n    warmups:\n      slow: 48h":                      "6: spec.analysis.warmups.slow: 48h is out of range; it must be from 0s to 24h",
		"analysis:\n    bake: 2h\n    deadline: 1h":                     "6: spec.analysis.deadline: 1h is too short; it must be at least the bake, 2h",
		"analysis:\n    deadline: 5m":                                   "5: spec.analysis.deadline: 5m is too short; it must be at least the bake, 10m by default",
		"analysis:\n    profile: fast\n    bake: 2h":                    "6: spec.analysis.bake: 2h is longer than the deadline, 30m by default; set spec.analysis.deadline to at least 2h, or shorten the bake",
		"analysis:\n    gauges: {cpu: {margin: -0.1}}":                  "5: spec.analysis.gauges.cpu.margin: -0.1 is out of range; it must be from 0 to 100",
		"analysis:\n    limits:\n    - metric: errors\n      max: 100":  "7: spec.analysis.limits[0].max: 100 is out of range; it must be from 0 to below 100 percent",
		"ramp:\n    holdBudget: 1e10":                                   "5: spec.ramp.holdBudget: 1e10 is out of range; it must be from 1 to 1000000000",
		"ramp:\n    budget: 0.001":                                      "5: spec.ramp.budget: 0.001 is out of range; it must be from 0.01 to 1000000",
		"ramp:\n    steps:\n    - {weight: 20}\n    - weight: 120":      "7: spec.ramp.steps[1].weight: 120 is out of range; it must be above 0, and at most 100",
		"ramp:\n    steps:\n    - {weight: 20}\n    - hold: 2m":         "7: spec.ramp.steps[1]: a step needs a weight",
		"metrics:\n    source: emissary\n    timeout: 0s":               "6: spec.metrics.timeout: expected a duration above 0",
		"metrics:\n    source: emissary\n    podLabel: pod":             "6: spec.metrics.podLabel: the source emissary does not use podLabel; leave it out, or name another source",
		"metrics:\n    source: web\n    address: http://a\n    port: 1": "7: spec.metrics.port: the source web does not use port; leave it out, or name another source",
		"metrics:\n    source: web":                                     "5: spec.metrics: the source web needs address",
	} {
		_, err := Parse("release.yml", []byte(head+"spec:\n  "+text+"\n"))
		if err == nil || err.Error() != "release.yml:"+want {
			t.Errorf("%s:\n%v\nexpected\nrelease.yml:%s", text, err, want)
		}
	}
}

var durations = []string{"0s", "50ms", "100ms", "30s", "2m", "10m", "1h", "2h", "24h", "25h", "720h", "721h"}

// TestRangesAgree: whatever the analysis refuses, the fields have refused before, with
// their own names and lines. So no message has seconds or powers of ten.
func TestRangesAgree(t *testing.T) {
	exponent := regexp.MustCompile(`must be .*[0-9]e[+-]?[0-9]`)
	located := regexp.MustCompile(`^release\.yml:[0-9]+: spec\.(analysis|ramp)\.`)
	rapid.Check(t, func(t *rapid.T) {
		text := head + "spec:\n  analysis:\n    overtime: hold\n"
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"interval", "warmup", "bake", "deadline"}), rapid.ID).Draw(t, "times") {
			text += fmt.Sprintf("    %s: %s\n", name, rapid.SampledFrom(durations).Draw(t, name))
		}
		numbers := rapid.SampledFrom([]string{"-1", "0", "1e-10", "0.001", "0.4", "1", "20", "100", "101", "1e9", "1e10"})
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"alpha", "beta", "margins: {a: %s}", "gauges: {a: {margin: %s}}", "limits: [{metric: a, max: %s}]", "warmups: {a: 25h} #"}), rapid.ID).Draw(t, "numbers") {
			n := numbers.Draw(t, name)
			if !strings.Contains(name, ":") {
				name += ": %s"
			}
			text += "    " + strings.ReplaceAll(name, "%s", n) + "\n"
		}
		text += "  ramp:\n    max: 35\n"
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"budget", "holdBudget"}), rapid.ID).Draw(t, "ramp") {
			text += fmt.Sprintf("    %s: %s\n", name, numbers.Draw(t, name))
		}
		if rapid.Bool().Draw(t, "steps") {
			text += fmt.Sprintf("    steps: [{weight: %s}, {weight: %s, hold: 1m}]\n", numbers.Draw(t, "first"), numbers.Draw(t, "second"))
		}
		r, err := Parse("release.yml", []byte(text))
		switch {
		case err == nil && r.Analysis.Validate() != nil:
			t.Fatalf("%s\n%v", text, r.Analysis.Validate())
		case err != nil && (!located.MatchString(err.Error()) || exponent.MatchString(err.Error())):
			t.Fatalf("%s\n%v", text, err)
		}
	})
}

func TestLine(t *testing.T) {
	text := []byte(head + "spec:\n  canary:\n    suffix: -a\n  images: [a]\n")
	for path, want := range map[string]int{"spec.canary.suffix": 5, "spec.images": 6, "spec.canary.labels": 0, "none": 0} {
		if got := Line(text, strings.Split(path, ".")...); got != want {
			t.Errorf("%s: line %d instead of %d", path, got, want)
		}
	}
	if Line([]byte("a: ["), "a") != 0 || Line(nil) != 0 {
		t.Error("a broken file has lines")
	}
}
