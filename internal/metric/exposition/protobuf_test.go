package exposition_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"

	"github.com/canarize/canarize/internal/metric/exposition"
)

// pageOf writes families in the protobuf format.
func pageOf(t testing.TB, families ...*dto.MetricFamily) []byte {
	t.Helper()
	var page bytes.Buffer
	writer := expfmt.NewEncoder(&page, expfmt.NewFormat(expfmt.TypeProtoDelim))
	for _, f := range families {
		if err := writer.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return page.Bytes()
}

// program returns the families of a program with a metric of every kind.
func program(t testing.TB) []*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"code"})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "queue"})
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "size", Objectives: map[float64]float64{.5: .05}})
	both := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "seconds", Buckets: []float64{.1, 1}, NativeHistogramBucketFactor: 1.1})
	untyped := prometheus.NewUntypedFunc(prometheus.UntypedOpts{Name: "other"}, func() float64 { return 7 })
	registry.MustRegister(counter, gauge, summary, both, untyped)
	counter.WithLabelValues("200").Add(3)
	counter.WithLabelValues("500").Inc()
	gauge.Set(-2)
	summary.Observe(4)
	for _, v := range []float64{.05, .3, .31, 20, -1, 0} {
		both.Observe(v)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func parseProtobuf(page []byte, wanted func(string) bool) ([]exposition.Sample, error) {
	var all []exposition.Sample
	err := exposition.ParseProtobuf(page, wanted, func(s exposition.Sample) error { all = append(all, s); return nil })
	return all, err
}

func every(string) bool { return true }

// TestFormatsAgree checks that a page has the same samples in both formats. The
// native histograms are only in protobuf.
func TestFormatsAgree(t *testing.T) {
	families := program(t)
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	page := pageOf(t, families...)
	if exposition.IsProtobuf(text.Bytes()) || exposition.IsProtobuf(nil) || !exposition.IsProtobuf(page) {
		t.Error("the formats are mistaken for each other")
	}
	want, err := parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	all, err := parseProtobuf(page, every)
	if err != nil {
		t.Fatal(err)
	}
	var have []exposition.Sample
	for _, s := range all {
		if s.Native == nil {
			have = append(have, s)
			continue
		}
		bounds, counts := s.Native.Classic(1)
		got := map[float64]float64{}
		for i, b := range bounds {
			got[b] = counts[i]
		}
		// -1 and 0; then .05; then .3 and .31; 20 is above 16.
		if s.Name != "seconds" || s.Native.Total() != 6 || got[0x1p-20] != 2 || got[.0625] != 3 || got[.25] != 3 || got[.5] != 5 || got[16] != 5 || got[32] != 6 {
			t.Errorf("%s: %v", s.Name, got)
		}
	}
	if diff := cmp.Diff(sorted(want), sorted(have)); diff != "" || len(all) != len(have)+1 {
		t.Error(diff)
	}
	if some, err := parseProtobuf(page, func(name string) bool { return name == "queue" || name == "seconds_count" }); err != nil || len(some) != 2 {
		t.Errorf("%v, %v", some, err)
	}
}

// histogramOf returns a family with a histogram.
func histogramOf(kind dto.MetricType, h *dto.Histogram) *dto.MetricFamily {
	return &dto.MetricFamily{Name: proto.String("d"), Type: kind.Enum(), Metric: []*dto.Metric{{Histogram: h}}}
}

func TestFloatHistogram(t *testing.T) {
	all, err := parseProtobuf(pageOf(t, histogramOf(dto.MetricType_HISTOGRAM, &dto.Histogram{
		SampleCountFloat: proto.Float64(7.5), Schema: proto.Int32(0), ZeroThreshold: proto.Float64(.001), ZeroCountFloat: proto.Float64(1),
		PositiveSpan:  []*dto.BucketSpan{{Offset: proto.Int32(-1), Length: proto.Uint32(1)}, {Offset: proto.Int32(2), Length: proto.Uint32(2)}},
		PositiveCount: []float64{1.5, 2, 3},
	})), func(name string) bool { return name == "d" })
	if err != nil || len(all) != 1 || all[0].Native == nil {
		t.Fatalf("%+v, %v", all, err)
	}
	bounds, counts := all[0].Native.Classic(1)
	have := map[float64]float64{}
	for i, b := range bounds {
		have[b] = counts[i]
	}
	if have[.25] != 1 || have[.5] != 2.5 || have[2] != 2.5 || have[4] != 4.5 || have[8] != 7.5 || bounds[0] != 0x1p-9 {
		t.Errorf("%v", have)
	}
}

func TestProtobufRefuses(t *testing.T) {
	spans := func(offset int32, length uint32) []*dto.BucketSpan {
		return []*dto.BucketSpan{{Offset: &offset, Length: &length}}
	}
	for says, f := range map[string]*dto.MetricFamily{
		"d: it is a gauge histogram":                histogramOf(dto.MetricType_GAUGE_HISTOGRAM, &dto.Histogram{PositiveSpan: spans(0, 0)}),
		"d: a native histogram has the schema -53":  histogramOf(dto.MetricType_HISTOGRAM, &dto.Histogram{Schema: proto.Int32(-53), PositiveSpan: spans(0, 0)}),
		"d: the spans of a native histogram do not": histogramOf(dto.MetricType_HISTOGRAM, &dto.Histogram{PositiveSpan: spans(0, math.MaxUint32), PositiveDelta: []int64{1}}),
		"do not fit its buckets":                    histogramOf(dto.MetricType_HISTOGRAM, &dto.Histogram{PositiveSpan: spans(0, 1), PositiveDelta: []int64{1, 1}}),
		"a count of a native histogram must be":     histogramOf(dto.MetricType_HISTOGRAM, &dto.Histogram{PositiveSpan: spans(0, 2), PositiveDelta: []int64{1, -2}, SampleCount: proto.Uint64(1)}),
		"more than it has in total":                 histogramOf(dto.MetricType_HISTOGRAM, &dto.Histogram{PositiveSpan: spans(0, 1), PositiveDelta: []int64{2}, SampleCount: proto.Uint64(1)}),
		"more than 256 KiB":                         {Name: proto.String("d"), Type: dto.MetricType_COUNTER.Enum(), Metric: []*dto.Metric{{Label: []*dto.LabelPair{{Value: proto.String(strings.Repeat("x", 256<<10))}}}}},
		"a metric has no name":                      {Name: proto.String("")},
	} {
		// The encoder checks pages; a program need not.
		message, err := proto.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		page := append(protowireLength(len(message)), message...)
		if _, err := parseProtobuf(page, every); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// protowireLength returns a varint.
func protowireLength(n int) (out []byte) {
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

// FuzzParseProtobuf checks that no page makes the parser panic, and that each
// sample has a name and a native histogram sound counts.
func FuzzParseProtobuf(f *testing.F) {
	f.Add(pageOf(f, program(f)...))
	f.Add([]byte("\x02\n\x00"))
	f.Add([]byte("# TYPE a counter\na 1\n"))
	f.Fuzz(func(t *testing.T, page []byte) {
		if len(page) > 64<<10 {
			return
		}
		exposition.IsProtobuf(page)
		all, _ := parseProtobuf(page, every)
		for _, s := range all {
			if s.Name == "" {
				t.Error("a sample has no name")
			}
			if s.Native == nil {
				continue
			}
			_, counts := s.Native.Classic(1)
			last := 0.0
			for _, n := range counts {
				if !(n >= last && n <= s.Native.Total()*(1+1e-6)) {
					t.Errorf("%v of %v", counts, s.Native.Total())
				}
				last = n
			}
		}
	})
}
