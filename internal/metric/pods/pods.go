// Package pods is the metric source that reads the application's own metrics
// from the pods of both versions. It needs no metrics system and counts each
// pod separately.
package pods

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/exposition"
	"github.com/canarize/canarize/internal/metric/scrape"
)

// Source reads pods. Each counts for its own version only.
type Source struct {
	cluster scrape.Cluster
	queries []metric.Query
	gauges  map[string]metric.Selector
	names   map[string]bool
}

// New makes a source for a cluster's pods. A gauge is a selector: the value of
// a pod is the sum of the matching series, and the value of a version is the
// mean of its pods.
func New(cluster scrape.Cluster, queries []metric.Query) (*Source, error) {
	s := &Source{cluster: cluster, queries: queries, gauges: map[string]metric.Selector{}, names: scrape.Names(queries)}
	for _, q := range queries {
		if q.Kind != metric.KindGauge {
			continue
		}
		selector, err := metric.ParseSelector(q.Gauge)
		if err != nil {
			return nil, fmt.Errorf("gauge %s: %w", q.Name, err)
		}
		s.gauges[q.Name], s.names[selector.Name] = selector, true
	}
	return s, nil
}

// Read implements metric.Source.
func (s *Source) Read(ctx context.Context, _, now time.Time) (metric.Reading, error) {
	var one sync.Mutex
	check := metric.NewSelectorCheck(s.queries)
	seen := map[string]bool{}
	sums := gauges{}
	r, err := scrape.Read(ctx, s.cluster, now, func(p scrape.Pod, page scrape.Page) ([]metric.Value, error) {
		if len(p.Arms) != 1 {
			return nil, fmt.Errorf("the pod belongs to %d versions; it must belong to one", len(p.Arms))
		}
		values, samples, err := s.parse(p, page)
		if err != nil {
			return nil, err
		}
		one.Lock()
		defer one.Unlock()
		for _, sample := range samples {
			seen[sample.Name] = true
			check.Add(sample.Name, sample.Labels)
		}
		sums.add(s.gauges, p.Arms[0], samples)
		return values, nil
	})
	if err != nil {
		return metric.Reading{}, fmt.Errorf("pods: %w", err)
	}
	r.Gauges = sums.means(s.gauges)
	r.Troubles = append(check.Troubles(), s.missing(seen, r)...)
	return r, nil
}

// parse parses one page.
func (s *Source) parse(p scrape.Pod, page scrape.Page) (values []metric.Value, samples []exposition.Sample, err error) {
	var wrong error
	err = page.Parse(s.names, func(sample exposition.Sample) {
		samples = append(samples, sample)
		for _, q := range s.queries {
			v, err := q.Values(p.Arms[0], p.Name, sample.Name, sample.Labels, sample.Value)
			if err != nil {
				wrong = err
			}
			values = append(values, v...)
		}
	})
	if err == nil {
		err = wrong
	}
	return values, samples, err
}

// missing returns a trouble for each metric that no answering pod has.
func (s *Source) missing(seen map[string]bool, r metric.Reading) (troubles []string) {
	if !slices.ContainsFunc(r.Targets, func(t metric.Target) bool { return t.Err == nil }) {
		return nil
	}
	for _, q := range s.queries {
		if q.Kind == metric.KindRatio && !seen[q.Total.Name] {
			troubles = append(troubles, fmt.Sprintf("%s: no pod has the metric %s yet", q.Name, q.Total.Name))
		}
		if q.Kind == metric.KindLatency && !seen[q.Buckets.Name] {
			troubles = append(troubles, fmt.Sprintf("%s: no pod has the metric %s yet", q.Name, q.Buckets.Name))
		}
	}
	return troubles
}

// gauges holds sums over pods, by gauge and version.
type gauges map[string]map[metric.Arm]struct {
	sum  float64
	pods int
}

func (g gauges) add(selectors map[string]metric.Selector, arm metric.Arm, samples []exposition.Sample) {
	for name, selector := range selectors {
		sum, found := 0.0, false
		for _, sample := range samples {
			if selector.Matches(sample.Name, sample.Labels) {
				sum, found = sum+sample.Value, true
			}
		}
		if !found {
			continue
		}
		if g[name] == nil {
			g[name] = map[metric.Arm]struct {
				sum  float64
				pods int
			}{}
		}
		now := g[name][arm]
		now.sum, now.pods = now.sum+sum, now.pods+1
		g[name][arm] = now
	}
}

func (g gauges) means(selectors map[string]metric.Selector) map[string]metric.GaugePair {
	all := map[string]metric.GaugePair{}
	for name := range selectors {
		mean := func(arm metric.Arm) float64 {
			if g[name][arm].pods == 0 {
				return math.NaN()
			}
			return g[name][arm].sum / float64(g[name][arm].pods)
		}
		all[name] = metric.GaugePair{Canary: mean(metric.Canary), Stable: mean(metric.Stable)}
	}
	return all
}
