package simulate

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/canarize/canarize/internal/analysis"
)

// world is one run of a scenario. It generates the requests of every interval
// and keeps the counts that the metric source has not yet shown.
type world struct {
	s       *Scenario
	metrics []string
	// Events (bursts, gaps, restarts, delays) and counts use two random
	// streams, so that deciders with different weights get the same events.
	events, counts *rand.Rand

	phase          float64 // of the wave, in periods
	now            float64 // s
	delay          float64 // of a change of the weight in this interval, s
	measured       float64 // when the gauges were last measured, s
	weight         float64 // the current weight, percent
	changed        float64 // when the weight last took effect, s
	warm           float64 // when the canary's cold start ends, s
	canary, stable *side

	total  tally
	cuts   []float64
	answer map[string]analysis.Pair
	gauges map[string]analysis.Gauge

	happens happenings
}

// tally holds what the users of a run got.
type tally struct {
	served, canary int64
	excess         float64 // bad requests of the canary beyond those that stable would have had
}

// side is one version in a run.
type side struct {
	happened []int64 // events that were not yet shown
	isCanary bool
	drifts   map[string]float64 // of the logarithms of the gauges, in standard deviations
	pods     []pod
	gap      int  // intervals until it is observed again
	missing  bool // in this interval
	arms     map[string]*analysis.Arm
}

type pod struct {
	name    string
	bursts  bool
	unshown []analysis.Counts // by metric
}

// never is a time before all others.
const never = -1e18

func newWorld(s *Scenario, seed, run uint64) *world {
	w := &world{
		s: s, metrics: s.metricNames(),
		events:  rand.New(rand.NewPCG(seed, 2*run)),
		counts:  rand.New(rand.NewPCG(seed, 2*run+1)),
		changed: never, warm: never,
		answer: map[string]analysis.Pair{}, happens: newHappenings(s, seed, run),
	}
	if len(s.Gauges) > 0 {
		w.gauges = map[string]analysis.Gauge{}
	}
	w.phase = w.events.Float64()
	w.canary = w.newSide("canary", s.Pods.Canary)
	w.canary.isCanary = true
	w.stable = w.newSide("stable", s.Pods.Stable)
	return w
}

func (w *world) newSide(name string, pods int) *side {
	v := &side{arms: map[string]*analysis.Arm{}, drifts: map[string]float64{}, happened: make([]int64, len(w.s.Events))}
	for i := range max(pods, 1) {
		p := pod{name: fmt.Sprintf("%s-%d", name, i), unshown: make([]analysis.Counts, len(w.metrics))}
		p.bursts = w.events.Float64() < w.s.Bursts.Time
		v.pods = append(v.pods, p)
	}
	for _, m := range w.metrics {
		v.arms[m] = &analysis.Arm{}
		if pods > 0 {
			v.arms[m].Pods = map[string]analysis.Counts{}
		}
	}
	return v
}

// The seconds into an interval at which a new weight takes effect.
const minDelay, maxDelay = 1, 4

// begin begins an interval at a time in seconds. What happens in it by chance does not depend
// on how often it is observed.
func (w *world) begin(t float64) {
	w.now = t
	w.delay = minDelay + (maxDelay-minDelay)*w.events.Float64()
	w.canary.missing = w.gap(w.canary, "canary")
	if w.s.Gaps.Arm == "" {
		w.stable.gap = w.canary.gap
	}
	w.stable.missing = w.gap(w.stable, "stable")
}

// until simulates the interval until a time in seconds, with a weight requested now.
func (w *world) until(to, weight float64) {
	from := w.now
	if weight != w.weight {
		w.pieces(from, min(from+w.delay, to))
		w.change(min(from+w.delay, to), weight)
		from = w.changed
	}
	w.pieces(from, to)
	w.now = to
}

// end ends an interval of some seconds.
func (w *world) end(seconds float64) {
	for _, v := range []*side{w.canary, w.stable} {
		w.restart(v)
		w.burst(v, seconds)
	}
}

func (w *world) change(t, weight float64) {
	if w.warm == never && weight > 0 {
		w.warm = t + w.s.ColdStart.For.Seconds()
	}
	w.weight, w.changed = weight, t
}

