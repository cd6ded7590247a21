package metric

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/metric/native"
)

// Query determines which series make up a metric, for sources with labels.
type Query struct {
	Metric
	Bad, Total Selector // of a ratio; events have only Total
	Buckets    Selector // of a latency: NAME_bucket, a classic histogram
	Histogram  Selector // of a latency instead of Buckets: a native histogram
	PerSecond  float64  // of a latency: its units per second, 1 for seconds, 1000 for milliseconds
	Gauge      string   // of a gauge: the expression that computes it
}

// Metrics returns the metrics of the queries.
func Metrics(queries []Query) []Metric {
	all := make([]Metric, len(queries))
	for i, q := range queries {
		all[i] = q.Metric
	}
	return all
}

// Names returns the names of the series that a query counts, and of those that
// show that it names the wrong kind of histogram.
func (q Query) Names() []string {
	switch q.Kind {
	case KindRatio:
		return slices.Compact([]string{q.Bad.Name, q.Total.Name})
	case KindEvents:
		return []string{q.Total.Name}
	case KindLatency:
		if q.IsNative() {
			return []string{q.Histogram.Name, q.Histogram.Name + BucketSuffix}
		}
		return []string{q.Buckets.Name}
	}
	return nil
}

// BucketSuffix ends the series name of a classic histogram.
const BucketSuffix = "_bucket"

// IsNative reports whether the metric is a native histogram.
func (q Query) IsNative() bool { return q.Histogram.Name != "" }

// Native returns what a native histogram counts for the query.
func (q Query) Native(arm Arm, pod, name string, labels map[string]string, h native.Histogram) (n Native, found bool) {
	if q.Kind != KindLatency || !q.IsNative() || !q.Histogram.Matches(name, labels) {
		return n, false
	}
	return Native{Metric: q.Name, Arm: arm, Pod: pod, Series: Series(name, labels), PerSecond: q.PerSecond, Histogram: h}, true
}

// Values returns what a counter counts for the query. A series may count both
// bad and all requests.
func (q Query) Values(arm Arm, pod, name string, labels map[string]string, count float64) ([]Value, error) {
	v := Value{Metric: q.Name, Arm: arm, Pod: pod, Count: count}
	if q.By != "" {
		v.By = partValue(labels[q.By])
	}
	var all []Value
	add := func(part Part) {
		v.Part = part
		if v.Series == "" {
			v.Series = Series(name, labels)
		}
		all = append(all, v)
	}
	switch {
	case q.Kind == KindRatio:
		if q.Total.Matches(name, labels) {
			add(Total)
		}
		if q.Bad.Matches(name, labels) {
			add(Bad)
		}
	case q.Kind == KindEvents && q.Total.Matches(name, labels):
		add(Total)
	case q.Kind == KindLatency && !q.IsNative() && q.Buckets.Matches(name, labels):
		bound, err := strconv.ParseFloat(labels["le"], 64)
		if err != nil || math.IsNaN(bound) {
			return nil, fmt.Errorf("%s: the label le is %q, not a number; is %s a classic histogram?", q.Name, labels["le"], name)
		}
		v.Bound = bound / q.PerSecond
		add(Bucket)
	}
	return all, nil
}

// Series formats a series as PromQL does, with its labels in order.
func Series(name string, labels map[string]string) string {
	var out strings.Builder
	out.WriteString(name)
	out.WriteByte('{')
	for i, label := range slices.Sorted(maps.Keys(labels)) {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(label)
		out.WriteByte('=')
		out.WriteString(strconv.Quote(labels[label]))
	}
	out.WriteByte('}')
	return out.String()
}

// SelectorCheck detects selectors that a typo has made useless: if no series
// has the label that selects bad requests, no request can ever be bad.
type SelectorCheck struct {
	queries []Query
	total   map[string]bool // metrics with series, and those with series of bad requests
	labels  map[string]bool // "METRIC LABEL" for each label of these series
	bounds  map[string]bool // of a latency: whether a boundary of its classic histogram is finite
}

// NewSelectorCheck returns a check for all series of a reading.
func NewSelectorCheck(queries []Query) *SelectorCheck {
	return &SelectorCheck{queries: queries, total: map[string]bool{}, labels: map[string]bool{}, bounds: map[string]bool{}}
}

// Add records a series.
func (c *SelectorCheck) Add(name string, labels map[string]string) {
	for _, q := range c.queries {
		if q.Kind == KindLatency && !q.IsNative() && q.Buckets.Matches(name, labels) {
			c.bounds[q.Name] = c.bounds[q.Name] || !strings.EqualFold(labels["le"], "+Inf")
		}
		if q.Kind != KindRatio {
			continue
		}
		if q.Total.Matches(name, labels) {
			c.record(q.Name, labels)
		}
		if q.By != "" && q.Bad.Name != q.Total.Name && q.Bad.Matches(name, labels) {
			c.record(badOf(q), labels)
		}
	}
}

// badOf is the key of the series of bad requests in a SelectorCheck.
func badOf(q Query) string { return q.Name + " bad" }

func (c *SelectorCheck) record(key string, labels map[string]string) {
	c.total[key] = true
	for label := range labels {
		c.labels[key+" "+label] = true
	}
}

// undivided returns a trouble if a metric is divided by a label that its series lack.
func (c *SelectorCheck) undivided(q Query) (troubles []string) {
	for _, of := range []struct {
		key      string
		selector Selector
	}{{q.Name, q.Total}, {badOf(q), q.Bad}} {
		if q.By != "" && c.total[of.key] && !c.labels[of.key+" "+q.By] {
			troubles = append(troubles, fmt.Sprintf("%s: no series of %s has the label %s, so its values cannot be compared; correct by", q.Name, of.selector, q.By))
		}
	}
	return troubles
}

// Troubles returns what is suspicious about the queries, once all series were
// seen.
func (c *SelectorCheck) Troubles() (troubles []string) {
	for _, q := range c.queries {
		if finite, found := c.bounds[q.Name]; found && !finite {
			name := strings.TrimSuffix(q.Buckets.Name, BucketSuffix)
			troubles = append(troubles, fmt.Sprintf("%s: %s has no boundary but +Inf; if %s is a native histogram, write histogram: %s instead of buckets", q.Name, q.Buckets.Name, name, name))
		}
		troubles = append(troubles, c.undivided(q)...)
		for _, m := range q.Bad.Matchers {
			if q.Bad.Name == q.Total.Name && c.total[q.Name] && !c.labels[q.Name+" "+m.Label] && !m.Matches("") {
				troubles = append(troubles, fmt.Sprintf("%s: no series of %s has the label %s, so no request can ever be bad; correct its bad selector", q.Name, q.Total, m.Label))
			}
		}
	}
	return troubles
}
