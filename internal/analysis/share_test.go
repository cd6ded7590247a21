package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// gateway sends random requests by a weight that takes force some seconds after
// it was set, and a source shows them some seconds after they were sent: lag is
// the sum of both.
type gateway struct {
	r        *rand.Rand
	rate     float64 // requests per second of both arms
	lag      float64 // s
	multiple float64 // the canary's real share divided by its weight
	set      []setWeight
}

type setWeight struct{ at, weight float64 }

// setTo sets the weight at a time.
func (g *gateway) setTo(at, weight float64) {
	if n := len(g.set); n == 0 || g.set[n-1].weight != weight {
		g.set = append(g.set, setWeight{at, weight})
	}
}

// observe returns the requests between two times, with the weight that is set
// at the end.
func (g *gateway) observe(from, to float64) Observation {
	canary, stable := 0., 0.
	for i, s := range g.set {
		begin, end := max(from, s.at+g.lag), to
		if i == 0 {
			begin = from
		}
		if i+1 < len(g.set) {
			end = min(to, g.set[i+1].at+g.lag)
		}
		if begin < end {
			share := min(s.weight/100*g.multiple, 1)
			canary += g.poisson(g.rate * (end - begin) * share)
			stable += g.poisson(g.rate * (end - begin) * (1 - share))
		}
	}
	return errorsOf(to, g.set[len(g.set)-1].weight, 0, int64(canary), 0, int64(stable))
}

// poisson draws a number of requests; without a source of chance, the mean.
func (g *gateway) poisson(mean float64) float64 {
	if g.r == nil {
		return mean
	}
	if mean > 50 {
		return max(0, math.Round(mean+math.Sqrt(mean)*g.r.NormFloat64()))
	}
	n, left := 0., math.Exp(-mean)
	for p := g.r.Float64(); p > left; p *= g.r.Float64() {
		n++
	}
	return n
}

// driver sets the weights of a release.
type driver struct {
	name string
	// next returns the time in an interval at which a weight is set, and that
	// weight.
	next func(r *rand.Rand, interval float64, d Decision) (at, weight float64)
}

var drivers = []driver{
	{"as recommended", func(_ *rand.Rand, _ float64, d Decision) (float64, float64) { return 0, d.Weight }},
	{"at any time", func(r *rand.Rand, interval float64, d Decision) (float64, float64) {
		if r.Float64() < .9 {
			return 0, math.NaN()
		}
		return r.Float64() * interval, []float64{0, 1, 2, 5, 20, 50}[r.IntN(6)]
	}},
}

// release plays a release of up to 20 minutes. It returns the number of the
// first interval that is held for its routing, or 0.
func (d driver) release(t failing, g *gateway, interval float64) int {
	j := newJudge(t, func(c *Config) { c.Interval, c.Deadline = interval, 1e6 })
	g.setTo(-1e6, 0)
	decision := j.Observe(Observation{})
	for i := 1; float64(i)*interval <= 1200 && !j.s.Over; i++ {
		from := float64(i-1) * interval
		if at, weight := d.next(g.r, interval, decision); !math.IsNaN(weight) {
			g.setTo(from+at, weight)
		}
		if decision = j.Observe(g.observe(from, from+interval)); decision.Cause == Routing {
			return i
		}
	}
	return 0
}

// TestRightRouteIsNotBlamed checks that a slow gateway and a slow source are not
// mistaken for a wrong route.
func TestRightRouteIsNotBlamed(t *testing.T) {
	const releases = 250
	all, most := 0, 0.
	for _, d := range drivers {
		for _, interval := range []float64{5, 15, 60} {
			for _, lag := range []float64{0, 1, 3, 17, 30, 60} {
				blamed := 0
				for n := range releases {
					g := &gateway{r: rand.New(rand.NewPCG(7, uint64(n))), rate: []float64{10, 100, 1000}[n%3], lag: lag, multiple: 1}
					if d.release(t, g, interval) > 0 {
						blamed++
					}
				}
				t.Logf("weights %s, intervals of %g s, lag %g s: %d of %d", d.name, interval, lag, blamed, releases) // with -v
				if blamed > 1 {
					t.Errorf("weights %s, intervals of %g s, lag %g s: %d of %d right routes are blamed", d.name, interval, lag, blamed, releases)
				}
				all, most = all+blamed, most+float64(releases)/splitBar
			}
		}
	}
	if float64(all) > most {
		t.Errorf("%d right routes are blamed, want at most %g", all, most)
	}
}

