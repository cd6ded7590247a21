package native_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/metric/native"
)

// program counts durations as a client library does, and keeps each of them.
type program struct {
	schema    int
	threshold float64
	values    []float64
}

// bound returns a boundary of the program's schema.
func (p program) bound(index int) float64 {
	return math.Exp2(float64(index) * math.Exp2(-float64(p.schema)))
}

// index returns the bucket of a value that is no boundary.
func (p program) index(v float64) int {
	return int(math.Ceil(math.Log2(v) * math.Exp2(float64(p.schema))))
}

func (p program) raw() native.Raw {
	r := native.Raw{Schema: p.schema, Threshold: p.threshold, Total: float64(len(p.values))}
	counts := map[int]float64{}
	for _, v := range p.values {
		switch {
		case math.Abs(v) <= p.threshold:
			r.Zero++
		case v < 0:
			r.Negative++
		default:
			counts[p.index(v)]++
		}
	}
	for index, n := range counts {
		r.Positive = append(r.Positive, native.Bucket{At: index, Count: n})
	}
	slices.SortFunc(r.Positive, func(a, b native.Bucket) int { return a.At - b.At })
	return r
}

// intervals returns the buckets as the HTTP API has them.
func (p program) intervals() (all []native.Interval) {
	r := p.raw()
	if r.Negative > 0 {
		all = append(all, native.Interval{Lower: -p.bound(3), Upper: -p.bound(2), Count: r.Negative})
	}
	if r.Zero > 0 {
		all = append(all, native.Interval{Lower: -p.threshold, Upper: p.threshold, Count: r.Zero})
	}
	for _, b := range r.Positive {
		all = append(all, native.Interval{Lower: max(p.bound(b.At-1), p.threshold), Upper: p.bound(b.At), Count: b.Count})
	}
	return all
}

func (p program) histogram(t interface{ Fatal(...any) }) native.Histogram {
	h, err := native.New(p.raw())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// below counts the values up to a boundary.
func below(bound float64, all ...[]float64) (n float64) {
	for _, values := range all {
		for _, v := range values {
			if v <= bound {
				n++
			}
		}
	}
	return n
}

// durations draws durations, none of which is a boundary of the grid.
func durations(t *rapid.T, name string) []float64 {
	all := rapid.SliceOfN(rapid.Float64Range(-21, 15), 0, 60).Draw(t, name)
	for i := range all {
		all[i] = math.Exp2(all[i])
		if at := math.Log2(all[i]) * 256; math.Abs(at-math.Round(at)) < .01 {
			all[i] *= 1.0001
		}
	}
	return all
}

func draw(t *rapid.T, name string) program {
	return program{
		schema:    rapid.IntRange(-4, 8).Draw(t, name+" schema"),
		threshold: rapid.SampledFrom([]float64{0, 0x1p-128, .0003, .001, 1}).Draw(t, name+" threshold"),
		values:    durations(t, name),
	}
}

// TestClassic checks that the classic histogram of a sum counts just what
// counting the durations by its boundaries would, whatever the resolutions are,
// and that it has the boundaries that the coarsest of them has.
func TestClassic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		sum := a.histogram(t).Plus(b.histogram(t))
		if want := float64(len(a.values) + len(b.values)); sum.Total() != want {
			t.Errorf("%v values, want %v", sum.Total(), want)
		}
		bounds, counts := sum.Classic(1)
		for i, bound := range bounds {
			if want := below(bound, a.values, b.values); counts[i] != want {
				t.Errorf("%v values up to %v, want %v", counts[i], bound, want)
			}
		}
		if len(bounds) > native.MostBounds || !slices.IsSorted(bounds) {
			t.Errorf("%v", bounds)
		}
		coarsest := min(a.schema, b.schema, 2)
		for octave := -20; octave <= 16; octave++ {
			if bound := math.Ldexp(1, octave); (coarsest >= 0 || octave%(1<<-coarsest) == 0) && bound >= max(a.threshold, b.threshold) {
				if _, found := slices.BinarySearch(bounds, bound); !found {
					t.Errorf("schema %d has no boundary %v", coarsest, bound)
				}
			}
		}
	})
}

