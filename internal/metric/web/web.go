// Package web is the metric source that reads counters as JSON from any program
// with an address. The format is a line of canarize judge whose counts only
// grow.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/analysis/lines"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/endpoint"
)

// Source is an address. It records which metrics it had, because one that is
// missing later was not measured. It is not safe for concurrent use.
type Source struct {
	server *endpoint.Endpoint
	known  map[metric.Metric]bool
	last   *float64 // time of the last answer
}

// New makes a source for a server.
func New(server *endpoint.Endpoint) *Source {
	return &Source{server: server, known: map[metric.Metric]bool{}}
}

// Read implements metric.Source.
func (s *Source) Read(ctx context.Context, _, now time.Time) (metric.Reading, error) {
	answer, err := s.server.Get(ctx, "", nil, "application/json")
	if err == nil {
		err = answer.Refused
	}
	if err != nil {
		return metric.Reading{}, fmt.Errorf("web %w", err)
	}
	o, err := lines.Parse(answer.Body, 0)
	var more struct {
		Epoch json.RawMessage `json:"epoch"`
	}
	if err == nil {
		err = json.Unmarshal(answer.Body, &more)
	}
	if err != nil {
		return metric.Reading{}, answer.Hide(fmt.Errorf("web %s: %w", s.server.Host(), err))
	}
	fresh := s.last == nil || *s.last != o.Time
	s.last = &o.Time
	return s.reading(o, string(more.Epoch), now, fresh), nil
}

// reading returns one target for each version, so that a missing version does
// not hide the other.
func (s *Source) reading(o analysis.Observation, epoch string, now time.Time, fresh bool) metric.Reading {
	for _, m := range metricsOf(o) {
		s.known[m] = true
	}
	r := metric.Reading{At: now, Metrics: slices.SortedFunc(maps.Keys(s.known), func(a, b metric.Metric) int { return strings.Compare(a.Name, b.Name) })}
	for _, m := range r.Metrics {
		if m.Kind == metric.KindGauge {
			if r.Gauges == nil {
				r.Gauges = map[string]metric.GaugePair{}
			}
			pair, found := o.Gauges[m.Name]
			if !found {
				pair = analysis.Gauge{Canary: math.NaN(), Stable: math.NaN()}
			}
			r.Gauges[m.Name] = metric.GaugePair(pair)
		}
	}
	for _, arm := range metric.Arms() {
		target := metric.Target{Name: fmt.Sprintf("web %s, %s", s.server.Host(), arm), Epoch: epoch, Arms: []metric.Arm{arm}}
		values, err := valuesOf(o, arm, r.Metrics)
		switch {
		case err != nil:
			target.Err = err
		case fresh:
			target.Scrapes = []metric.Scrape{{Time: now, Values: values}}
		}
		r.Targets = append(r.Targets, target)
	}
	return r
}

func metricsOf(o analysis.Observation) (all []metric.Metric) {
	for name := range o.Metrics {
		all = append(all, metric.Metric{Name: name, Kind: metric.KindRatio})
	}
	for name := range o.Latency {
		all = append(all, metric.Metric{Name: name, Kind: metric.KindLatency})
	}
	for name := range o.Events {
		all = append(all, metric.Metric{Name: name, Kind: metric.KindEvents})
	}
	for name := range o.Gauges {
		all = append(all, metric.Metric{Name: name, Kind: metric.KindGauge})
	}
	return all
}

var errNothing = errors.New("the answer has no metrics; it must be an observation as in docs/judge.md")

// valuesOf returns the counters of a version. It fails if a metric is missing.
func valuesOf(o analysis.Observation, arm metric.Arm, metrics []metric.Metric) (all []metric.Value, err error) {
	counted := 0
	for _, m := range metrics {
		var values []metric.Value
		switch m.Kind {
		case metric.KindRatio:
			values = ratio(m.Name, arm, ofPair(o.Metrics[m.Name], arm))
		case metric.KindLatency:
			values = latency(m.Name, arm, ofHistograms(o.Latency[m.Name], arm))
		case metric.KindEvents:
			values = events(m.Name, arm, o.Events)
		case metric.KindGauge:
			continue
		}
		if values == nil {
			return nil, fmt.Errorf("%s: the answer has no counts for this metric", m.Name)
		}
		counted++
		all = append(all, values...)
	}
	if counted == 0 {
		return nil, errNothing
	}
	return all, nil
}

// events returns the count of events, or nothing if it is missing.
func events(name string, arm metric.Arm, all map[string]analysis.Events) []metric.Value {
	counts, found := all[name]
	count := counts.Stable
	if arm == metric.Canary {
		count = counts.Canary
	}
	if !found || count < 0 {
		return nil
	}
	return []metric.Value{{Metric: name, Arm: arm, Part: metric.Total, Count: float64(count)}}
}

func ofPair(p analysis.Pair, arm metric.Arm) *analysis.Arm {
	if arm == metric.Canary {
		return p.Canary
	}
	return p.Stable
}

func ofHistograms(p analysis.HistogramPair, arm metric.Arm) *analysis.Histogram {
	if arm == metric.Canary {
		return p.Canary
	}
	return p.Stable
}

func ratio(name string, arm metric.Arm, a *analysis.Arm) (all []metric.Value) {
	if a == nil {
		return nil
	}
	pods := a.Pods
	if len(pods) == 0 {
		pods = map[string]analysis.Counts{"": a.Counts}
	}
	for pod, counts := range pods {
		v := metric.Value{Metric: name, Arm: arm, Pod: pod, Part: metric.Bad, Count: float64(counts.Bad)}
		all = append(all, v)
		v.Part, v.Count = metric.Total, float64(counts.Total)
		all = append(all, v)
	}
	metric.SortValues(all)
	return all
}

func latency(name string, arm metric.Arm, h *analysis.Histogram) (all []metric.Value) {
	if h == nil {
		return nil
	}
	for i, bound := range h.Bounds {
		all = append(all, metric.Value{Metric: name, Arm: arm, Part: metric.Bucket, Bound: bound, Count: float64(h.Below[i])})
	}
	return append(all, metric.Value{Metric: name, Arm: arm, Part: metric.Bucket, Bound: math.Inf(1), Count: float64(h.Total)})
}
