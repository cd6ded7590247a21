package analysis

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// routes is a service with requests of several routes.
type routes struct {
	share []float64 // of the requests, by route
	bad   float64   // ratio of bad requests
	fails int       // this route of the canary fails always; -1: none does
}

// forty returns routes with equal shares, or with shares that fall as 1/n. The last one always
// fails on the canary and has a share of rare; if that is 0, the canary is healthy.
func forty(zipf bool, rare float64) routes {
	const n = 40
	r := routes{share: make([]float64, n), bad: .002, fails: -1}
	sum := 0.
	for i := range n {
		r.share[i] = 1
		if zipf {
			r.share[i] /= float64(i + 1)
		}
		sum += r.share[i]
	}
	for i := range n {
		r.share[i] /= sum
	}
	if rare > 0 {
		for i := range n {
			r.share[i] *= (1 - rare) / (1 - r.share[n-1])
		}
		r.fails, r.share[n-1] = n-1, rare
	}
	return r
}

func routeName(i int) string { return Part{"errors", "route", fmt.Sprintf("/%02d", i)}.String() }

// observe returns an interval of 15 s at a weight. Its errors are the sum of all routes.
func (r routes) observe(g *gateway, time, weight float64) Observation {
	sum := Pair{&Arm{}, &Arm{}}
	o := Observation{Time: time, Weight: weight, Metrics: map[string]Pair{"errors": sum}}
	serve := func(total *Arm, requests, bad float64) *Arm {
		a := Arm{Counts: Counts{Total: int64(g.poisson(requests))}}
		if a.Bad = a.Total; bad < 1 {
			a.Bad = min(int64(g.poisson(float64(a.Total)*bad)), a.Total)
		}
		total.Bad, total.Total = total.Bad+a.Bad, total.Total+a.Total
		return &a
	}
	for i, share := range r.share {
		bad := r.bad
		if i == r.fails {
			bad = 1
		}
		requests := g.rate * 15 * share
		o.Metrics[routeName(i)] = Pair{
			Canary: serve(sum.Canary, requests*weight/100, bad),
			Stable: serve(sum.Stable, requests*(1-weight/100), r.bad),
		}
	}
	return o
}

// release plays a release of up to an hour at 100 requests a second. It returns the last
// decision and the minute.
func (r routes) release(t failing, seed uint64, change func(*Config)) (d Decision, minutes float64) {
	g := &gateway{r: rand.New(rand.NewPCG(seed, 40)), rate: 100}
	j := newJudge(t, change)
	d = j.Observe(Observation{})
	for i := 1; i <= 240 && d.Verdict != Promote && d.Verdict != Reject; i++ {
		d = j.Observe(r.observe(g, float64(15*i), d.Weight))
		minutes = float64(i) / 4
	}
	return d, minutes
}

// TestRoutesOfPromotion checks that forty routes do not keep a healthy release from its
// promotion, and reject it hardly ever.
func TestRoutesOfPromotion(t *testing.T) {
	for name, zipf := range map[string]bool{"equal": false, "zipf": true} {
		t.Run(name, func(t *testing.T) {
			const runs = 200
			promoted, rejected := 0, 0
			for seed := range uint64(runs) {
				d, minutes := forty(zipf, 0).release(t, seed, nil)
				if d.Verdict == Reject {
					rejected++
				}
				if d.Verdict == Promote && minutes <= 20 {
					promoted++
				}
			}
			if promoted < runs*95/100 || rejected > runs/100 {
				t.Errorf("promoted within 20 min: %d of %d, rejected: %d", promoted, runs, rejected)
			}
		})
	}
}

// TestRareRoute checks that a rare route that always fails is found and named.
func TestRareRoute(t *testing.T) {
	for _, rare := range []float64{.002, .005} {
		for name, zipf := range map[string]bool{"equal": false, "zipf": true} {
			t.Run(fmt.Sprintf("%s %g", name, rare), func(t *testing.T) {
				const runs = 50
				r := forty(zipf, rare)
				named := 0
				for seed := range uint64(runs) {
					d, minutes := r.release(t, seed, nil)
					if d.Verdict == Reject && minutes <= 20 && strings.HasPrefix(d.Reason, routeName(r.fails)+": ") {
						named++
					}
				}
				if named < runs*9/10 {
					t.Errorf("named within 20 min: %d of %d", named, runs)
				}
			})
		}
	}
}

