package peer

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate"
)

// All peers are deciders.
var _ = []simulate.Decider{(*Flagger)(nil), (*Argo)(nil), (*Kayenta)(nil)}

// play sends a decider intervals of 15 s. Every minute has 300 canary requests,
// bad of them bad, and 5,700 stable requests, 4 of them bad; with nothing, the
// minute has no canary requests. It returns the weight of every minute, and the
// verdict with its minute.
func play(d simulate.Decider, bad func(minute int) int64) (weights string, end string) {
	var all []string
	d.Observe(analysis.Observation{Time: -15})
	answer := d.Observe(analysis.Observation{Time: 0})
	for i := 1; i <= 4*120; i++ {
		minute := (i - 1) / 4
		if i%4 == 1 {
			all = append(all, fmt.Sprint(answer.Weight))
		}
		canary := analysis.Counts{Bad: bad(minute) / 4, Total: 75}
		stable := analysis.Counts{Bad: 1, Total: 1425}
		if canary.Bad < 0 {
			canary = analysis.Counts{}
		}
		answer = d.Observe(analysis.Observation{Time: float64(i) * 15, Weight: answer.Weight, Metrics: map[string]analysis.Pair{
			"errors": {Canary: &analysis.Arm{Counts: canary}, Stable: &analysis.Arm{Counts: stable}},
		}})
		if answer.Verdict != analysis.Continue {
			return strings.Join(all, " "), fmt.Sprintf("%s %v", answer.Verdict, float64(i)/4)
		}
	}
	return strings.Join(all, " "), "continue"
}

const nothing = -4 // no request at all

// always returns the same count of bad requests for every minute. in returns
// other counts in some minutes.
func always(bad int64) func(int) int64 { return func(int) int64 { return bad } }

func in(from, to int, bad, otherwise int64) func(int) int64 {
	return func(minute int) int64 {
		if minute >= from && minute < to {
			return bad
		}
		return otherwise
	}
}

func TestFlagger(t *testing.T) {
	for _, c := range []struct {
		name         string
		bad          func(int) int64
		weights, end string
	}{
		{"healthy", always(0), "5 10 15 20 25 30 35 40 45 50", "promote 10"},
		// 4 of 300 are more than 1 %: five failed checks, and a tick to act.
		{"bad", always(4), "5 5 5 5 5 5", "reject 6"},
		{"no traffic", always(nothing), "5 5 5 5 5 5", "reject 6"},
		{"four failed checks only delay", in(2, 6, 4, 0), "5 10 15 15 15 15 15 20 25 30 35 40 45 50", "promote 14"},
		// Failed checks are never reset: two, then three much later.
		{"failed checks add up", func(minute int) int64 {
			if minute == 1 || minute == 2 || minute >= 6 {
				return 4
			}
			return 0
		}, "5 10 10 10 15 20 25 25 25 25", "reject 10"},
	} {
		if weights, end := play(NewFlagger(), c.bad); weights != c.weights || end != c.end {
			t.Errorf("%s: %s, %s instead of %s, %s", c.name, weights, end, c.weights, c.end)
		}
	}
}

func TestArgo(t *testing.T) {
	step := func(minutes, weight int) string {
		return strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%d ", weight), minutes), " ")
	}
	all := strings.Join([]string{step(10, 20), step(10, 40), step(10, 60), step(10, 80)}, " ")
	for _, c := range []struct {
		name         string
		bad          func(int) int64
		weights, end string
	}{
		{"healthy", always(12), all, "promote 40"}, // 4 %
		// 20 of 300 are 6.7 %: failures at 5, 10, 15 and 20 minutes.
		{"bad", always(20), step(10, 20) + " " + step(10, 40), "reject 20"},
		{"no traffic", always(nothing), step(10, 20) + " " + step(10, 40), "reject 20"},
		{"three failures are allowed", in(0, 15, 20, 0), all, "promote 40"},
		{"the fourth is not", in(5, 25, 20, 0), strings.Join([]string{step(10, 20), step(10, 40), step(5, 60)}, " "), "reject 25"},
	} {
		if weights, end := play(NewArgo(), c.bad); weights != c.weights || end != c.end {
			t.Errorf("%s: %s, %s instead of %s, %s", c.name, weights, end, c.weights, c.end)
		}
	}
}

