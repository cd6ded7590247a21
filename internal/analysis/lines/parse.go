// Package lines implements the protocol of canarize judge: one JSON line for an
// observation, one for the decision. docs/judge.md describes both.
package lines

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/analysis"
)

// line is the JSON form of an observation. Unknown fields are ignored, so that
// a metrics system may add its own.
type line struct {
	Time    *float64               `json:"time"`
	Seq     *int64                 `json:"seq"`
	Weight  *float64               `json:"weight"`
	Metrics map[string]*pair       `json:"metrics"`
	Gauges  map[string]*gauge      `json:"gauges"`
	Latency map[string]*histograms `json:"latency"`
	Events  map[string]*gauge      `json:"events"`
}

// pair is a metric: the totals of both arms, or their pods.
type pair struct {
	Canary *counts `json:"canary"`
	Stable *counts `json:"stable"`
	Pods   struct {
		Canary map[string]*counts `json:"canary"`
		Stable map[string]*counts `json:"stable"`
	} `json:"pods"`
}

type counts struct {
	Bad   quantity `json:"bad"`
	Total quantity `json:"total"`
}

type gauge struct {
	Canary quantity `json:"canary"`
	Stable quantity `json:"stable"`
}

type histograms struct {
	Canary *histogram `json:"canary"`
	Stable *histogram `json:"stable"`
}

// histogram maps a bound in seconds, written as Prometheus does, to the number
// of requests that took at most that long. "+Inf" counts all requests.
type histogram map[string]quantity

// quantity is a number, or empty if it is missing, null or the text "NaN".
type quantity struct {
	value float64
	known bool
}

func (q *quantity) UnmarshalJSON(text []byte) error {
	s := strings.Trim(string(text), `"`)
	if s == "null" {
		return nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s is not a number", text)
	}
	*q = quantity{value: v, known: !math.IsNaN(v)}
	return nil
}

// count returns the quantity as a whole number of requests. It rounds
// estimates, such as those of Prometheus' increase(). An impossible count stays
// impossible.
func (q quantity) count() int64 {
	const beyond = 1 << 60
	return int64(math.Round(min(max(q.value, -beyond), beyond)))
}

// orMissing returns the quantity as a number of events, -1 if it is missing.
func (q quantity) orMissing() int64 {
	if !q.known {
		return -1
	}
	return max(q.count(), -1)
}

func (q quantity) orNaN() float64 {
	if !q.known {
		return math.NaN()
	}
	return q.value
}

// Parse reads one line. If it has no weight, Parse assumes that the last
// recommended weight is configured.
func Parse(text []byte, recommended float64) (analysis.Observation, error) {
	var l line
	if len(bytes.TrimSpace(text)) == 0 {
		return analysis.Observation{}, errors.New("the line is empty")
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return analysis.Observation{}, explain(err)
	}
	if l.Time == nil {
		return analysis.Observation{}, errors.New(`no "time"; give the seconds since the release began, negative before it`)
	}
	o := analysis.Observation{Time: *l.Time, Seq: l.Seq, Weight: recommended}
	if l.Weight != nil {
		o.Weight = *l.Weight
	}
	o.Metrics = make(map[string]analysis.Pair, len(l.Metrics))
	for name, p := range l.Metrics {
		if p == nil {
			p = &pair{}
		}
		o.Metrics[name] = analysis.Pair{Canary: arm(p.Canary, p.Pods.Canary), Stable: arm(p.Stable, p.Pods.Stable)}
	}
	o.Gauges = make(map[string]analysis.Gauge, len(l.Gauges))
	for name, g := range l.Gauges {
		if g == nil {
			g = &gauge{}
		}
		o.Gauges[name] = analysis.Gauge{Canary: g.Canary.orNaN(), Stable: g.Stable.orNaN()}
	}
	o.Events = make(map[string]analysis.Events, len(l.Events))
	for name, e := range l.Events {
		if e == nil {
			e = &gauge{}
		}
		o.Events[name] = analysis.Events{Canary: e.Canary.orMissing(), Stable: e.Stable.orMissing()}
	}
	var err error
	o.Latency, err = latencies(l.Latency)
	return o, err
}

// arm prefers the pods to the totals. It returns nil if neither was measured.
func arm(total *counts, pods map[string]*counts) *analysis.Arm {
	a := &analysis.Arm{}
	if len(pods) > 0 {
		a.Pods = make(map[string]analysis.Counts, len(pods))
		for name, c := range pods {
			if c != nil && c.Bad.known && c.Total.known {
				a.Pods[name] = analysis.Counts{Bad: c.Bad.count(), Total: c.Total.count()}
			}
		}
		if len(a.Pods) == 0 {
			return nil
		}
		return a
	}
	if total == nil || !total.Bad.known || !total.Total.known {
		return nil
	}
	a.Counts = analysis.Counts{Bad: total.Bad.count(), Total: total.Total.count()}
	return a
}

func latencies(all map[string]*histograms) (map[string]analysis.HistogramPair, error) {
	pairs := make(map[string]analysis.HistogramPair, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		h := all[name]
		if h == nil {
			h = &histograms{}
		}
		canary, err := h.Canary.sorted()
		if err != nil {
			return nil, fmt.Errorf("%s: canary: %w", name, err)
		}
		stable, err := h.Stable.sorted()
		if err != nil {
			return nil, fmt.Errorf("%s: stable: %w", name, err)
		}
		pairs[name] = analysis.HistogramPair{Canary: canary, Stable: stable}
	}
	return pairs, nil
}

// sorted returns the buckets in the order of their bounds.
func (h *histogram) sorted() (*analysis.Histogram, error) {
	if h == nil {
		return nil, nil
	}
	type bucket struct {
		bound float64
		below int64
	}
	var buckets []bucket
	for _, le := range slices.Sorted(maps.Keys(*h)) {
		q := (*h)[le]
		if !q.known {
			return nil, nil
		}
		bound, err := strconv.ParseFloat(le, 64)
		if err != nil || math.IsNaN(bound) {
			return nil, fmt.Errorf("the bound %q is not a number of seconds or +Inf", le)
		}
		buckets = append(buckets, bucket{bound, q.count()})
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.bound, b.bound) })
	if len(buckets) == 0 || !math.IsInf(buckets[len(buckets)-1].bound, 1) {
		return nil, errors.New(`no bucket "+Inf"; add it with the count of all requests`)
	}
	last := len(buckets) - 1
	out := &analysis.Histogram{Total: buckets[last].below}
	for _, b := range buckets[:last] {
		out.Bounds, out.Below = append(out.Bounds, b.bound), append(out.Below, b.below)
	}
	return out, nil
}

// explain rewords the errors of encoding/json for users who do not know Go.
func explain(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("the line is not JSON: %w at byte %d", err, syntax.Offset)
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("the line is a JSON %s; it must be an object such as {\"time\":15,\"weight\":5,\"metrics\":{}}", kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("%s: wrong type, a JSON %s", kind.Field, kind.Value)
	}
	return fmt.Errorf("the line cannot be read: %w", err)
}