// TestManyGuardsAreNoCatastrophe checks that guards need more evidence of a catastrophe the more
// of them there are, and that they do not change what a decider needs.
func TestManyGuardsAreNoCatastrophe(t *testing.T) {
	needs := func(metric string, guards int) int {
		for bad := int64(1); ; bad++ {
			j := newJudge(t, nil)
			j.Observe(Observation{Weight: 20})
			o := errorsOf(15, 20, 0, 100, 0, 400)
			for i := range guards {
				o.Metrics[routeName(i)] = Pair{&Arm{}, &Arm{Counts: Counts{0, 40}}}
			}
			o.Metrics[metric] = Pair{&Arm{Counts: Counts{bad, bad}}, &Arm{Counts: Counts{0, 400}}}
			if d := j.Observe(o); d.Verdict == Reject {
				return int(bad)
			}
		}
	}
	if one, forty := needs(routeName(0), 1), needs(routeName(0), 40); forty <= one || forty > one+4 {
		t.Errorf("one guard needs %d bad requests, one of forty %d", one, forty)
	}
	if alone, beside := needs("errors", 0), needs("errors", 40); alone != beside {
		t.Errorf("a decider needs %d bad requests, beside guards %d", alone, beside)
	}
}

// TestPartSettings checks from which name a part takes its settings.
func TestPartSettings(t *testing.T) {
	c := Default()
	c.Margins = map[string]float64{"errors": 2, "errors{route=/a}": 7, "slow{route}": 3}
	c.Warmups = map[string]float64{"errors{route}": 90}
	c.Roles = map[string]Role{"errors{route=/a}": Decider, "slow{route}": Ignored, "errors": Guard}
	for _, s := range []struct {
		metric         string
		margin, warmup float64
		role           Role
	}{
		{"errors", .02, 30, Guard},
		{"errors{route=/a}", .07, 90, Decider},
		{"errors{route=/b}", .02, 90, Guard},
		{"slow{route=/a}", .03, 30, Ignored},
		{"slow{host=a}", .01, 30, Guard},
		{"errors{route}", .02, 90, Decider}, // no part, but a name that is in use for settings
	} {
		if m, w, r := c.margin(s.metric), c.warmup(s.metric, false), c.role(s.metric); m != s.margin && s.metric != "errors{route}" || w != s.warmup || r != s.role {
			t.Errorf("%s: margin %g, warm-up %g, %s", s.metric, m, w, r)
		}
	}
}

// TestParsePart checks that a part's name has the label and the value, whatever the value is.
func TestParsePart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Part{rapid.StringMatching("[a-z>.-]+").Draw(t, "of"), rapid.StringMatching("[a-z_]+").Draw(t, "label"), rapid.String().Draw(t, "value")}
		if have, isPart := ParsePart(want.String()); !isPart || have != want {
			t.Fatalf("%+v becomes %+v", want, have)
		}
	})
	for _, name := range []string{"", "errors", "errors{route}", "{route=a}", "errors{=a}", "errors{route=a}>1s", "errors}"} {
		if p, isPart := ParsePart(name); isPart {
			t.Errorf("%s is %+v", name, p)
		}
	}
}

// TestStateOfRoutes checks that the state with forty routes and many pods fits into the record.
func TestStateOfRoutes(t *testing.T) {
	for _, pods := range []int{1, guardPods, maxPods} {
		j := newJudge(t, nil)
		j.Observe(Observation{Weight: 20})
		g := &gateway{r: rand.New(rand.NewPCG(1, 40)), rate: 1000}
		for i := range 20 {
			o := forty(true, 0).observe(g, float64(15*i+15), 20)
			for _, p := range o.Metrics {
				for _, a := range []*Arm{p.Canary, p.Stable} {
					a.Pods = map[string]Counts{}
					for n := range pods {
						a.Pods[fmt.Sprintf("a-workload-with-a-name-7d9f8b6c5d-%05d", n)] = Counts{0, a.Total / int64(pods)}
					}
				}
			}
			j.Observe(o)
		}
		if n := len(stateOf(t, j)); n > 400_000 {
			t.Errorf("%d pods: %d bytes", pods, n)
		} else {
			t.Logf("%d pods: %d bytes", pods, n)
		}
	}
}