// TestArgoErrors checks that no series at all is an error. With the error at
// the start, the fifth consecutive error aborts.
func TestArgoErrors(t *testing.T) {
	a := NewArgo()
	a.Observe(analysis.Observation{Time: 0})
	for time := 15.0; ; time += 15 {
		if d := a.Observe(analysis.Observation{Time: time}); d.Verdict != analysis.Continue {
			if d.Verdict != analysis.Reject || time != 1200 {
				t.Errorf("%s after %v s instead of reject after 1200 s", d.Verdict, time)
			}
			return
		}
	}
}

func TestKayenta(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  func(int) int64
		end  string
	}{
		{"healthy", always(0), "promote 60"},
		{"bad", func(minute int) int64 { return int64(8 + minute%3*4) }, "reject 30"},
		{"no traffic", always(nothing), "reject 30"},
		{"bad after a while", in(14, 60, 12, 0), "reject 60"},
		{"bad for less than half of the time", in(35, 60, 12, 0), "promote 60"},
	} {
		weights, end := play(NewKayenta(), c.bad)
		if end != c.end || strings.Trim(weights, "5 ") != "" {
			t.Errorf("%s: %s with weights %s instead of %s with 5", c.name, end, weights, c.end)
		}
	}
}

// TestShift compares with intervals computed by hand. With x = y + s and y =
// 1…n, a difference s+d occurs n-|d| times. The limit is the difference at
// which the number of larger differences passes mn/2 + z·σ + ½, σ² =
// mn(m+n+1)/12.
func TestShift(t *testing.T) {
	ramp := func(n int, from float64) []float64 {
		var v []float64
		for i := range n {
			v = append(v, from+float64(i))
		}
		return v
	}
	const z = 2.3263 // 98 %
	for _, c := range []struct {
		name                 string
		x, y                 []float64
		low, estimate, upper float64
	}{
		// 16 pairs are too few: the statistic reaches at most 7/3.44, so the
		// interval is the range.
		{"four", ramp(4, 10), ramp(4, 1), 6, 9, 12},
		// σ = 9.52, mn/2 + zσ + ½ = 54.65: 54 of 64 differences are larger
		// than 10-4, and 58 are at least that large.
		{"eight", ramp(8, 11), ramp(8, 1), 6, 10, 14},
		{"eight, equal", ramp(8, 1), ramp(8, 1), -4, 0, 4},
		{"all tied", []float64{2, 2}, []float64{1, 1, 1}, 1, 1, 1},
	} {
		for level, want := range map[float64]float64{z: c.low, 0: c.estimate, -z: c.upper} {
			if have := shift(c.x, c.y, level); math.Abs(have-want) > 1e-6 {
				t.Errorf("%s: %v at level %v instead of %v", c.name, have, level, want)
			}
		}
	}
}

func TestHigh(t *testing.T) {
	y := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	for _, c := range []struct {
		name      string
		by        float64
		tolerance float64
		want      bool
	}{
		{"equal", 0, 0.25, false},
		{"higher, the limit is 6 of 10", 10, 0.25, true},
		{"higher, but tolerated", 10, 0.65, false},
		{"a little higher, the limit is 0 of 4", 4, 0.25, false},
		{"lower", -10, 0.25, false},
	} {
		x := make([]float64, len(y))
		for i := range y {
			x[i] = y[i] + c.by
		}
		if have := high(x, y, 0.98, c.tolerance); have != c.want {
			t.Errorf("%s: %v", c.name, have)
		}
	}
	if high([]float64{0, 0}, []float64{0, 0, 0}, 0.98, 0.25) {
		t.Error("nothing but zeros is high")
	}
}
