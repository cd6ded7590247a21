package analysis

import (
	"strings"
)

// Part is the name of a metric that counts only the requests with one value of a label, such
// as those of a route. Its text is NAME{LABEL=VALUE}.
type Part struct{ Of, Label, Value string }

// String returns the name of the metric.
func (p Part) String() string { return p.Of + "{" + p.Label + "=" + p.Value + "}" }

// ParsePart reports whether a metric is a part of another, and of which.
func ParsePart(metric string) (p Part, isPart bool) {
	inner, closed := strings.CutSuffix(metric, "}")
	if !closed {
		return p, false
	}
	of, inner, opened := strings.Cut(inner, "{")
	label, value, equal := strings.Cut(inner, "=")
	return Part{of, label, value}, opened && equal && of != "" && label != ""
}

// setting returns the setting of a metric: of a part its own, or that of all parts, which has
// the name NAME{LABEL}.
func setting[T any](all map[string]T, metric string) (v T, found bool) {
	if v, found = all[metric]; found || len(all) == 0 {
		return v, found
	}
	if p, isPart := ParsePart(metric); isPart {
		v, found = all[p.Of+"{"+p.Label+"}"]
	}
	return v, found
}

// inherited returns the setting of a metric. A part without its own has that of its metric.
func inherited[T any](all map[string]T, metric string) (v T, found bool) {
	if v, found = setting(all, metric); found || len(all) == 0 {
		return v, found
	}
	if p, isPart := ParsePart(metric); isPart {
		v, found = all[p.Of]
	}
	return v, found
}

// role returns the role of a ratio or a latency. A part is a guard unless its role is set.
func (c Config) role(metric string) Role {
	if r, found := setting(c.Roles, metric); found {
		return r
	}
	if _, isPart := ParsePart(metric); isPart {
		return Guard
	}
	return Decider
}