// pieces generates the requests between two times. It splits the time wherever
// something happens.
func (w *world) pieces(from, to float64) {
	w.cuts = append(w.cuts[:0], from, to)
	cut := func(t float64) {
		if t > from && t < to {
			w.cuts = append(w.cuts, t)
		}
	}
	outage := w.s.Outage.After.Seconds()
	cut(outage)
	cut(outage + w.s.Outage.For.Seconds())
	cut(w.warm)
	cut(w.changed + w.s.Change.For.Seconds())
	for _, r := range w.s.Metrics {
		cut(r.After.Seconds())
		cut((r.After + r.For).Seconds())
	}
	w.cutEvents(from, cut)
	slices.Sort(w.cuts)
	for i := range len(w.cuts) - 1 {
		w.piece(w.cuts[i], w.cuts[i+1])
	}
}

// piece generates the requests of a time in which only drifts change anything.
// A request goes to the canary with the probability of its share and to each
// pod of a version with the same probability, so the pods' requests are
// independent and Poisson.
func (w *world) piece(from, to float64) {
	middle := (from + to) / 2
	share := min(w.weight/100*w.s.multiple(), 1)
	requests := w.s.rate(middle, w.phase)*(to-from) + w.fromClients(middle, to-from)
	for _, v := range []*side{w.canary, w.stable} {
		mean := requests * (1 - share)
		if v.isCanary {
			mean = requests * share
		}
		for i := range v.pods {
			w.serve(v, i, middle, poisson(w.counts, mean/float64(len(v.pods))))
		}
	}
	w.outside(to - from)
}

// outside counts the requests that reach stable beside the gateway.
func (w *world) outside(seconds float64) {
	if w.s.Outside.Requests == 0 {
		return
	}
	pods := w.stable.pods
	for i := range pods {
		n := poisson(w.counts, w.s.Outside.Requests*seconds/float64(len(pods)))
		for m := range w.metrics {
			pods[i].unshown[m].Total += n
			pods[i].unshown[m].Bad += binomial(w.counts, n, w.s.Outside.Bad/100)
		}
	}
}

// serve sends n requests to a pod at a time.
func (w *world) serve(v *side, i int, t float64, n int64) {
	w.total.served += n
	if v.isCanary {
		w.total.canary += n
	}
	w.happen(v, t, n)
	p := &v.pods[i]
	for m, name := range w.metrics {
		n := n
		if of := w.s.Metrics[name].of(); of < 1 {
			n = binomial(w.counts, n, of)
		}
		stable := w.ratio(name, false, t)
		ratio := stable
		if v.isCanary && (w.s.BadPods == 0 || i < w.s.BadPods) {
			ratio = w.ratio(name, true, t)
			w.total.excess += float64(n) * (ratio - stable)
		}
		p.unshown[m].Total += n
		p.unshown[m].Bad += binomial(w.counts, n, w.bursting(p, ratio))
	}
}

// ratio returns the mean ratio of bad requests of a version at a time, 0 to 1.
func (w *world) ratio(metric string, canary bool, t float64) float64 {
	r := w.s.Metrics[metric]
	minutes := max(t, 0) / 60
	percent := r.Stable + r.Drift*minutes
	if canary && w.weight >= r.FromWeight && t >= r.After.Seconds() && (r.For == 0 || t < (r.After+r.For).Seconds()) {
		percent = r.Canary + r.Drift*minutes + r.Leak*max(minutes-r.LeakAfter.Minutes(), 0)
	} else if !canary {
		percent += r.StableDrift * minutes
	}
	percent *= w.s.ratioScale(t, w.phase)
	if outage := w.s.Outage.After.Seconds(); t >= outage && t < outage+w.s.Outage.For.Seconds() {
		percent += w.s.Outage.Points
	}
	if t < w.changed+w.s.Change.For.Seconds() {
		percent += w.s.Change.Points
	}
	if canary && t < w.warm && (len(w.s.ColdStart.Metrics) == 0 || slices.Contains(w.s.ColdStart.Metrics, metric)) {
		percent += w.s.ColdStart.Points
	}
	return min(max(percent/100, 0), 1)
}

// bursting returns the ratio of a pod that has a burst or has none. The mean of
// both is ratio.
func (w *world) bursting(p *pod, ratio float64) float64 {
	b := w.s.Bursts
	switch {
	case b.Time == 0:
		return ratio
	case p.bursts:
		return min(ratio*(1-b.Part+b.Part/b.Time), 1)
	}
	return ratio * (1 - b.Part)
}

