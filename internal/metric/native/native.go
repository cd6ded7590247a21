// Package native computes with Prometheus' native histograms: what was counted
// between two states, sums over processes of different resolutions, and the
// classic histogram with the same counts. It works on one grid of boundaries,
// four in each power of two, so that every histogram has boundaries of the
// grid, and histograms of different resolutions never mix.
//
// The format is that of https://prometheus.io/docs/specs/native_histograms/: in
// schema s the bucket with index i counts values above 2^((i-1)·2^-s) and up to
// 2^(i·2^-s). Each boundary of a schema is also one of all finer schemas, so
// merging buckets to a coarser schema is exact.
package native

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// The grid is that of schema 2: its boundary i is 2^(i/4). A finer one would
// tell the judge little more, and client libraries that run out of buckets
// halve the resolution of their usual schema 3: then no boundary of the grid is
// lost.
const (
	gridSchema = 2
	perOctave  = 1 << gridSchema
)

// The schemas with exponential buckets.
const (
	minSchema = -4
	maxSchema = 8
)

// bottom is below every boundary that a float64 can have, and top above.
const (
	bottom = -1100 * perOctave
	top    = 1024 * perOctave
)

// maxCount limits counts. A float64 cannot represent every integer above it.
const maxCount = 1 << 53

// Bucket counts the values up to the boundary At, and above the boundary of the
// bucket before.
type Bucket struct {
	At    int
	Count float64
}

// Histogram is the state of a native histogram, or what it counted between two
// states. Make one with New. The zero value has no counts.
type Histogram struct {
	// The histogram counts at the boundaries of the grid that are multiples of
	// coarse+1, a power of two.
	coarse int
	// floor is the first boundary above the zero bucket. Below it nothing is
	// known.
	floor   int
	buckets []Bucket // in order of At, which is a boundary of the histogram; counts are above 0
	total   float64  // also of values above all buckets
}

// Raw holds a native histogram as Prometheus and programs expose it.
type Raw struct {
	Schema    int
	Threshold float64 // the zero bucket counts values from -Threshold to Threshold
	Zero      float64 // the count of the zero bucket
	Negative  float64 // the counts of all buckets of negative values
	Positive  []Bucket
	Total     float64
}

var (
	errCount = errors.New("a count of a native histogram must be from 0 to 2^53")
	errSum   = errors.New("the buckets of a native histogram count more than it has in total")
)

// New returns the histogram on the grid. The indexes of r.Positive are those of
// its schema.
func New(r Raw) (Histogram, error) {
	if r.Schema < minSchema || r.Schema > maxSchema {
		return Histogram{}, fmt.Errorf("a native histogram has the schema %d; schemas from %d to %d are supported", r.Schema, minSchema, maxSchema)
	}
	h := Histogram{floor: bottom, total: r.Total}
	if r.Schema < gridSchema {
		h.coarse = 1<<(gridSchema-r.Schema) - 1
	}
	if r.Threshold > 0 {
		// Rounding errors must not raise a threshold that is a boundary.
		h.floor = int(math.Ceil(math.Log2(min(r.Threshold, math.MaxFloat64))*perOctave - 1e-9))
	}
	sum := 0.0
	add := func(at int, count float64) {
		sum += count
		if !(count >= 0) {
			sum = math.NaN()
		}
		if count > 0 {
			h.buckets = append(h.buckets, Bucket{at, count})
		}
	}
	add(bottom, r.Zero)
	add(bottom, r.Negative)
	for _, b := range r.Positive {
		add(onGrid(b.At, r.Schema), b.Count)
	}
	switch {
	case !(r.Total >= 0 && r.Total <= maxCount && sum >= 0):
		return Histogram{}, errCount
	case sum > r.Total*(1+1e-9):
		return Histogram{}, errSum
	}
	return h.merged(h.coarse, h.floor), nil
}

// onGrid returns the boundary of the grid at, or next above, a boundary of a
// schema.
func onGrid(index, schema int) int {
	const finer = maxSchema - gridSchema
	index = max(min(index, top<<finer), bottom<<finer)
	if schema > gridSchema {
		return (index-1)>>(schema-gridSchema) + 1
	}
	return max(min(index<<(gridSchema-schema), top), bottom)
}

