package metric_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/metric"
)

func selector(t *testing.T, text string) metric.Selector {
	t.Helper()
	s, err := metric.ParseSelector(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestQueryValues(t *testing.T) {
	failures := metric.Query{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio}, Bad: selector(t, `r{code=~"5.."}`), Total: selector(t, "r")}
	slow := metric.Query{Metric: metric.Metric{Name: "latency", Kind: metric.KindLatency}, Buckets: selector(t, "d_bucket"), PerSecond: 1000}
	value := func(q metric.Query, part metric.Part, bound float64, series string) metric.Value {
		return metric.Value{Metric: q.Name, Arm: metric.Canary, Pod: "p", Part: part, Bound: bound, Series: series, Count: 3}
	}
	for _, c := range []struct {
		query  metric.Query
		name   string
		labels map[string]string
		want   []metric.Value
	}{
		{failures, "r", map[string]string{"code": "200"}, []metric.Value{value(failures, metric.Total, 0, `r{code="200"}`)}},
		{failures, "r", map[string]string{"code": "503", "a": "b"}, []metric.Value{
			value(failures, metric.Total, 0, `r{a="b",code="503"}`), value(failures, metric.Bad, 0, `r{a="b",code="503"}`)}},
		{failures, "other", nil, nil},
		{slow, "d_bucket", map[string]string{"le": "250"}, []metric.Value{value(slow, metric.Bucket, .25, `d_bucket{le="250"}`)}},
		{slow, "d_bucket", map[string]string{"le": "+Inf"}, []metric.Value{value(slow, metric.Bucket, math.Inf(1), `d_bucket{le="+Inf"}`)}},
	} {
		have, err := c.query.Values(metric.Canary, "p", c.name, c.labels, 3)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(c.want, have); diff != "" {
			t.Errorf("%s %v: %s", c.name, c.labels, diff)
		}
	}
	if _, err := slow.Values(metric.Canary, "", "d_bucket", map[string]string{"le": "fast"}, 1); err == nil {
		t.Error("no error for a bound that is no number")
	}
}

func TestSelectorCheck(t *testing.T) {
	for bad, doubtful := range map[string]bool{
		`r{code="500"}`: false, `r{status="500"}`: true, `r{status!="200"}`: false, `r{status=~".*"}`: false, `failures`: false,
	} {
		d := metric.NewSelectorCheck([]metric.Query{{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio}, Bad: selector(t, bad), Total: selector(t, "r")}})
		if troubles := d.Troubles(); len(troubles) > 0 {
			t.Errorf("before there is anything: %q", troubles)
		}
		d.Add("r", map[string]string{"code": "200"})
		d.Add("other", map[string]string{"status": "200"})
		if have := len(d.Troubles()) > 0; have != doubtful {
			t.Errorf("%s: %q", bad, d.Troubles())
		}
	}
}