// TestWrongRouteIsFound checks how soon a wrong route is found.
func TestWrongRouteIsFound(t *testing.T) {
	for _, c := range []struct{ multiple, interval, most float64 }{
		{0, 5, 15}, {0, 15, 6}, {0, 60, 3},
		{1. / 3, 5, 32}, {1. / 3, 15, 14}, {1. / 3, 60, 10},
		{3, 5, 16}, {3, 15, 3}, {3, 60, 2},
		{100, 5, 2}, {100, 15, 2}, {100, 60, 2},
	} {
		t.Run(fmt.Sprintf("%.2g times its share, intervals of %g s", c.multiple, c.interval), func(t *testing.T) {
			last := 0
			for n := range 100 {
				g := &gateway{r: rand.New(rand.NewPCG(8, uint64(n))), rate: 100, lag: 1, multiple: c.multiple}
				at := drivers[0].release(t, g, c.interval)
				if at == 0 {
					t.Fatal("not found")
				}
				last = max(last, at)
			}
			t.Logf("found after at most %d intervals", last)
			if float64(last) > c.most {
				t.Errorf("found after %d intervals, want at most %g", last, c.most)
			}
		})
	}
}

// counted is an interval of the model: requests and the weights that may have
// been in force, from least to most percent.
type counted struct{ canary, both, least, most, seconds float64 }

// model returns the portion of the intervals that count.
func model(intervals []counted) (p portion) {
	for _, in := range intervals {
		low, high := in.least/100*in.both, in.most/100*in.both
		expected := high
		if in.least < in.most && !(in.canary > high && far(in.canary, high)) {
			if !(in.canary < low && far(in.canary, low)) {
				continue
			}
			expected = low
		}
		kept := math.Exp2(-in.seconds / 120)
		p = portion{p.Canary*kept + in.canary, p.Expected*kept + expected, p.Both*kept + in.both}
	}
	return p
}

// TestStrayedIsTrue checks, on random counts, that the sentence about the share
// has the right numbers and appears only if the counted share is at most half
// of the weight or at least twice it. All weights of the last minute may
// have been in force.
func TestStrayedIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := newJudge(t, func(c *Config) { c.Deadline = 1e6 })
		type change struct{ ended, weight float64 } // when the interval ended in which the weight was replaced
		weight := rapid.SampledFrom([]float64{0, 0, 5}).Draw(t, "first weight")
		j.Observe(Observation{Weight: weight})
		replaced, intervals := []change{{0, 0}}, []counted(nil)
		time, begin := 0., 0.
		least, most, canary, both := weight, weight, int64(0), int64(0)
		for range rapid.IntRange(1, 25).Draw(t, "intervals") {
			time += rapid.SampledFrom([]float64{1, 5, 15, 15, 60}).Draw(t, "seconds")
			now := weight
			if rapid.IntRange(0, 3).Draw(t, "change") == 0 {
				now = rapid.SampledFrom([]float64{0, 1, 5, 5, 35}).Draw(t, "weight")
			}
			for _, c := range replaced {
				if begin-c.ended < lingers {
					least, most = min(least, c.weight), max(most, c.weight)
				}
			}
			if least, most = min(least, now), max(most, now); now != weight {
				replaced = append(replaced, change{time, weight})
			}
			weight = now
			if rapid.IntRange(0, 5).Draw(t, "gap") == 0 {
				j.Observe(Observation{Time: time, Weight: weight})
				continue
			}
			n, m := rapid.Int64Range(0, 300).Draw(t, "canary"), rapid.Int64Range(0, 3000).Draw(t, "stable")
			canary, both = canary+n, both+n+m
			d := j.Observe(errorsOf(time, weight, 0, n, 0, m))
			intervals = append(intervals, counted{float64(canary), float64(both), least, most, time - begin})
			begin, least, most, canary, both = time, weight, weight, 0, 0
			p := model(intervals)
			if have := j.s.Traffic.portion; math.Abs(have.Canary-p.Canary)+math.Abs(have.Expected-p.Expected)+math.Abs(have.Both-p.Both) > 1e-6 {
				t.Fatalf("%+v, want %+v", have, p)
			}
			if strings.HasPrefix(d.Reason, "The canary recently got ") {
				var share, mean float64
				_, err := fmt.Sscanf(d.Reason, "The canary recently got %g %% of the requests at a mean weight of %g %%; check its route.", &share, &mean)
				if err != nil || !near(share, 100*p.Canary/p.Both) || !near(mean, 100*p.Expected/p.Both) || p.Canary > p.Expected/2 && p.Canary < 2*p.Expected {
					t.Fatalf("%q, want %+v, %v", d.Reason, p, err)
				}
			}
			if d.Verdict == Promote || d.Verdict == Reject { // final: the judge counts nothing more
				return
			}
		}
	})
}

