package prometheus

import (
	"encoding/json"
	"testing"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/native"
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

// FuzzHistogram checks that any native histogram in an answer is either refused
// or has counts that the judge accepts.
func FuzzHistogram(f *testing.F) {
	for _, text := range []string{
		`[1700000000.123,{"count":"9","sum":"9","buckets":[[1,"-2","-1","1"],[3,"-0.001","0.001","1"],[0,"0.5","1","3"],[0,"2","4","3"],[0,"8","+Inf","1"]]}]`,
		`[1,{"count":"1","sum":"NaN"}]`, `[1,{"count":"3","sum":"1","buckets":[[0,"0.1","0.25","1"],[0,"0.25","1e400","2"]]}]`, `[1,null]`,
		`[1,{"count":2,"buckets":[[0,0.917004043204671,1,1],[0,1.1892071150027212,1.189207115002722,1]]}]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d distribution
		if len(text) > 64<<10 || json.Unmarshal(text, &d) != nil {
			return
		}
		h, err := native.FromIntervals(d.total, d.buckets)
		if err != nil {
			return
		}
		bounds, counts := h.Classic(1000)
		if len(bounds) > native.MostBounds || len(counts) != len(bounds) {
			t.Fatalf("%d boundaries, %d counts", len(bounds), len(counts))
		}
		for i, n := range counts {
			if !(n >= 0 && n <= h.Total()*(1+1e-6)) || i > 0 && (n < counts[i-1] || bounds[i] <= bounds[i-1]) {
				t.Errorf("%v values up to %v, of %v", counts, bounds, h.Total())
			}
		}
		if more, ok := h.Since(h); !ok || more.Total() != 0 {
			t.Errorf("nothing happened, but it counted %v, %v", more.Total(), ok)
		}
	})
}
