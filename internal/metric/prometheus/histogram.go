package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/native"
)

// distribution is a sample of a native histogram:
// [SECONDS, {"count": "N", "sum": "S", "buckets": [[RULE, "LOWER", "UPPER", "N"], …]}].
// RULE says which of the boundaries belong to the bucket. Empty buckets are
// missing, and so is the schema.
type distribution struct {
	time    time.Time
	total   float64
	buckets []native.Interval
}

var errDistribution = errors.New(`expected a native histogram such as [1700000000.123, {"count": "3", "sum": "2.5", "buckets": [[0, "0.5", "1", "3"]]}]`)

// UnmarshalJSON implements json.Unmarshaler.
func (d *distribution) UnmarshalJSON(text []byte) error {
	var pair []json.RawMessage
	var body struct {
		Count   number     `json:"count"`
		Buckets [][]number `json:"buckets"`
	}
	if json.Unmarshal(text, &pair) != nil || len(pair) != 2 {
		return errDistribution
	}
	at, err := strconv.ParseFloat(string(pair[0]), 64)
	if err != nil || math.Abs(at) > maxSeconds || !bytes.HasPrefix(pair[1], []byte("{")) || json.Unmarshal(pair[1], &body) != nil {
		return errDistribution
	}
	d.time, d.total, d.buckets = moment(at), float64(body.Count), make([]native.Interval, 0, len(body.Buckets))
	for _, b := range body.Buckets {
		if len(b) != 4 {
			return errDistribution
		}
		d.buckets = append(d.buckets, native.Interval{Lower: float64(b[1]), Upper: float64(b[2]), Count: float64(b[3])})
	}
	return nil
}

// number is a number in JSON, in quotes or not.
type number float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return errDistribution
	}
	*n = number(v)
	return nil
}

// natives returns the samples of a series of native histograms, or nothing if
// the query does not select it.
func (c *collection) natives(q metric.Query, arm metric.Arm, name string, labels map[string]string, s series) ([]metric.Native, error) {
	var all []metric.Native
	for _, d := range s.Histograms {
		n, found := q.Native(arm, labels[c.podLabel], name, labels, native.Histogram{})
		if !found {
			return nil, nil
		}
		var err error
		n.Histogram, err = native.FromIntervals(d.total, d.buckets)
		switch {
		case errors.Is(err, native.ErrCustom):
			return nil, fmt.Errorf("%s: %s: %w; let Prometheus keep the classic one too (always_scrape_classic_histograms) and write buckets: %s instead of histogram", q.Name, name, err, bucketsOf(q.Histogram))
		case err != nil:
			return nil, fmt.Errorf("%s: %s: %w", q.Name, name, err)
		}
		all = append(all, n)
	}
	return all, nil
}

// wrongKind returns an error if a series is not of the kind that a query names.
func wrongKind(q metric.Query, name string, s series) error {
	switch {
	case q.IsNative() && len(s.Values) > 0:
		return fmt.Errorf("%s: %s is not a native histogram, its samples are numbers; for a classic histogram write buckets: NAME%s instead of histogram", q.Name, name, metric.BucketSuffix)
	case !q.IsNative() && len(s.Histograms) > 0:
		return fmt.Errorf("%s: %s is a native histogram; only a latency can be one, as histogram: %s", q.Name, name, name)
	}
	return nil
}

func bucketsOf(s metric.Selector) metric.Selector {
	s.Name += metric.BucketSuffix
	return s
}

// otherKind returns an error if a latency has no series because the server has
// its histogram in the other form. If the server does not know either, the
// series may just not have begun.
func (s *Source) otherKind(ctx context.Context, q metric.Query) error {
	exists := func(form string, of metric.Selector) bool {
		// A subquery gives a matrix, like all other queries here.
		expression := fmt.Sprintf("group("+form+")[2s:1s]", of.With(s.options.Labels[metric.Stable]...))
		// Other servers may not know histogram_count; they have no native histograms.
		result, err := s.ask(ctx, "query", url.Values{"query": {expression}})
		return err == nil && len(result) > 0
	}
	bare := q.Buckets
	bare.Name = strings.TrimSuffix(bare.Name, metric.BucketSuffix)
	switch {
	case q.IsNative() && exists("%s", bucketsOf(q.Histogram)):
		return fmt.Errorf("%s: the server has %s only as a classic histogram; write buckets: %s instead of histogram, or let it scrape native ones (scrape_native_histograms)", q.Name, q.Histogram.Name, bucketsOf(q.Histogram))
	case !q.IsNative() && exists("histogram_count(%s)", bare):
		return fmt.Errorf("%s: the server has %s only as a native histogram; write histogram: %s instead of buckets", q.Name, bare.Name, bare)
	}
	return nil
}

// isGauge returns an error if a native histogram may also decrease: then there
// are no increments to count. Samples do not show it, only the metadata, which
// not every server has; it is asked once.
func (s *Source) isGauge(ctx context.Context, q metric.Query) error {
	name := q.Histogram.Name
	if slices.Contains(s.known, name) {
		return nil
	}
	answer, err := s.server.Get(ctx, "api/v1/metadata", url.Values{"metric": {name}}, "application/json")
	if err != nil || answer.Refused != nil {
		return nil // the counts are what matters, and they have arrived
	}
	var about struct {
		Data map[string][]struct {
			Type string `json:"type"`
		} `json:"data"`
	}
	if json.Unmarshal(answer.Body, &about) != nil {
		return nil
	}
	for _, entry := range about.Data[name] {
		if entry.Type == "gaugehistogram" {
			return fmt.Errorf("%s: %s is a gauge histogram, which does not count requests; name a histogram that only grows", q.Name, name)
		}
	}
	s.known = append(s.known, name)
	return nil
}
