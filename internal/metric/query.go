package metric

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Query says of which series a metric consists, for sources that have labels.
type Query struct {
	Metric
	Bad, Total Selector // of a ratio
	Buckets    Selector // of a latency: NAME_bucket, a classic histogram
	PerSecond  float64  // of a latency: what its bounds are in, 1 for seconds, 1000 for milliseconds
	Gauge      string   // of a gauge: what the source computes it by
}

// Metrics are what queries give.
func Metrics(queries []Query) []Metric {
	all := make([]Metric, len(queries))
	for i, q := range queries {
		all[i] = q.Metric
	}
	return all
}

// Names are the names of series that a query counts.
func (q Query) Names() []string {
	switch q.Kind {
	case KindRatio:
		return slices.Compact([]string{q.Bad.Name, q.Total.Name})
	case KindLatency:
		return []string{q.Buckets.Name}
	}
	return nil
}

// Values are what a counter means for the query; a series may be a bad one and one
// of all.
func (q Query) Values(arm Arm, pod, name string, labels map[string]string, count float64) ([]Value, error) {
	v := Value{Metric: q.Name, Arm: arm, Pod: pod, Count: count}
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
	case q.Kind == KindLatency && q.Buckets.Matches(name, labels):
		bound, err := strconv.ParseFloat(labels["le"], 64)
		if err != nil || math.IsNaN(bound) {
			return nil, fmt.Errorf("%s: the label le is %q and no number; is %s a classic histogram?", q.Name, labels["le"], name)
		}
		v.Bound = bound / q.PerSecond
		add(Bucket)
	}
	return all, nil
}

// Series writes a series as PromQL does, its labels in order.
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

// Doubts finds selectors that a slip of the pen has made useless: a bad request
// that is selected by a label that no request has would never be seen.
type Doubts struct {
	queries []Query
	total   map[string]bool // metrics that have series
	labels  map[string]bool // METRIC LABEL that one of them has
}

// NewDoubts prepares to look at all series of a reading.
func NewDoubts(queries []Query) *Doubts {
	return &Doubts{queries: queries, total: map[string]bool{}, labels: map[string]bool{}}
}

// See looks at a series.
func (d *Doubts) See(name string, labels map[string]string) {
	for _, q := range d.queries {
		if q.Kind != KindRatio || q.Bad.Name != q.Total.Name || !q.Total.Matches(name, labels) {
			continue
		}
		d.total[q.Name] = true
		for label := range labels {
			d.labels[q.Name+" "+label] = true
		}
	}
}

// Troubles says what is doubtful about the queries, after all series were seen.
func (d *Doubts) Troubles() (troubles []string) {
	for _, q := range d.queries {
		for _, m := range q.Bad.Matchers {
			if d.total[q.Name] && !d.labels[q.Name+" "+m.Label] && !m.Matches("") {
				troubles = append(troubles, fmt.Sprintf("%s: no series of %s has the label %s, so nothing could ever be bad; correct its bad selector", q.Name, q.Total, m.Label))
			}
		}
	}
	return troubles
}
