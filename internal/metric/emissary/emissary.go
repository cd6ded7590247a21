// Package emissary is the metric source that reads Emissary's own Envoys, on
// every gateway pod. It needs no metrics system and counts what users get,
// including timeouts and requests that reached no pod.
package emissary

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/exposition"
	"github.com/canarize/canarize/internal/metric/scrape"
)

// Clusters holds the cluster names under which Envoy counts the versions'
// requests, see internal/route/emissary/model.
type Clusters map[metric.Arm][]string

// Source reads gateway pods. Each counts for both versions.
type Source struct {
	cluster scrape.Cluster
	arms    map[string]metric.Arm
	queries []metric.Query
	names   map[string]bool
	retried atomic.Bool // Envoy has repeated a request
}

// alive is a statistic that every Envoy has. It distinguishes an answer without
// requests from an answer that is not Envoy's.
const alive = "envoy_server_live"

// New makes a source for the gateway's pods. Their pages are those of Path.
func New(cluster scrape.Cluster, clusters Clusters) (*Source, error) {
	s := &Source{cluster: cluster, arms: map[string]metric.Arm{}, queries: append(Queries(), retries())}
	s.names = scrape.Names(s.queries)
	s.names[alive] = true
	for _, arm := range metric.Arms() {
		if len(clusters[arm]) == 0 {
			return nil, fmt.Errorf("emissary: no route leads to %s, so it has no requests to count", arm)
		}
		for _, name := range clusters[arm] {
			if other, taken := s.arms[name]; taken && other != arm {
				return nil, fmt.Errorf("emissary: Envoy counts both versions as %s; give the Mappings different stats_name", name)
			}
			s.arms[name] = arm
		}
	}
	return s, nil
}

// The metrics of this source.
const (
	Errors  = "errors"  // responses of class 5xx, of all responses
	Latency = "latency" // of whole requests at the service, in buckets
	Retries = "retries" // failed attempts that Envoy repeated, per response
)

// responses is the counter of all responses, by cluster and class.
const responses = "envoy_cluster_upstream_rq_xx"

// Queries returns the metrics of this source. Responses that Envoy makes
// itself, for a timeout or because there is no pod, count like the service's
// own. Requests whose client went away do not count.
func Queries() []metric.Query {
	class := func(digit string) metric.Selector {
		return metric.Selector{Name: responses}.With(metric.Equal("envoy_response_code_class", digit))
	}
	return []metric.Query{
		{Metric: metric.Metric{Name: Errors, Kind: metric.KindRatio}, Bad: class("5"), Total: metric.Selector{Name: responses}},
		{Metric: metric.Metric{Name: metric.ClientErrors, Kind: metric.KindEvents}, Total: class("4")},
		{Metric: metric.Metric{Name: Latency, Kind: metric.KindLatency}, Buckets: metric.Selector{Name: "envoy_cluster_upstream_rq_time_bucket"}, PerSecond: 1000},
	}
}

// retries returns the metric of attempts that failed and that Envoy repeated. The
// counter of responses has only the last attempt of each request, so errors that
// retries hide are in this metric alone. Envoy has its statistic once it has
// repeated a request; without retries there is no such metric.
func retries() metric.Query {
	return metric.Query{Metric: metric.Metric{Name: Retries, Kind: metric.KindRatio}, Bad: metric.Selector{Name: repeated}, Total: metric.Selector{Name: responses}}
}

// repeated is the counter of retries, by cluster.
const repeated = "envoy_cluster_upstream_rq_retry"

// Names are the names of all versions, each once.
func (c Clusters) Names() []string {
	var names []string
	for _, arm := range metric.Arms() {
		names = append(names, c[arm]...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// manyNames is from how many names on a page has the statistics of all clusters: a longer
// pattern costs Envoy more than the lines it saves.
const manyNames = 40

// Path is the page of Envoy's admin interface that has the statistics of the clusters
// and, unless they are many, little else.
func Path(clusters []string) string {
	which := ".+"
	if len(clusters) < manyNames {
		quoted := make([]string, len(clusters))
		for i, name := range clusters {
			quoted[i] = regexp.QuoteMeta(name)
		}
		which = "(" + strings.Join(quoted, "|") + ")"
	}
	filter := `^cluster\.` + which + `\.upstream_rq_([1-5]xx|time|retry)$|^server\.live$`
	return "/stats/prometheus?usedonly&filter=" + url.QueryEscape(filter)
}

var errNotEnvoy = errors.New("the answer has no " + alive + "; is it an Envoy?")

// Read implements metric.Source.
func (s *Source) Read(ctx context.Context, _, now time.Time) (metric.Reading, error) {
	r, err := scrape.Read(ctx, s.cluster, now, func(_ scrape.Pod, page scrape.Page) (metric.Scrape, error) {
		values, err := s.parse(page)
		return metric.Scrape{Values: values}, err
	})
	if err != nil {
		return metric.Reading{}, fmt.Errorf("emissary: %w", err)
	}
	if !slices.ContainsFunc(r.Targets, func(t metric.Target) bool { return !t.Optional }) {
		return metric.Reading{}, errors.New("emissary: no gateway pod is ready; check that Emissary runs, and in the namespace that you named")
	}
	if s.retried.Load() {
		r.Metrics = []metric.Metric{retries().Metric}
	}
	return r, nil
}

// Responses returns the number of responses by cluster, from a page with the statistics of
// an Envoy.
func Responses(page []byte) (map[string]float64, error) {
	counts := map[string]float64{}
	err := exposition.Parse(page, func(name string) bool { return name == responses }, func(s exposition.Sample) error {
		if !math.IsNaN(s.Value) && !math.IsInf(s.Value, 0) {
			counts[s.Labels["envoy_cluster_name"]] += s.Value
		}
		return nil
	})
	return counts, err
}

func (s *Source) parse(page scrape.Page) (values []metric.Value, err error) {
	isEnvoy := false
	var wrong error
	err = page.Parse(s.names, func(sample exposition.Sample) {
		isEnvoy = isEnvoy || sample.Name == alive
		arm, ours := s.arms[sample.Labels["envoy_cluster_name"]]
		if !ours {
			return
		}
		if sample.Name == repeated && sample.Value > 0 {
			s.retried.Store(true)
		}
		for _, q := range s.queries {
			v, err := q.Values(arm, "", sample.Name, sample.Labels, sample.Value)
			if err != nil {
				wrong = err
			}
			values = append(values, v...)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case !isEnvoy:
		return nil, errNotEnvoy
	}
	return values, wrong
}