// TestSince checks that the increment counts the new durations, though the
// resolution may have fallen and the zero bucket grown meanwhile.
func TestSince(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := draw(t, "before")
		more := durations(t, "more")
		now := before
		now.values = append(slices.Clone(before.values), more...)
		now.schema = rapid.IntRange(-4, before.schema).Draw(t, "schema")
		now.threshold = max(before.threshold, rapid.SampledFrom([]float64{0, .0005, .002}).Draw(t, "threshold"))
		got, ok := now.histogram(t).Since(before.histogram(t))
		if !ok || got.Total() != float64(len(more)) {
			t.Fatalf("%v values, %v; want %d", got.Total(), ok, len(more))
		}
		bounds, counts := got.Classic(1)
		for i, bound := range bounds {
			if want := below(bound, more); counts[i] != want {
				t.Errorf("%v values up to %v, want %v", counts[i], bound, want)
			}
		}
	})
}

// TestRestart checks that a histogram in which a bucket decreased has
// restarted, even if its total has grown, and one whose resolution rose.
func TestRestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := draw(t, "before")
		fast := before
		fast.values = append(slices.Clone(before.values), 1000)
		slow := before
		slow.values = append(slices.Clone(before.values), 2e-6, 2e-6, 2e-6)
		if _, ok := slow.histogram(t).Since(fast.histogram(t)); ok && before.schema > -4 {
			t.Error("a bucket decreased unnoticed")
		}
		if _, ok := before.histogram(t).Since(fast.histogram(t)); ok {
			t.Error("the total decreased unnoticed")
		}
	})
	coarse, fine := program{schema: 0, values: []float64{3}}, program{schema: 1, values: []float64{3, 3}}
	if _, ok := fine.histogram(t).Since(coarse.histogram(t)); ok {
		t.Error("the resolution rose unnoticed")
	}
}

// TestIntervals checks that the buckets of the HTTP API give the same histogram
// as those of the program.
func TestIntervals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := draw(t, "p")
		if rapid.Bool().Draw(t, "negative") {
			p.threshold, p.values = 0, append(p.values, -1.3)
		}
		if positive := p.raw().Positive; len(positive) == 1 && p.bound(positive[0].At-1) < p.threshold {
			return // its schema cannot be known
		}
		h, err := native.FromIntervals(float64(len(p.values)), p.intervals())
		if err != nil {
			t.Fatal(err)
		}
		bounds, counts := h.Classic(1)
		for i, bound := range bounds {
			if want := below(bound, p.values); counts[i] != want && bound >= p.threshold {
				t.Errorf("%v values up to %v, want %v", counts[i], bound, want)
			}
		}
	})
}

func TestUnits(t *testing.T) {
	seconds, _ := program{schema: 3, values: []float64{.3}}.histogram(t).Classic(1)
	milliseconds, counts := program{schema: 3, values: []float64{300}}.histogram(t).Classic(1000)
	if len(seconds) != native.MostBounds || len(milliseconds) != native.MostBounds || native.MostBounds > 300 {
		t.Errorf("%d boundaries in seconds, %d in milliseconds", len(seconds), len(milliseconds))
	}
	at, found := slices.BinarySearch(milliseconds, .512)
	if !found || counts[at] != 1 || counts[at-4] != 0 {
		t.Errorf("%v %v", milliseconds, counts)
	}
}

func TestRefuses(t *testing.T) {
	for name, r := range map[string]native.Raw{
		"schema -53":                 {Schema: -53},
		"schema 9":                   {Schema: 9},
		"a count of a native":        {Total: -1},
		"must be from 0 to 2^53":     {Total: 1, Zero: math.NaN()},
		"a count of a native histog": {Total: 5, Positive: []native.Bucket{{At: 1, Count: 5}, {At: 2, Count: -1}}},
		"more than it has in total":  {Total: 5, Positive: []native.Bucket{{At: 1, Count: 6}}},
	} {
		if _, err := native.New(r); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
	for name, buckets := range map[string][]native.Interval{
		"not a power":        {{.1, .25, 1}, {.25, .5, 2}},
		"no boundary":        {{.3, .6, 1}},
		"different widths":   {{.5, 1, 1}, {1, 4, 2}},
		"from the beginning": {{math.Inf(-1), 1, 1}},
	} {
		if _, err := native.FromIntervals(10, buckets); !errors.Is(err, native.ErrCustom) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := native.FromIntervals(10, []native.Interval{{1, 2, 1}, {.5, 1, 1}}); err == nil || !strings.Contains(err.Error(), "bucket 1: the boundaries must increase") {
		t.Error(err)
	}
}
