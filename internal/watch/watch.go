// Package watch passes what a metric source counts to the judge of a release, interval by
// interval. Within an interval it looks for a catastrophe.
package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/rollout"
)

// Counter counts the requests of both versions. metric.Reader implements it.
type Counter interface {
	Read(ctx context.Context, now time.Time, w metric.Weight) metric.Outcome
}

// Options says how a release is watched. All fields but Source, Judged and History are required.
type Options struct {
	Analysis analysis.Config
	Source   string // of the metrics, for the report
	// Judged is the last judgement, if the release was watched before.
	Judged *rollout.Judged
	// Every is the time between two readings. It is at most the interval between two
	// observations.
	Every time.Duration
	// Open starts counting the requests of a release. begin is when the release was first
	// watched.
	Open func(begin time.Time) Counter
	// History returns observations of stable from before the release.
	History func(ctx context.Context, begin time.Time) ([]analysis.Observation, error)
	Now     func() time.Time
	Wait    func(ctx context.Context, d time.Duration) error
}

// Watcher watches one release. It is not safe for concurrent use.
type Watcher struct {
	Options
	judge *analysis.Judge
	// guard takes over once judge has found the release healthy and the release waits for
	// something else; nil before.
	guard   sentry
	counter Counter
	begin   time.Time
	begun   bool // the judge knows that the release began
	weight  int
	changed time.Time // when the weight changed

	partial  analysis.Observation // of the current interval
	counted  bool                 // partial is not empty
	observed time.Time            // when the last interval ended
	told     told                 // the last judgement that Look returned
	read     time.Time            // when the last reading was made
	troubles []string             // of the last reading

	// uncertain means that the current interval may hold requests from before this process
	// began to watch, mended that the canary's routes were set right in it.
	uncertain, mended bool

	started time.Time    // when this process began to watch
	own     int64        // requests to the canary that it has counted since the weight changed
	seen    rollout.Seen // since the weight changed, by all processes
}

// New returns a Watcher. It reads nothing yet.
func New(o Options) (*Watcher, error) {
	w := &Watcher{Options: o}
	var err error
	if o.Judged == nil || len(o.Judged.Judge) == 0 {
		w.judge, err = analysis.New(o.Analysis)
		return w, err
	}
	w.judge, err = analysis.Restore(o.Analysis, o.Judged.Judge)
	w.weight = o.Judged.Weight
	if o.Judged.Seen != nil {
		w.seen = *o.Judged.Seen
	}
	w.begun = true
	return w, err
}

