package prometheus

import (
	"testing"

	"github.com/canarize/canarize/internal/metric"
)

// FuzzParse checks that any answer of a server is either accepted or rejected.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"r","code":"500","le":"1"},"values":[[1700000000.123,"12"],[2,"NaN"]]}]}}`,
		`{"status":"error"}`, `{"status":"success","data":{"resultType":"matrix","result":[{"values":[[-1e10,"1"],[1e10,"1"]]}]}}`, `null`,
	} {
		f.Add([]byte(text))
	}
	total, err := metric.ParseSelector("r")
	if err != nil {
		f.Fatal(err)
	}
	queries := []metric.Query{
		{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio}, Bad: total, Total: total},
		{Metric: metric.Metric{Name: "latency", Kind: metric.KindLatency}, Buckets: total, PerSecond: 1},
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		result, err := parse(text)
		if err != nil {
			return
		}
		c := newCollection(Options{Queries: queries, PodLabel: "pod", IgnoreCase: len(text)%2 == 0})
		for i := range queries {
			if err := c.add(i, metric.Canary, result); err != nil {
				return
			}
		}
		for _, target := range c.targets() {
			for i, s := range target.Scrapes {
				if i > 0 && !s.Time.After(target.Scrapes[i-1].Time) {
					t.Errorf("scrapes of %s are not in order", target.Name)
				}
			}
		}
	})
}