// burst ends and begins the bursts of a version's pods. Bursts have a geometric
// length; the probability of a new one keeps their fraction of the time.
func (w *world) burst(v *side, seconds float64) {
	b := w.s.Bursts
	if b.Time == 0 || b.Time == 1 {
		return
	}
	ends := min(seconds/max(b.Seconds, seconds), 1)
	begins := min(ends*b.Time/(1-b.Time), 1)
	for i := range v.pods {
		chance := begins
		if v.pods[i].bursts {
			chance = ends
		}
		if w.events.Float64() < chance {
			v.pods[i].bursts = !v.pods[i].bursts
		}
	}
}

// restart restarts some pods. The counts before the restart that were not yet
// shown are lost with the counters.
func (w *world) restart(v *side) {
	if w.s.Restarts == 0 {
		return
	}
	for i := range v.pods {
		if w.events.Float64() >= w.s.Restarts*w.s.Interval.Hours() {
			continue
		}
		kept := w.events.Float64()
		for m := range v.pods[i].unshown {
			c := &v.pods[i].unshown[m]
			good := binomial(w.counts, c.Total-c.Bad, kept)
			c.Bad = binomial(w.counts, c.Bad, kept)
			c.Total = c.Bad + good
		}
	}
}

// observe returns what a metric source shows at a time in seconds. The next
// observation reuses the maps.
func (w *world) observe(t, weight float64) analysis.Observation {
	o := analysis.Observation{Time: t, Weight: weight}
	gap, stableGap := w.canary.missing, w.stable.missing
	if gap && stableGap {
		return o
	}
	o.Metrics, o.Gauges = w.answer, w.gauges
	w.measure(!gap && t > 0, !stableGap)
	o.Events = w.showEvents(!gap && t > 0, !stableGap)
	for m, name := range w.metrics {
		var pair analysis.Pair
		if !gap && t > 0 {
			pair.Canary = w.canary.show(m, name)
		}
		if !stableGap {
			pair.Stable = w.stable.show(m, name)
		}
		o.Metrics[name] = pair
	}
	return o
}

// drift is the time in seconds after which a gauge has forgotten 63 % of its deviation.
const drift = 60

// measure measures the gauges of the versions that are not missing.
func (w *world) measure(canary, stable bool) {
	for _, name := range slices.Sorted(maps.Keys(w.s.Gauges)) {
		of := w.s.Gauges[name]
		kept := math.Exp(-(w.now - w.measured) / drift)
		g := analysis.Gauge{Canary: w.canary.measure(w, name, kept, of.Noise) * of.Canary, Stable: w.stable.measure(w, name, kept, of.Noise)}
		if !canary {
			g.Canary = math.NaN()
		}
		if !stable {
			g.Stable = math.NaN()
		}
		w.gauges[name] = g
	}
	w.measured = w.now
}

// measure returns the next value of a gauge with a median of 1, of which it has kept a part of
// its deviation.
func (v *side) measure(w *world, name string, kept, noise float64) float64 {
	v.drifts[name] = kept*v.drifts[name] + math.Sqrt(1-kept*kept)*w.counts.NormFloat64()
	return math.Exp(noise * v.drifts[name])
}

// gap begins and ends gaps, and reports whether a version is missing now.
func (w *world) gap(v *side, arm string) bool {
	g := w.s.Gaps
	if g.Arm == "" && arm == "stable" { // shares the canary's gap
		return v.gap > 0
	}
	if g.Chance == 0 || g.Arm != "" && g.Arm != arm {
		return false
	}
	if v.gap > 0 {
		v.gap--
	} else if w.events.Float64() < g.Chance {
		v.gap = 1
		for w.events.Float64() > 1/max(g.Intervals, 1) {
			v.gap++
		}
	}
	return v.gap > 0
}

// show returns the counts since the last time they were shown.
func (v *side) show(m int, name string) *analysis.Arm {
	arm := v.arms[name]
	arm.Counts = analysis.Counts{}
	for i := range v.pods {
		c := v.pods[i].unshown[m]
		v.pods[i].unshown[m] = analysis.Counts{}
		arm.Bad += c.Bad
		arm.Total += c.Total
		if arm.Pods != nil {
			arm.Pods[v.pods[i].name] = c
		}
	}
	return arm
}