// merged returns the histogram at the boundaries that are multiples of
// coarse+1 and not below floor. It shares no memory with h.
func (h Histogram) merged(coarse, floor int) Histogram {
	m := Histogram{coarse: coarse, floor: floor, total: h.total, buckets: make([]Bucket, 0, len(h.buckets))}
	for _, b := range h.buckets {
		m.buckets = append(m.buckets, Bucket{m.boundary(max(b.At, floor)), b.Count})
	}
	slices.SortFunc(m.buckets, func(a, b Bucket) int { return cmp.Compare(a.At, b.At) })
	last := 0
	for _, b := range m.buckets {
		switch {
		case last > 0 && m.buckets[last-1].At == b.At:
			m.buckets[last-1].Count += b.Count
		default:
			m.buckets[last] = b
			last++
		}
	}
	m.buckets = m.buckets[:last]
	return m
}

// boundary returns the histogram's first boundary that is not below one of the
// grid. The distance of its boundaries is a power of two.
func (h Histogram) boundary(at int) int { return (at + h.coarse) &^ h.coarse }

// Plus returns the sum, at the boundaries that both have.
func (h Histogram) Plus(more Histogram) Histogram {
	coarse, floor := max(h.coarse, more.coarse), max(h.floor, more.floor)
	h.buckets = append(slices.Clone(h.buckets), more.buckets...)
	h.total += more.total
	return h.merged(coarse, floor)
}

// Since returns what was counted since an earlier state of the same histogram,
// at the boundaries that both have. It reports false if the histogram restarted
// in between, as Prometheus detects it: a count decreased, the resolution rose,
// or the zero bucket shrank.
func (h Histogram) Since(before Histogram) (Histogram, bool) {
	if h.coarse < before.coarse || h.floor < before.floor || h.total < before.total {
		return Histogram{}, false
	}
	old := before.merged(h.coarse, h.floor)
	more := Histogram{coarse: h.coarse, floor: h.floor, total: h.total - old.total}
	i := 0
	for _, b := range h.buckets {
		if i < len(old.buckets) && old.buckets[i].At == b.At {
			b.Count -= old.buckets[i].Count
			i++
		}
		if b.Count < 0 || i < len(old.buckets) && old.buckets[i].At <= b.At {
			return Histogram{}, false
		}
		if b.Count > 0 {
			more.buckets = append(more.buckets, b)
		}
	}
	return more, i == len(old.buckets)
}

// Total returns the count of all values.
func (h Histogram) Total() float64 { return h.total }

// Size returns how many numbers the histogram has.
func (h Histogram) Size() int { return 1 + len(h.buckets) }

// The range of boundaries of a classic histogram, in seconds: 2^-20, about a
// microsecond, to 2^16, about 18 hours.
const (
	firstOctave = -20
	lastOctave  = 16
)

// MostBounds is the largest number of boundaries that Classic returns.
const MostBounds = (lastOctave-firstOctave)*perOctave + 1

// Classic returns the boundaries in seconds, and the count of values up to each.
// perSecond is the number of the histogram's units in a second. The boundaries
// depend only on the histogram's resolution and the width of its zero bucket,
// not on its counts.
func (h Histogram) Classic(perSecond float64) (bounds, below []float64) {
	shift := int(math.Round(math.Log2(perSecond)))
	at := h.boundary(max((firstOctave+shift)*perOctave, h.floor))
	sum, i := 0.0, 0
	for ; at <= (lastOctave+shift)*perOctave; at += h.coarse + 1 {
		for ; i < len(h.buckets) && h.buckets[i].At <= at; i++ {
			sum += h.buckets[i].Count
		}
		bounds, below = append(bounds, value(at)/perSecond), append(below, sum)
	}
	return bounds, below
}

// value returns a boundary of the grid. Every power of two is exact.
func value(at int) float64 {
	octave := at >> gridSchema
	fraction := math.Exp2(float64(at-octave<<gridSchema) / perOctave)
	return math.Ldexp(fraction, octave)
}
