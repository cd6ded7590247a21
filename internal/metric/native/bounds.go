package native

import (
	"errors"
	"fmt"
	"math"
)

// Interval is a bucket of a native histogram as the HTTP API of Prometheus
// writes it: with its boundaries instead of schema and index. Empty buckets are
// missing.
type Interval struct{ Lower, Upper, Count float64 }

// ErrCustom reports that the boundaries of a histogram are not those of a
// schema with exponential buckets.
var ErrCustom = errors.New("its boundaries are not exponential but those of a classic histogram that Prometheus has converted")

// FromIntervals returns the histogram with these buckets, whose schema follows
// from the boundaries. If there are too few buckets to know the schema, it is
// taken for a fine one: a lone bucket that the zero bucket cuts then counts at
// its upper boundary, even if a coarse one may count it below.
func FromIntervals(total float64, buckets []Interval) (Histogram, error) {
	r := Raw{Total: total, Schema: maxSchema}
	for i, b := range buckets {
		switch {
		case math.IsNaN(b.Lower) || math.IsNaN(b.Upper) || b.Lower > b.Upper || i > 0 && b.Lower < buckets[i-1].Upper:
			return Histogram{}, fmt.Errorf("bucket %d: the boundaries must increase", i)
		case b.Lower <= 0 && b.Upper >= 0 && b.Lower == -b.Upper:
			r.Zero, r.Threshold = b.Count, b.Upper
		case b.Upper <= 0 && !math.IsInf(b.Lower, -1):
			r.Negative += b.Count
		case b.Lower < 0:
			return Histogram{}, ErrCustom
		}
	}
	known := false
	for _, b := range buckets {
		schema, found := schemaOf(b)
		switch {
		case b.Upper <= 0 || !found:
			continue
		case known && schema != r.Schema:
			return Histogram{}, ErrCustom
		}
		r.Schema, known = schema, true
	}
	for _, b := range buckets {
		if b.Upper <= 0 || b.Lower < 0 || b.Upper >= math.MaxFloat64 {
			continue // counted already, or only in the total
		}
		index, is := indexOf(b.Upper, r.Schema)
		_, regular := schemaOf(b)
		if !is || !regular && (len(r.Positive) > 0 || known && !cut(b, index, r.Schema)) {
			return Histogram{}, ErrCustom
		}
		r.Positive = append(r.Positive, Bucket{index, b.Count})
	}
	return New(r)
}

// schemaOf returns the schema whose buckets are as wide as one of positive
// values.
func schemaOf(b Interval) (schema int, found bool) {
	if b.Lower <= 0 || b.Upper >= math.MaxFloat64 {
		return 0, false
	}
	octaves := math.Log2(b.Upper / b.Lower)
	schema = -int(math.Round(math.Log2(octaves)))
	same := math.Abs(octaves*math.Exp2(float64(schema))-1) < 1e-6
	return schema, same && schema >= minSchema && schema <= maxSchema
}

// indexOf returns the index of the bucket with an upper boundary, if a schema
// has that boundary.
func indexOf(upper float64, schema int) (index int, is bool) {
	exact := math.Log2(upper) * math.Exp2(float64(schema))
	index = int(math.Round(exact))
	return index, math.Abs(exact-float64(index)) < 1e-4
}

// cut reports whether a bucket is a part of the one with an index. Prometheus
// cuts off what is in the zero bucket, which may be only the first one.
func cut(b Interval, index, schema int) bool {
	return b.Lower == 0 || math.Log2(b.Lower)*math.Exp2(float64(schema)) > float64(index-1)-1e-4
}
