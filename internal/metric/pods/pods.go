// Package pods is the metric source that reads the application's own metrics
// from the pods of both versions. It needs no metrics system and counts each
// pod separately.
package pods

import (
	"cmp"
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

// Accept returns the request header that asks for a format in which pages have
// what the queries name.
func Accept(queries []metric.Query) string {
	if slices.ContainsFunc(queries, metric.Query.IsNative) {
		return exposition.AcceptProtobuf
	}
	return exposition.Accept
}

// Read implements metric.Source.
func (s *Source) Read(ctx context.Context, _, now time.Time) (metric.Reading, error) {
	var one sync.Mutex
	check := metric.NewSelectorCheck(s.queries)
	seen := map[string]bool{}
	sums := gauges{}
	r, err := scrape.Read(ctx, s.cluster, now, func(p scrape.Pod, page scrape.Page) (metric.Scrape, error) {
		if len(p.Arms) != 1 {
			return metric.Scrape{}, fmt.Errorf("the pod belongs to %d versions; it must belong to one", len(p.Arms))
		}
		counters, samples, err := s.parse(p, page)
		if err != nil {
			return metric.Scrape{}, err
		}
		one.Lock()
		defer one.Unlock()
		for _, sample := range samples {
			seen[sample.Name] = true
			check.Add(sample.Name, sample.Labels)
		}
		sums.add(s.gauges, p.Arms[0], samples)
		return counters, nil
	})
	if err != nil {
		return metric.Reading{}, fmt.Errorf("pods: %w", err)
	}
	r.Gauges = sums.means(s.gauges)
	r.Troubles = append(check.Troubles(), s.missing(seen, r)...)
	return r, nil
}

// parse parses one page.
func (s *Source) parse(p scrape.Pod, page scrape.Page) (counters metric.Scrape, samples []exposition.Sample, err error) {
	var wrong error
	err = page.Parse(s.names, func(sample exposition.Sample) {
		samples = append(samples, sample)
		for _, q := range s.queries {
			if sample.Native != nil {
				if n, found := q.Native(p.Arms[0], p.Name, sample.Name, sample.Labels, *sample.Native); found {
					counters.Natives = append(counters.Natives, n)
				}
				continue
			}
			v, err := q.Values(p.Arms[0], p.Name, sample.Name, sample.Labels, sample.Value)
			if err != nil {
				wrong = err
			}
			counters.Values = append(counters.Values, v...)
		}
	})
	return counters, samples, cmp.Or(err, wrong, s.otherKind(page, samples))
}

// otherKind returns an error if the page has a latency not as a native
// histogram but as something else.
func (s *Source) otherKind(page scrape.Page, samples []exposition.Sample) error {
	for _, q := range s.queries {
		if !q.IsNative() {
			continue
		}
		name := q.Histogram.Name
		classic := q.Histogram
		classic.Name += metric.BucketSuffix
		has := func(name string, native bool) bool {
			return slices.ContainsFunc(samples, func(s exposition.Sample) bool { return s.Name == name && (s.Native != nil) == native })
		}
		switch {
		case has(name, true):
		case !page.HasNatives():
			return fmt.Errorf("%s: the pod answers in the text format, which has no native histograms; make its metrics page offer protobuf, as the client libraries do, or write buckets: %s instead of histogram", q.Name, classic)
		case has(classic.Name, false):
			return fmt.Errorf("%s: %s is a classic histogram; write buckets: %s instead of histogram", q.Name, name, classic)
		case has(name, false):
			return fmt.Errorf("%s: %s is not a histogram", q.Name, name)
		}
	}
	return nil
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
		if q.Kind == metric.KindLatency && !seen[q.Names()[0]] {
			troubles = append(troubles, fmt.Sprintf("%s: no pod has the metric %s yet", q.Name, q.Names()[0]))
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
