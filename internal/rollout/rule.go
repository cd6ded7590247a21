package rollout

import "github.com/canarize/canarize/internal/analysis"

// Rule is how the judge of a release decides, for those who have to check a decision.
type Rule struct {
	Source string  `json:"source,omitempty"` // of the metrics
	Alpha  float64 `json:"alpha"`            // probability of rejecting a release that is no worse
	Beta   float64 `json:"beta"`             // probability of promoting one that is worse by the margin
	// Warmup, Bake and Deadline are in seconds.
	Warmup   float64 `json:"warmup"`
	Bake     float64 `json:"bake"`
	Deadline float64 `json:"deadline"`
	// Overtime is what happens at the deadline.
	Overtime analysis.Overtime `json:"overtime,omitempty"`
	Metrics  []MetricRule      `json:"metrics,omitempty"` // at most maxRules
}

// MetricRule is what a metric does in the verdicts.
type MetricRule struct {
	Name string        `json:"name"`
	Role analysis.Role `json:"role"`
	// Margin is the smallest harm that must be detected, in percentage points; 0 if the
	// metric counts events.
	Margin float64 `json:"margin,omitempty"`
}

// Guards reports whether the metric need not prove health.
func (m MetricRule) Guards() bool { return m.Role == analysis.Guard }

// WaitsForPerson reports whether a person decides about a release that is undecided at its
// deadline.
func (r Rule) WaitsForPerson() bool { return r.Overtime == analysis.Keep }

// maxRules bounds the metrics of a stored Rule.
const maxRules = 50

// RuleOf returns the rule by which a configuration judges the given metrics.
func RuleOf(c analysis.Config, source string, metrics []Metric) *Rule {
	r := Rule{Source: source, Alpha: c.Alpha, Beta: c.Beta, Warmup: c.Warmup, Bake: c.Bake, Deadline: c.Deadline, Overtime: c.Overtime}
	for _, m := range metrics[:min(len(metrics), maxRules)] {
		rule := MetricRule{Name: keptName(m.Name), Role: c.RoleOf(m.Name, m.Events)}
		if !m.Events {
			rule.Margin = c.MarginOf(m.Name)
		}
		r.Metrics = append(r.Metrics, rule)
	}
	return &r
}
