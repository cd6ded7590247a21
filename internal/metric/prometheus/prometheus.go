// Package prometheus is the metric source for Prometheus and servers with its
// API. It reads raw samples of counters and computes the increments itself,
// because Prometheus' own increase() extrapolates and loses the first requests
// of every new series.
package prometheus

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/endpoint"
)

// Arm is the placeholder for a version's labels in the expression of a gauge.
const Arm = "$arm"

// Options determines what to query.
type Options struct {
	Queries []metric.Query
	// Labels distinguishes the series of the versions.
	Labels map[metric.Arm][]metric.Matcher
	// PodLabel is the label with the name of a version's own pod. It is "" if
	// there is none, as in the statistics of a gateway.
	PodLabel string
	// IgnoreCase means that the server ignores case and may return names in
	// another case than in the query.
	IgnoreCase bool
}

// Source is a Prometheus server. It is not safe for concurrent use.
type Source struct {
	server  *endpoint.Endpoint
	options Options
	known   []string // the names of native histograms that are no gauges
}

// New makes a source for a server. Its address is that of the API without
// /api/v1.
func New(server *endpoint.Endpoint, options Options) *Source {
	return &Source{server: server, options: options}
}

const (
	// lookback is how far before the new samples a query begins, so that a
	// reading includes targets that are scraped once a minute.
	lookback = 150 * time.Second
	// longest is the longest time range of one query.
	longest = time.Hour
	// points is the largest number of values in the mean of a gauge.
	points = 10
)

// Read implements metric.Source.
func (s *Source) Read(ctx context.Context, from, now time.Time) (metric.Reading, error) {
	collected := newCollection(s.options)
	window := min(now.Sub(from), longest) + lookback
	for i, q := range s.options.Queries {
		for _, arm := range metric.Arms() {
			for _, selector := range selectors(q) {
				expression := fmt.Sprintf("%s[%ds]", selector.With(s.options.Labels[arm]...), int(window.Seconds()))
				result, err := s.ask(ctx, "query", url.Values{"query": {expression}, "time": {stamp(now)}})
				if err != nil {
					return metric.Reading{}, fmt.Errorf("prometheus %w", err)
				}
				if err := collected.add(i, arm, result); err != nil {
					return metric.Reading{}, fmt.Errorf("prometheus %s: %w", s.server.Host(), err)
				}
			}
		}
	}
	if err := s.kinds(ctx, collected); err != nil {
		return metric.Reading{}, fmt.Errorf("prometheus %s: %w", s.server.Host(), err)
	}
	reading := metric.Reading{At: now, Targets: collected.targets(), Troubles: collected.check.Troubles()}
	s.gauges(ctx, from, now, &reading)
	return reading, ctx.Err()
}

// kinds checks that the latencies are of the kinds of histograms that the
// queries name.
func (s *Source) kinds(ctx context.Context, collected *collection) (err error) {
	for i, q := range s.options.Queries {
		switch {
		case err != nil || q.Kind != metric.KindLatency:
		case !collected.found[i]:
			err = s.otherKind(ctx, q)
		case q.IsNative():
			err = s.isGauge(ctx, q)
		}
	}
	return err
}

// selectors returns the selectors that count a metric. If bad and all requests
// have the same name, one selector covers both, so that they come from the same
// scrapes.
func selectors(q metric.Query) []metric.Selector {
	switch {
	case q.IsNative():
		return []metric.Selector{q.Histogram}
	case q.Kind == metric.KindLatency:
		return []metric.Selector{q.Buckets}
	case q.Kind == metric.KindEvents:
		return []metric.Selector{q.Total}
	case q.Kind != metric.KindRatio:
		return nil
	case q.Bad.Name != q.Total.Name:
		return []metric.Selector{q.Total, q.Bad}
	}
	shared := metric.Selector{Name: q.Total.Name}
	for _, m := range q.Total.Matchers {
		for _, other := range q.Bad.Matchers {
			if m.String() == other.String() {
				shared = shared.With(m)
				break
			}
		}
	}
	return []metric.Selector{shared}
}

// gauges adds the means since the last reading. If a gauge fails, the reading
// keeps its counters.
func (s *Source) gauges(ctx context.Context, from, now time.Time, reading *metric.Reading) {
	for _, q := range s.options.Queries {
		if q.Kind != metric.KindGauge {
			continue
		}
		if reading.Gauges == nil {
			reading.Gauges = map[string]metric.GaugePair{}
		}
		var means [2]float64
		for i, arm := range metric.Arms() {
			mean, err := s.gauge(ctx, strings.ReplaceAll(q.Gauge, Arm, metric.FormatMatchers(s.options.Labels[arm])), from, now)
			if err != nil {
				reading.Troubles = append(reading.Troubles, fmt.Sprintf("%s of %s: prometheus %v", q.Name, arm, err))
			}
			means[i] = mean
		}
		reading.Gauges[q.Name] = metric.GaugePair{Canary: means[0], Stable: means[1]}
	}
}

func (s *Source) gauge(ctx context.Context, expression string, from, now time.Time) (float64, error) {
	step := max(min(now.Sub(from), longest)/points, time.Second).Round(time.Millisecond)
	start := now.Add(-step * max(min(now.Sub(from), longest)/step-1, 0)) // without the last value of the mean before
	result, err := s.ask(ctx, "query_range", url.Values{
		"query": {expression}, "start": {stamp(start)}, "end": {stamp(now)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
	switch {
	case err != nil:
		return math.NaN(), err
	case len(result) > 1:
		return math.NaN(), fmt.Errorf("%s: the result has %d series; combine them with sum or avg", s.server.Host(), len(result))
	case len(result) == 0:
		return math.NaN(), nil
	}
	sum, n := 0.0, 0
	for _, v := range result[0].Values {
		if !math.IsNaN(v.value) && !math.IsInf(v.value, 0) {
			sum, n = sum+v.value, n+1
		}
	}
	return sum / float64(n), nil // NaN if there is no value
}

func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
