package main

import (
	"math/rand/v2"

	"github.com/canarize/canarize/bench/contender"
	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate"
)

// The times of a release in seconds. A new weight takes force between leastDelay
// and mostDelay into an interval, as in internal/simulate.
const (
	interval   = 15.
	history    = 600. // of stable alone, before the release
	deadline   = 3600.
	leastDelay = 1.
	mostDelay  = 4.
)

// metric is the name under which the judge gets the histograms.
const metric = "latency"

// harm makes a canary worse: a part of its requests, 0 to 1, draws its latency
// from the slowed-down ones of a label.
type harm struct {
	label int
	part  float64
}

// release is one run. It sends the requests of a stream to two versions and
// counts what a metric source would show.
type release struct {
	work   *workload
	pool   *pool
	stream *stream
	harm   harm
	// Three random streams, so that deciders with other weights get the same
	// requests: for what happens, for the requests, and for the slow ones.
	events           *rand.Rand
	requests, slowed *rand.PCG

	began  float64 // when the present repetition of the stream began, s
	next   int     // the next request in it
	weight float64 // in force, percent

	buckets        [2][]int64 // counted since the last observation, of the canary and of stable
	canary, served int64
	shown          analysis.HistogramPair
	latency        map[string]analysis.HistogramPair
	counts         map[string]analysis.Pair
	arms           [2]analysis.Arm
}

func newRelease(w *workload, h harm, seed, run uint64) *release {
	r := &release{
		work: w, harm: h,
		events:   rand.New(rand.NewPCG(seed, 3*run)),
		requests: rand.NewPCG(seed, 3*run+1),
		slowed:   rand.NewPCG(seed, 3*run+2),
		latency:  map[string]analysis.HistogramPair{},
		counts:   map[string]analysis.Pair{},
	}
	r.stream = &w.streams[r.events.IntN(len(w.streams))]
	r.pool = &w.pools[r.events.IntN(len(w.pools))]
	r.next = r.events.IntN(len(r.stream.at))
	r.began = -history - r.stream.at[r.next]
	for i := range r.buckets {
		r.buckets[i] = make([]int64, len(w.bounds)+1)
	}
	r.shown.Canary, r.shown.Stable = newHistogram(w.bounds), newHistogram(w.bounds)
	return r
}

func newHistogram(bounds []float64) *analysis.Histogram {
	return &analysis.Histogram{Bounds: bounds, Below: make([]int64, len(bounds))}
}

// outcome is the result of a release.
type outcome struct {
	simulate.Outcome
	harmful bool // the canary is worse by the margin or more at the boundary of slow requests
}

// carryOut runs a release in a closed loop, as simulate.Run does: the decider
// gets the history, returns the first weight, and then gets every interval until
// its verdict is final or the deadline passes.
func carryOut(w *workload, h harm, tool contender.Tool, seed, run uint64) outcome {
	r, d := newRelease(w, h, seed, run), tool.Decider()
	var decision analysis.Decision
	for t := -history; t < 0; t += interval {
		r.interval(t, 0)
		decision = d.Observe(r.observe(t+interval, 0, tool.Judge)) // the last one, at 0, begins the release
	}
	r.canary, r.served = 0, 0
	t := 0.
	for ; t < deadline && decision.Verdict != analysis.Reject && decision.Verdict != analysis.Promote; t += interval {
		weight := decision.Weight
		r.interval(t, weight)
		decision = d.Observe(r.observe(t+interval, weight, tool.Judge))
	}
	return outcome{harmful: r.harmful(), Outcome: simulate.Outcome{
		Verdict: decision.Verdict, Cause: decision.Cause, Minutes: t / 60,
		Served: r.served, Canary: r.canary, Excess: r.excess(decision.Verdict),
	}}
}

// extra returns by how much the part of slow requests of the canary exceeds that
// of stable, 0 to 1.
func (r *release) extra() float64 {
	return r.harm.part * (r.pool.slow[r.harm.label] - r.pool.slow[healthy])
}

// harmful reports whether the canary is worse by the default margin or more.
func (r *release) harmful() bool {
	return r.extra() >= max(r.pool.slow[healthy], analysis.DefaultMargin(metric)/100)
}

// excess returns how many more slow requests the canary is expected to have had
// than stable would have had, with those after the verdict: until its weight has
// fallen, or for the time of simulate.Charge.
func (r *release) excess(verdict analysis.Verdict) float64 {
	requests := float64(r.canary)
	switch verdict {
	case analysis.Reject:
		requests += r.work.rate * r.weight / 100 * (leastDelay + mostDelay) / 2
	case analysis.Promote:
		requests += r.work.rate * simulate.Charge
	}
	return requests * r.extra()
}

// interval sends the requests of an interval, with a new weight requested at its
// start.
func (r *release) interval(from, weight float64) {
	delay := leastDelay + (mostDelay-leastDelay)*r.events.Float64()
	if weight != r.weight {
		r.serve(from + delay)
		r.weight = weight
	}
	r.serve(from + interval)
}

// serve sends the requests before a time. The gateway draws each one: half of
// the bits of a random number decide who serves it, the other half its latency.
func (r *release) serve(until float64) {
	toCanary, bad := limit(r.weight/100), limit(r.harm.part)
	at, rows, slowed := r.stream.at, r.pool.rows[healthy], r.pool.rows[r.harm.label]
	canary, stable := r.buckets[0], r.buckets[1]
	for r.began+at[r.next] < until {
		u := r.requests.Uint64()
		row := r.next
		if !r.work.ordered {
			row = pick(u, len(rows))
		}
		switch {
		case u>>32 >= toCanary:
			stable[rows[row]]++
		case r.slow(bad):
			canary[slowed[pick(r.slowed.Uint64(), len(slowed))]]++
		default:
			canary[rows[row]]++
		}
		if r.next++; r.next == len(at) {
			r.next, r.began = 0, r.began+r.stream.period
		}
	}
}

// slow draws whether a request of the canary is slowed down.
func (r *release) slow(bad uint64) bool { return bad > 0 && r.slowed.Uint64()>>32 < bad }

// limit returns the number that the upper half of a random number is below with
// this probability.
func limit(probability float64) uint64 { return uint64(probability * (1 << 32)) }

// pick draws one of n rows by the lower half of a random number.
func pick(u uint64, n int) int { return int((u & (1<<32 - 1)) * uint64(n) >> 32) }

// observe returns what a metric source shows at a time in seconds: histograms to
// the judge, counts of slow requests to the other tools. The next observation
// reuses its memory.
func (r *release) observe(t, weight float64, histograms bool) analysis.Observation {
	o := analysis.Observation{Time: t, Weight: weight}
	for i, h := range []*analysis.Histogram{r.shown.Canary, r.shown.Stable} {
		h.Total = 0
		for b, n := range r.buckets[i] {
			h.Total += n
			if b < len(h.Below) {
				h.Below[b] = h.Total
			}
			r.buckets[i][b] = 0
		}
		r.served += h.Total
		if i == 0 {
			r.canary += h.Total
		}
		r.arms[i].Counts = analysis.Counts{Bad: h.Total - h.Below[r.pool.boundary], Total: h.Total}
	}
	shown, pair := r.shown, analysis.Pair{Canary: &r.arms[0], Stable: &r.arms[1]}
	if t <= 0 {
		shown.Canary, pair.Canary = nil, nil
	}
	if histograms {
		r.latency[metric] = shown
		o.Latency = r.latency
	} else {
		r.counts["slow"] = pair
		o.Metrics = r.counts
	}
	return o
}
