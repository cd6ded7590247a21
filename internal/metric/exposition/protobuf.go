package exposition

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/canarize/canarize/internal/metric/native"
)

// AcceptProtobuf is the request header that asks for the protobuf format, the
// only one with native histograms. Programs that do not have it answer with
// text.
const AcceptProtobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited," + Accept + ";q=0.5"

// The fields of a MetricFamily that matter here.
const (
	fieldName   protowire.Number = 1
	fieldType   protowire.Number = 3
	fieldMetric protowire.Number = 4
)

// largestMetric limits the size of one metric in bytes, because decoded it is
// many times as large.
const largestMetric = 256 << 10

// IsProtobuf reports whether a page has the protobuf format: messages with
// their lengths before them, each with its name first. No text looks like that.
func IsProtobuf(page []byte) bool {
	for rest := page; len(rest) > 0; {
		message, n := protowire.ConsumeBytes(rest)
		if n < 0 || len(message) == 0 || message[0] != byte(protowire.EncodeTag(fieldName, protowire.BytesType)) {
			return false
		}
		rest = rest[n:]
	}
	return len(page) > 0
}

// ParseProtobuf is Parse for the protobuf format. It decodes only families with
// a wanted name, one metric at a time, because a decoded page is large. The
// names of a histogram are those that the text format has, and the bare name if
// it is a native one.
func ParseProtobuf(page []byte, wanted func(name string) bool, handle func(Sample) error) error {
	for rest := page; len(rest) > 0; {
		message, n := protowire.ConsumeBytes(rest)
		if n < 0 {
			return protowire.ParseError(n)
		}
		rest = rest[n:]
		f := family{wanted: wanted, handle: handle}
		if err := f.parse(message); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// family is one message of a page.
type family struct {
	name   string
	kind   dto.MetricType
	wanted func(string) bool
	handle func(Sample) error
}

// parse reads the name and the type of a family, and if it is wanted its
// metrics.
func (f *family) parse(message []byte) error {
	err := fields(message, func(number protowire.Number, value []byte, varint uint64) error {
		switch number {
		case fieldName:
			f.name = string(value)
		case fieldType:
			f.kind = dto.MetricType(int32(min(varint, math.MaxInt32)))
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case f.name == "":
		return errors.New("a metric has no name")
	case !f.anyWanted():
		return nil
	}
	return fields(message, func(number protowire.Number, value []byte, _ uint64) error {
		if number != fieldMetric {
			return nil
		}
		if len(value) > largestMetric {
			return fmt.Errorf("one of its series has more than %d KiB, the limit", largestMetric>>10)
		}
		var m dto.Metric
		if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(value, &m); err != nil {
			return err
		}
		return f.samples(&m)
	})
}

// anyWanted reports whether one of the names of the family's samples is wanted.
func (f *family) anyWanted() bool {
	any := false
	for _, suffix := range []string{"", "_bucket", "_count", "_sum"} {
		any = f.wanted(f.name+suffix) || any
	}
	return any
}

// fields calls handle for each field of a message, with its bytes or its number.
func fields(message []byte, handle func(number protowire.Number, value []byte, varint uint64) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		var value []byte
		var varint uint64
		switch kind {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := handle(number, value, varint); err != nil {
			return err
		}
	}
	return nil
}

// samples handles the samples of a metric, as the text format has them.
func (f *family) samples(m *dto.Metric) error {
	labels := make(map[string]string, len(m.GetLabel()))
	for _, l := range m.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	one := func(suffix string, more map[string]string, value float64) error {
		if name := f.name + suffix; f.wanted(name) {
			all := maps.Clone(labels)
			maps.Copy(all, more)
			return f.handle(Sample{Name: name, Labels: all, Value: value})
		}
		return nil
	}
	switch f.kind {
	case dto.MetricType_COUNTER:
		return one("", nil, m.GetCounter().GetValue())
	case dto.MetricType_GAUGE:
		return one("", nil, m.GetGauge().GetValue())
	case dto.MetricType_UNTYPED:
		return one("", nil, m.GetUntyped().GetValue())
	case dto.MetricType_SUMMARY:
		s := m.GetSummary()
		for _, q := range s.GetQuantile() {
			if err := one("", map[string]string{"quantile": number(q.GetQuantile())}, q.GetValue()); err != nil {
				return err
			}
		}
		return cmp.Or(one("_sum", nil, s.GetSampleSum()), one("_count", nil, float64(s.GetSampleCount())))
	case dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM:
		return f.histogram(m.GetHistogram(), labels, one)
	}
	return nil
}

func number(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// errGauge reports a histogram without increments.
var errGauge = errors.New("it is a gauge histogram, which does not count requests; name a histogram that only grows")

// histogram handles the samples of a histogram: those of the classic one, and
// the native one.
func (f *family) histogram(h *dto.Histogram, labels map[string]string, one func(string, map[string]string, float64) error) error {
	total := float64(h.GetSampleCount())
	if h.GetSampleCountFloat() > 0 {
		total = h.GetSampleCountFloat()
	}
	for _, b := range h.GetBucket() {
		count := float64(b.GetCumulativeCount())
		if b.GetCumulativeCountFloat() > 0 {
			count = b.GetCumulativeCountFloat()
		}
		if math.IsInf(b.GetUpperBound(), 1) {
			continue // added below, even if it is missing here
		}
		if err := one("_bucket", map[string]string{"le": number(b.GetUpperBound())}, count); err != nil {
			return err
		}
	}
	err := cmp.Or(one("_bucket", map[string]string{"le": "+Inf"}, total), one("_count", nil, total), one("_sum", nil, h.GetSampleSum()))
	if err != nil || !isNative(h) || !f.wanted(f.name) {
		return err
	}
	if f.kind == dto.MetricType_GAUGE_HISTOGRAM {
		return errGauge
	}
	r, err := raw(h, total)
	if err != nil {
		return err
	}
	n, err := native.New(r)
	if err != nil {
		return err
	}
	return f.handle(Sample{Name: f.name, Labels: labels, Native: &n})
}

// isNative is the rule of Prometheus.
func isNative(h *dto.Histogram) bool {
	return len(h.GetPositiveSpan()) > 0 || len(h.GetNegativeSpan()) > 0 || h.GetZeroThreshold() > 0 || h.GetZeroCount() > 0
}

func raw(h *dto.Histogram, total float64) (native.Raw, error) {
	r := native.Raw{Schema: int(h.GetSchema()), Threshold: h.GetZeroThreshold(), Zero: float64(h.GetZeroCount()), Total: total}
	if h.GetZeroCountFloat() > 0 {
		r.Zero = h.GetZeroCountFloat()
	}
	var err error
	if r.Positive, err = spread(h.GetPositiveSpan(), h.GetPositiveDelta(), h.GetPositiveCount()); err != nil {
		return r, err
	}
	negative, err := spread(h.GetNegativeSpan(), h.GetNegativeDelta(), h.GetNegativeCount())
	for _, b := range negative {
		r.Negative += b.Count
	}
	return r, err
}

var errSpans = errors.New("the spans of a native histogram do not fit its buckets")

// spread returns the buckets of spans, whose counts are given as the difference
// from the bucket before (deltas), or as such (counts).
func spread(spans []*dto.BucketSpan, deltas []int64, counts []float64) ([]native.Bucket, error) {
	if len(counts) == 0 {
		sum := int64(0)
		for _, d := range deltas {
			sum += d // an overflow gives a negative count, which is refused
			counts = append(counts, float64(sum))
		}
	}
	all := make([]native.Bucket, 0, len(counts))
	index := 0
	for i, s := range spans {
		if i > 0 && s.GetOffset() < 0 || int64(s.GetLength()) > int64(len(counts)) {
			return nil, errSpans
		}
		index += int(s.GetOffset())
		for range s.GetLength() {
			all = append(all, native.Bucket{At: index, Count: counts[0]})
			index, counts = index+1, counts[1:]
		}
	}
	if len(counts) > 0 {
		return nil, errSpans
	}
	return all, nil
}
