package calibrate

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/analysis"
)

// outcome is the end of one pretended release.
type outcome struct {
	verdict analysis.Verdict
	cause   analysis.Cause // of a hold
	begin   int            // step
	minutes float64
	cut     bool   // the past, or the pods that played the canary, ended before the release
	metric  string // that rejected it
	limit   bool   // a limit of the release file rejected it
	passed  map[string]float64
	stable  map[string]analysis.Counts
}

// release is a pretended release: some pods of the past play the canary.
type release struct {
	*service
	random *rand.Rand
	config analysis.Config
	judge  *analysis.Judge
	begin  int
	order  []int // the pods of the beginning; the first ones play the canary
}

// run pretends one release. The seed and the run determine everything.
func (s *service) run(config analysis.Config, seed, run uint64) outcome {
	r := &release{service: s, random: rand.New(rand.NewPCG(seed, run)), config: config}
	r.judge, _ = analysis.New(config) // the configuration was validated
	r.begin = s.starts[r.random.IntN(len(s.starts))]
	r.order = s.podsAt(r.begin)
	r.random.Shuffle(len(r.order), func(i, j int) { r.order[i], r.order[j] = r.order[j], r.order[i] })
	r.learn()
	return r.play()
}

// seconds returns the time from the start of the release to the end of a step.
func (r *release) seconds(step int) float64 {
	return float64(step+1-r.begin) * r.past.Step.Seconds()
}

// learn passes the time before the release to the judge.
func (r *release) learn() {
	from := max(0, r.begin-int(historyLength/r.past.Step))
	for step := from; step < r.begin-1; step++ {
		if r.waits(step) {
			continue
		}
		o := r.observation(from, step, split{part: 1, ofStable: 1})
		o.Time = r.seconds(step)
		r.judge.Observe(o)
		from = step + 1
	}
}

// play passes the release to the judge, interval by interval, until it ends.
func (r *release) play() outcome {
	decision := r.judge.Observe(analysis.Observation{Time: 0})
	out := outcome{begin: r.begin, passed: map[string]float64{}}
	_, bar := r.config.Needed()
	for from, step := r.begin, r.begin; ; step++ {
		if step == r.past.Steps {
			out.cut = true
			break
		}
		if r.waits(step) {
			continue
		}
		canary := r.canary(decision.Weight, step)
		if len(canary) == 0 {
			out.cut = true
			break
		}
		o := r.observation(from, step, r.split(from, step, canary, decision.Weight/100))
		o.Time, o.Weight = r.seconds(step), decision.Weight
		decision = r.judge.Observe(o)
		from = step + 1
		for name, e := range decision.Evidence {
			if _, already := out.passed[name]; !already && e.Safe >= bar {
				out.passed[name] = o.Time / 60
			}
		}
		out.minutes = o.Time / 60
		if decision.Inconclusive || decision.Verdict == analysis.Reject || decision.Verdict == analysis.Promote {
			break
		}
	}
	out.verdict, out.cause = decision.Verdict, decision.Cause
	out.blame(decision)
	return out
}

// blame records what the judge measured, and what a rejection was for.
func (o *outcome) blame(d analysis.Decision) {
	o.stable = map[string]analysis.Counts{}
	for name, e := range d.Evidence {
		o.stable[name] = e.Stable
		if d.Verdict == analysis.Reject && len(name) > len(o.metric) && strings.HasPrefix(d.Reason, name+": ") {
			o.metric = name
		}
	}
	o.limit = d.Verdict == analysis.Reject && strings.Contains(d.Reason, "more than the limit")
}

// waits reports whether a pod that is there was not measured in a step. A source that is
// read during a release waits for it too.
func (s *service) waits(step int) bool {
	for i := range s.past.Pods {
		if s.alive[i][step] && !s.past.Pods[i].Steps[step].Measured {
			return true
		}
	}
	return false
}

// canary returns the pods that play the canary at a weight: as many as the canary of the
// release file would have, and at most half of the pods.
func (r *release) canary(weight float64, step int) map[int]bool {
	pods := len(r.order)
	want := r.replicas
	if want == 0 {
		want = int(math.Ceil(float64(pods)*weight/100 - 1e-9))
	}
	want = min(max(want, 1), pods/2)
	canary := map[int]bool{}
	for _, pod := range r.order {
		if len(canary) < want && r.alive[pod][step] {
			canary[pod] = true
		}
	}
	return canary
}

// split says which pods play the canary, and which part of its requests each arm keeps.
type split struct {
	canary         map[int]bool
	part, ofStable float64
}

const (
	// enough is the number of requests of an arm from which its share in one interval is
	// used. Otherwise it is the share in lookBack steps: the share of a few requests is
	// mostly chance, and thinning by it would be biased.
	enough   = 30
	lookBack = 16
	// unlikely is the number of standard deviations from which the share of an interval is
	// not chance.
	unlikely = 4
)

// split thins the requests to a weight from 0 to 1. It uses how many requests the arms
// had, never how many were bad.
func (r *release) split(from, to int, canary map[int]bool, weight float64) split {
	s := split{canary: canary}
	ofCanary, ofStable := r.requests(from, to, canary)
	if min(ofCanary, ofStable) < enough {
		longCanary, longStable := r.requests(max(0, to-lookBack+1), to, canary)
		expected := longCanary / max(longCanary+longStable, 1) * (ofCanary + ofStable)
		if math.Abs(ofCanary-expected) <= unlikely*math.Sqrt(expected+1) {
			ofCanary, ofStable = longCanary, longStable
		} else if ofCanary == 0 {
			return s // the pods of the canary got nothing, so the interval compares nothing
		}
	}
	s.part, s.ofStable = shares(weight, ofCanary, ofStable)
	return s
}

// requests returns the requests of both arms in some steps, by the metric that counts
// most.
func (r *release) requests(from, to int, canary map[int]bool) (ofCanary, ofStable float64) {
	ratios := len(r.past.Ratios)
	for m := range ratios + len(r.past.Latencies) {
		var arms [2]float64
		for i := range r.past.Pods {
			arm := 1
			if canary[i] {
				arm = 0
			}
			for step := from; step <= to; step++ {
				if p := &r.past.Pods[i].Steps[step]; p.Measured {
					arms[arm] += float64(totalOf(p, ratios, m))
				}
			}
		}
		if arms[0]+arms[1] > ofCanary+ofStable {
			ofCanary, ofStable = arms[0], arms[1]
		}
	}
	return ofCanary, ofStable
}

// stats holds what many releases say about a metric.
type stats struct {
	bad, total float64
	passed     []float64
}

// collect adds the outcome of a release.
func collect(all map[string]*stats, o outcome) {
	for name, stable := range o.stable {
		s := all[name]
		if s == nil {
			s = &stats{}
			all[name] = s
		}
		s.bad += float64(stable.Bad)
		s.total += float64(stable.Total)
		if o.cut || o.verdict == analysis.Reject {
			continue
		}
		minutes, passed := o.passed[name]
		if !passed {
			minutes = math.Inf(1)
		}
		s.passed = append(s.passed, minutes)
	}
}

// inSeconds converts a duration of a configuration.
func inSeconds(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