// near reports whether a number with three digits is v. The order of sums may change its last
// digit.
func near(shown, v float64) bool { return math.Abs(shown-v) <= .006*v+1e-9 }

// TestLagIsNotBlamed checks on random releases, without chance in the counts,
// that a weight may take force at any time within a minute.
func TestLagIsNotBlamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := newJudge(t, func(c *Config) { c.Deadline = 1e6 })
		j.Observe(Observation{})
		g := &gateway{rate: rapid.SampledFrom([]float64{1, 100, 1e4}).Draw(t, "rate"), lag: rapid.Float64Range(0, lingers).Draw(t, "lag"), multiple: 1}
		g.setTo(-1e6, 0)
		for from := 0.; from < 600; {
			to := from + rapid.SampledFrom([]float64{1, 5, 15, 60}).Draw(t, "seconds")
			if rapid.IntRange(0, 2).Draw(t, "change") == 0 {
				g.setTo(rapid.Float64Range(from, to).Draw(t, "at"), rapid.SampledFrom([]float64{0, 1, 5, 20, 100}).Draw(t, "weight"))
			}
			if d := j.Observe(g.observe(from, to)); d.Cause == Routing {
				t.Fatalf("after %g s: %s", to, d.Reason)
			}
			from = to
		}
	})
}

// TestMended checks that a route that somebody else had changed is compared
// anew once it is mended.
func TestMended(t *testing.T) {
	for _, foreign := range []float64{0, 20} { // the real share, instead of 5 %
		j := newJudge(t, nil)
		j.Observe(Observation{Weight: 5})
		var d Decision
		for i := 1; i <= 12; i++ {
			n := int64(75)
			if i > 8 {
				n = int64(15 * foreign)
			}
			d = j.Observe(errorsOf(float64(15*i), 5, 0, n, 0, 1500-n))
		}
		if d.Cause != Routing {
			t.Fatalf("a share of %g %%: %s %s", foreign, d.Verdict, d.Cause)
		}
		o := errorsOf(195, 5, 0, int64(7*foreign+40), 0, int64(1460-7*foreign))
		o.Mended = true
		if d := j.Observe(o); d.Verdict != Continue {
			t.Errorf("a share of %g %%, mended: %s %s: %s", foreign, d.Verdict, d.Cause, d.Reason)
		}
	}
}

// TestUncertain checks that requests from before somebody watched are not
// compared with the weight. A route that stays wrong is found nevertheless.
func TestUncertain(t *testing.T) {
	j := newJudge(t, nil)
	j.Observe(Observation{Weight: 5})
	for i := 1; i <= 6; i++ {
		o := errorsOf(float64(15*i), 5, 0, 300, 0, 1200)
		o.Uncertain = i == 1
		if d := j.Observe(o); (d.Cause == Routing) != (i == 6) {
			t.Errorf("interval %d: %s %s: %s", i, d.Verdict, d.Cause, d.Reason)
		}
	}
}

// TestOlderShareIsForgotten checks that the share in a state of an earlier
// canarize, which counted intervals with requests of an earlier weight, is
// compared anew.
func TestOlderShareIsForgotten(t *testing.T) {
	j := newJudge(t, func(c *Config) { c.Warmup = 60 })
	play(j, 10, split(1, 1))
	text := regexp.MustCompile(`"canary":[^,]*,"expected":[^,]*,"both":[^,]*,"unserved"`).ReplaceAllString(stateOf(t, j), `"canary":900,"expected":100,"unserved"`)
	old, err := Restore(Default(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if n := old.s.Traffic.Canary; n != 900 || old.s.Traffic.strayed() {
		t.Fatalf("%v canary requests, strayed: %t", n, old.s.Traffic.strayed())
	}
	if d := old.Observe(errorsOf(165, 5, 1, 75, 15, 1425)); d.Verdict != Continue {
		t.Errorf("%s %s: %s", d.Verdict, d.Cause, d.Reason)
	}
}
