package lint

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/releasefile"
	"github.com/canarize/canarize/internal/similar"
)

// position matches the beginning of an error of a release file.
var position = regexp.MustCompile(`^:([0-9]+): `)

// release checks a release file: first that it can be read, then what contradicts itself.
func (l *linter) release(content []byte, root *yaml.Node) {
	r, err := releasefile.Parse(l.file, content)
	if err != nil {
		message, line := strings.TrimPrefix(err.Error(), l.file), root.Line
		if m := position.FindStringSubmatch(message); m != nil {
			line, _ = strconv.Atoi(m[1]) // digits
			message = message[len(m[0]):]
		}
		l.add(line, Error, ReleaseFile, strings.TrimPrefix(message, ": "), "")
		return
	}
	at := func(path ...string) int {
		return max(releasefile.Line(content, append([]string{"spec"}, path...)...), 1)
	}
	l.ramp(r, member(member(member(root, "spec"), "ramp"), "steps"), at)
	l.gates(r, member(member(root, "spec"), "gates"), at)
	l.metrics(r, at)
	l.inputs(r, at)
}

func (l *linter) ramp(r releasefile.File, nodes *yaml.Node, at func(...string) int) {
	ramp := r.Analysis.Ramp
	if len(ramp.Steps) == 0 {
		return
	}
	for _, name := range []string{"budget", "max"} {
		if line := at("ramp", name); line > 1 {
			l.add(line, Warning, StepsOnly, fmt.Sprintf("spec.ramp.%s has no effect, because spec.ramp.steps sets the shares", name), "remove one of the two")
		}
	}
	held := 0.0
	for i, step := range ramp.Steps {
		line := at("ramp", "steps")
		if nodes != nil && i < len(nodes.Content) {
			line = nodes.Content[i].Line
		}
		held += step.Hold
		if step.Weight != math.Trunc(step.Weight) {
			l.add(line, Error, WholeWeights, fmt.Sprintf("a step of %g %% is no whole percentage, and Emissary's weights are", step.Weight), "use whole numbers")
		}
	}
	if least := max(held, r.Analysis.Bake); least >= r.Analysis.Deadline {
		l.add(at("ramp", "steps"), Error, ShortDeadline, fmt.Sprintf("the steps take at least %s, and the bake %s; the deadline ends the release after %s", lasting(held), lasting(r.Analysis.Bake), lasting(r.Analysis.Deadline)), "set spec.analysis.deadline to more, or shorten the steps")
	}
}

// lasting formats seconds as a release file does: 40m instead of 40m0s.
func lasting(seconds float64) string {
	return releasefile.Written(time.Duration(seconds * float64(time.Second)))
}

// gates checks that the share reaches the weights of gates.
func (l *linter) gates(r releasefile.File, nodes *yaml.Node, at func(...string) int) {
	most := int(r.Analysis.Ramp.Max)
	if steps := r.Analysis.Ramp.Steps; len(steps) > 0 {
		most = int(steps[len(steps)-1].Weight)
	}
	for i, g := range r.Gates {
		line := at("gates")
		if nodes != nil && i < len(nodes.Content) {
			line = nodes.Content[i].Line
		}
		if g.Weight > most {
			l.add(line, Warning, LateGate, fmt.Sprintf("the gate %s is to agree before %d %%, but the share grows to %d %% at most, so the gate is asked only before the promotion", g.Name, g.Weight, most), "lower its weight, or let the share grow further")
		}
		if len(g.Exec) > 0 && strings.Contains(g.Exec[0], "/") && !l.world.Exists(g.Exec[0]) {
			l.add(line, Warning, MissingProgram, fmt.Sprintf("the program of gate %s, %s, does not exist in this folder", g.Name, g.Exec[0]), "the path is relative to the folder in which canarize runs")
		}
	}
}

// metrics checks that the source counts the metrics that settings name. A setting of a
// metric that nobody counts is silently without effect.
func (l *linter) metrics(r releasefile.File, at func(...string) int) {
	var known []string
	switch r.Metrics.Source {
	case "", metric.Emissary:
		known = []string{"errors", "latency", "retries", metric.ClientErrors}
	case metric.Web:
		return // the answers name the metrics
	default:
		for _, q := range r.Metrics.Queries {
			known = append(known, q.Name)
		}
	}
	l.settings(r, known, at)
}

// settings checks the settings that name metrics.
func (l *linter) settings(r releasefile.File, known []string, at func(...string) int) {
	check := func(field, name string, line int) {
		if of, label, isPart := part(name); isPart {
			l.divided(r, field, name, of, label, line)
			return
		}
		l.known(field, name, known, line)
	}
	c := r.Analysis
	for _, settings := range []struct {
		field string
		names []string
	}{
		{"margins", slices.Sorted(maps.Keys(c.Margins))}, {"warmups", slices.Sorted(maps.Keys(c.Warmups))},
		{"roles", slices.Sorted(maps.Keys(c.Roles))}, {"gauges", slices.Sorted(maps.Keys(c.Gauges))},
	} {
		for _, name := range settings.names {
			check("spec.analysis."+settings.field+"."+name, name, at("analysis", settings.field, name))
		}
	}
	for _, limit := range c.Limits {
		check("spec.analysis.limits", limit.Metric, at("analysis", "limits"))
	}
}

// part reports whether a setting is about parts of a metric: NAME{LABEL=VALUE}, or all of them,
// NAME{LABEL}.
func part(name string) (of, label string, isPart bool) {
	of, inner, opened := strings.Cut(name, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	label, _, _ = strings.Cut(inner, "=")
	return of, label, opened && closed
}

// divided checks that the source divides a metric by a label.
func (l *linter) divided(r releasefile.File, field, name, of, label string, line int) {
	mend := fmt.Sprintf("write by: %s at spec.metrics.ratios.%s", label, of)
	for _, q := range r.Metrics.Queries {
		switch {
		case q.Name == name, q.Name == of && q.By == label:
			return
		case q.Name == of && q.By != "":
			mend = fmt.Sprintf("%s is divided by the label %s", of, q.By)
		}
	}
	l.uncounted(field, name, mend, line)
}

func (l *linter) known(field, name string, known []string, line int) {
	base, _, _ := strings.Cut(name, "≤") // a boundary of a latency
	if slices.ContainsFunc(known, func(k string) bool { return k == name || strings.HasPrefix(base, k) }) {
		return
	}
	mend := "it counts " + strings.Join(known, ", ")
	if meant := similar.Name(name, known); meant != "" {
		mend = "perhaps you mean " + meant
	}
	l.uncounted(field, name, mend, line)
}

func (l *linter) uncounted(field, name, mend string, line int) {
	l.add(line, Warning, UnknownMetric, fmt.Sprintf("%s: the source counts no metric %s, so the setting has no effect", field, name), mend)
}

func (l *linter) inputs(r releasefile.File, at func(...string) int) {
	for _, path := range r.Manifests {
		if !l.world.Exists(l.world.Beside(l.file, path)) {
			l.add(at("manifests"), Error, MissingInput, fmt.Sprintf("spec.manifests: %s does not exist", path), "paths are relative to the release file")
		}
	}
}