// start makes the first reading, with which the later ones are compared. If the release
// was watched before, its clock continues at the time it had then: unwatched time does
// not count.
func (w *Watcher) start(ctx context.Context, weight int) (analysis.Decision, error) {
	now := w.Now()
	w.begin, w.started = now, now
	if w.Judged != nil {
		w.begin = now.Add(-seconds(w.Judged.Watched))
	}
	if weight != w.weight {
		w.seen = rollout.Seen{}
	}
	w.counter, w.weight, w.changed = w.Open(w.begin), weight, now
	out := w.counter.Read(ctx, now, metric.Weight{Percent: float64(weight)})
	if err := context.Cause(ctx); err != nil {
		w.counter = nil
		return analysis.Decision{}, err
	}
	w.troubles, w.observed, w.read, w.uncertain = out.Troubles, now, now, true
	if w.begun {
		return w.judge.Standing(), nil
	}
	if w.History != nil {
		before, err := w.History(ctx, now)
		if err != nil {
			w.troubles = append(w.troubles, "the history before the release cannot be read: "+err.Error())
		}
		for _, o := range before {
			w.judge.Observe(o)
		}
	}
	w.begun = true
	return w.judge.Observe(analysis.Observation{Weight: float64(weight)}), nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// told is a judgement that Look returned.
type told struct {
	at      time.Time
	verdict analysis.Verdict
	cause   analysis.Cause
	weight  float64
}

// Look returns the judgement after an interval, or as soon as it is another one. If requests
// allow it, the judge gets several short intervals meanwhile. The first look returns at once.
// weight is the canary's current weight.
func (w *Watcher) Look(ctx context.Context, weight int) (rollout.Judged, error) {
	if w.counter == nil {
		d, err := w.start(ctx, weight)
		if err != nil {
			return rollout.Judged{}, err
		}
		return w.judged(d)
	}
	if weight != w.weight {
		w.weight, w.changed = weight, w.Now()
		// The requests of the current interval came before the change.
		canary, all := w.partial.Requests()
		w.own, w.seen = -w.partial.CanaryRequests(), rollout.Seen{Canary: -canary, All: -all}
	}
	for {
		came, err := w.next(ctx)
		if err != nil {
			return rollout.Judged{}, err
		}
		if !w.over(came) {
			continue
		}
		if d := w.observe(came); w.news(d) {
			return w.judged(d)
		}
	}
}

// news reports whether a judgement is worth the cost of recording it.
func (w *Watcher) news(d analysis.Decision) bool {
	last := w.told
	return d.Verdict != last.verdict || d.Cause != last.cause || d.Weight != last.weight ||
		!w.read.Before(last.at.Add(seconds(w.Analysis.Interval)))
}

// Mended tells that somebody else had changed the canary's routes, and that they were set
// right since the last look.
func (w *Watcher) Mended() { w.mended = true }

// Approve tells that a person finds right how a metric differs, see analysis.Judge. It reports
// whether that is news.
func (w *Watcher) Approve(metric string) bool { return w.judge.Approve(metric) }

// Guard reads until there is a catastrophe, or until ctx ends. It returns the judgement
// and true after a catastrophe.
func (w *Watcher) Guard(ctx context.Context) (rollout.Judged, bool) {
	for w.counter != nil {
		came, err := w.next(ctx)
		if err != nil {
			break
		}
		if came == catastrophe {
			judged, err := w.judged(w.observe(came))
			return judged, err == nil
		}
	}
	return rollout.Judged{}, false
}

// progress is the result of a reading.
type progress int

const (
	pending    progress = iota // the source has not counted everything yet
	blind                      // the source does not answer
	incomplete                 // some counts are missing
	complete
	catastrophe // whatever else was counted
)

// next makes one reading when it is due.
func (w *Watcher) next(ctx context.Context) (progress, error) {
	now := w.Now()
	if pause := w.read.Add(w.Every).Sub(now); pause > 0 {
		if err := w.Wait(ctx, pause); err != nil {
			return pending, err
		}
		now = w.Now()
	}
	w.read = now
	out := w.counter.Read(ctx, now, metric.Weight{Percent: float64(w.weight), Since: w.changed})
	came := w.add(out)
	if err := context.Cause(ctx); err != nil {
		return pending, err // nothing is lost: the next reading counts it
	}
	w.troubles = out.Troubles
	return came, nil
}

// add adds a reading to the current interval.
func (w *Watcher) add(out metric.Outcome) progress {
	switch {
	case !out.Ready:
		return pending
	case !known(out.Observation):
		return blind
	}
	came := incomplete
	if measured(out.Observation) {
		came = complete
	}
	if w.counted {
		out.Observation = w.partial.Join(out.Observation)
	}
	w.partial, w.counted = out.Observation, true
	if w.current().catastrophe(w.partial) {
		came = catastrophe
	}
	return came
}

// known reports whether an observation holds anything.
func known(o analysis.Observation) bool { return len(o.Metrics)+len(o.Latency)+len(o.Gauges) > 0 }

// measured reports whether an observation holds every metric for both versions.
func measured(o analysis.Observation) bool {
	for _, p := range o.Metrics {
		if p.Canary == nil || p.Stable == nil {
			return false
		}
	}
	for _, p := range o.Latency {
		if p.Canary == nil || p.Stable == nil {
			return false
		}
	}
	for _, e := range o.Events {
		if e.Canary < 0 || e.Stable < 0 {
			return false
		}
	}
	for _, g := range o.Gauges {
		if math.IsNaN(g.Canary) || math.IsNaN(g.Stable) {
			return false
		}
	}
	return known(o)
}

// over reports whether the current interval has ended. If some counts are missing, it may
// last twice as long: a source that fails once is no news.
func (w *Watcher) over(came progress) bool {
	interval := seconds(w.Analysis.Interval)
	switch came {
	case pending:
		return false
	case blind, incomplete:
		return !w.read.Before(w.observed.Add(2 * interval))
	case complete:
		return !w.read.Before(w.observed.Add(min(interval, max(w.Every, w.pace()))))
	}
	return true
}

// pace returns how long the current interval has to be.
func (w *Watcher) pace() time.Duration {
	if next := w.current().Standing().Next; next > 0 {
		return seconds(next)
	}
	return seconds(w.Analysis.Interval)
}

// observe passes the current interval to the judge. If the source does not answer, the
// interval is a gap, and what was counted before it goes to the next interval.
func (w *Watcher) observe(came progress) analysis.Decision {
	o := analysis.Observation{}
	if w.counted && came != blind {
		o, w.partial, w.counted = w.partial, analysis.Observation{}, false
	}
	current := w.current()
	w.observed = w.read
	w.own += o.CanaryRequests()
	canary, all := o.Requests()
	w.seen.Canary, w.seen.All = max(w.seen.Canary+canary, 0), max(w.seen.All+all, 0)
	o.Time, o.Weight = w.read.Sub(w.begin).Seconds(), float64(w.weight)
	o.Uncertain, o.Mended, w.uncertain, w.mended = w.uncertain, w.mended, false, false
	d := current.observe(o)
	if current.Judge == w.judge || d.Verdict == analysis.Reject {
		return d
	}
	return w.judge.Standing() // the release stays healthy
}

// ownRequests returns the requests to the canary that this process has counted at the
// current weight. If the evidence began in another process, a warm-up has to pass first:
// before that, a judgement says little about what the canary does now.
func (w *Watcher) ownRequests() int64 {
	if w.Judged != nil && w.read.Sub(w.started) < seconds(w.Analysis.Warmup) {
		return 0
	}
	return max(w.own, 0)
}

// judged converts a decision to its stored form.
func (w *Watcher) judged(d analysis.Decision) (rollout.Judged, error) {
	state, err := json.Marshal(w.judge)
	if err != nil {
		return rollout.Judged{}, fmt.Errorf("the evidence cannot be stored: %w", err)
	}
	w.told = told{w.read, d.Verdict, d.Cause, d.Weight}
	reason := d.Reason
	if d.Pod != "" {
		reason += " It is " + d.Pod + "."
	}
	if d.Error != "" {
		reason += " " + d.Error
	}
	if len(w.troubles) > 0 {
		reason += " (" + strings.Join(w.troubles, "; ") + ")"
	}
	reject, promote := w.Analysis.Needed()
	metrics := rollout.MetricsOf(d.Evidence)
	return rollout.Judged{
		Look: rollout.Look{
			Time: w.read.UTC(), Weight: w.weight, Verdict: d.Verdict, Reason: reason,
			Metrics: metrics,
		},
		Own: w.ownRequests(), Seen: new(w.seen), Cause: d.Cause, Metric: d.Metric, Inconclusive: d.Inconclusive, Recommended: int(d.Weight),
		Watched: w.observed.Sub(w.begin).Seconds(), Judge: state,
		Reject: reject, Promote: promote, Rule: rollout.RuleOf(w.Analysis, w.Source, metrics),
	}, nil
}

// ErrWeights reports that a release asks for shares that routes cannot have.
var ErrWeights = errors.New("a weight in spec.ramp.steps is not a whole percentage; weights are set in whole percent")

// Check returns an error if a release with this configuration cannot be watched.
func Check(c analysis.Config) error {
	for _, step := range c.Ramp.Steps {
		if step.Weight != math.Trunc(step.Weight) {
			return fmt.Errorf("%w: %g", ErrWeights, step.Weight)
		}
	}
	return nil
}
