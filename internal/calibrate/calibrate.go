// Package calibrate runs the judge on the past of a service: some of stable's pods play
// the canary in many pretended releases. As the pods all run one version, a rejection is
// false. The package measures how often that happens and how long promotions take, and
// finds the margins and warm-ups with which they fit into the bake. It does no I/O and
// reads no clock; the seed is an input.
package calibrate

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/simulate"
)

// Options determines what is calibrated.
type Options struct {
	Past       *metric.Past
	Config     analysis.Config
	CanaryPods int // that a real canary has; 0 means as many as its weight needs
	Runs       int
	Seed       uint64
}

// Calibration holds the results of an analysis on the past, and the values that fit.
type Calibration struct {
	Begin       time.Time `json:"begin"`
	End         time.Time `json:"end"`
	StepSeconds float64   `json:"stepSeconds"`
	Pods        int       `json:"pods"`     // that counted requests at any time
	MostPods    int       `json:"mostPods"` // at one time
	PerSecond   float64   `json:"requestsPerSecond"`
	Releases    int       `json:"releases"` // that were pretended
	// Apart is how many releases fit into the past one after the other. Releases
	// beyond that share requests, so their results vary less than the intervals of
	// the shares say.
	Apart int    `json:"releasesThatFit"`
	Seed  uint64 `json:"seed"`

	Now    Result  `json:"now"`
	Fitted *Result `json:"fitted,omitempty"` // nil if the present values fit

	Alpha       float64  `json:"alpha"`
	FittedAlpha float64  `json:"fittedAlpha"`
	Metrics     []Metric `json:"metrics"`
	Warnings    []string `json:"warnings,omitempty"`
}

// Result summarises the pretended releases with one configuration. The shares are of the
// releases that were not cut short.
type Result struct {
	Releases  int                    `json:"releases"`
	CutShort  int                    `json:"cutShort"` // the past ended, or the pods that played the canary did
	Rejected  simulate.Share         `json:"rejected"`
	Promoted  simulate.Share         `json:"promoted"`
	Undecided simulate.Share         `json:"undecided"`
	Causes    map[analysis.Cause]int `json:"causes,omitempty"` // of the undecided ones
	ToPromote *simulate.Median       `json:"minutesToPromote"`

	// sure is the lower limit of the percentage that was rejected, which allows for
	// releases at one time being alike.
	sure       float64
	rejections map[string]int // by metric or boundary
	limits     int            // rejections by a limit of the release file
	stats      map[string]*stats
}

// NoEvidence is the cause of a release that is undecided at its deadline and not held.
const NoEvidence analysis.Cause = "no-evidence"

// Metric holds the results of one ratio or latency. Margins are in percentage points,
// warm-ups in seconds.
type Metric struct {
	Name  string `json:"name"`
	Parts []Part `json:"parts"`

	Margin       float64  `json:"margin"`
	Smallest     *float64 `json:"smallestMargin"` // that should fit into the bake by the formula; nil: none
	FittedMargin float64  `json:"fittedMargin"`

	Warmup       float64  `json:"warmupSeconds"`
	Starts       int      `json:"starts"`      // pods that started more than 10 minutes before the end
	Cold         *float64 `json:"coldSeconds"` // for how long such a pod was worse; nil: unknown
	FittedWarmup float64  `json:"fittedWarmupSeconds"`

	Spread  float64 `json:"spread"` // how much more the pods differ than by chance; 1: not at all
	latency bool
}

// Part is a ratio of requests that the judge watches: the metric itself, or one boundary
// of a latency.
type Part struct {
	Name     string   `json:"name"`
	Usual    float64  `json:"usualPercent"`
	Counted  bool     `json:"counted"`         // there was any request
	Rejected int      `json:"rejected"`        // releases that it rejected, with the present values
	Passed   *float64 `json:"minutesToHealth"` // median until it was shown healthy; nil: in less than half of them
}

// Run calibrates an analysis. The error says what is missing.
func Run(ctx context.Context, o Options) (*Calibration, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	s, err := newService(o)
	if err != nil {
		return nil, err
	}
	now, err := s.pretend(ctx, o.Config, o.Runs, o.Seed)
	if err != nil {
		return nil, err
	}
	c := &Calibration{
		Begin: o.Past.Begin.UTC(), End: o.Past.Begin.Add(o.Past.Length()).UTC(), StepSeconds: o.Past.Step.Seconds(),
		Pods: len(o.Past.Pods), MostPods: s.mostPods(), PerSecond: s.perSecond, Releases: o.Runs, Seed: o.Seed,
		Now: now, Alpha: o.Config.Alpha, FittedAlpha: o.Config.Alpha,
	}
	c.Apart = s.apart(now)
	c.describe(s)
	c.warn(s)
	if err := c.fit(ctx, s, o); err != nil {
		return nil, err
	}
	return c, nil
}

func (s *service) mostPods() (most int) {
	for step := range s.past.Steps {
		most = max(most, len(s.podsAt(step)))
	}
	return most
}

// apart returns how many releases fit into the past one after the other.
func (s *service) apart(r Result) int {
	length := s.config.Deadline
	if r.ToPromote != nil {
		length = r.ToPromote.Minutes * 60
	}
	return max(1, int(s.past.Length().Seconds()/length))
}

// pretend runs many releases on all cores. The result does not depend on their number.
func (s *service) pretend(ctx context.Context, config analysis.Config, runs int, seed uint64) (Result, error) {
	outcomes, err := simulate.Many(ctx, runs, func(run uint64) outcome { return s.run(config, seed, run) })
	r := summarize(outcomes)
	r.sure = surely(outcomes, s.stepsIn(inSeconds(config.Bake)))
	return r, err
}

// summarize counts the outcomes.
func summarize(outcomes []outcome) Result {
	r := Result{Releases: len(outcomes), Causes: map[analysis.Cause]int{}, rejections: map[string]int{}, stats: map[string]*stats{}}
	var ended []simulate.Outcome
	for _, o := range outcomes {
		collect(r.stats, o)
		switch {
		case o.cut:
			r.CutShort++
			continue
		case o.verdict == analysis.Reject:
			r.rejections[o.metric]++
			if o.limit {
				r.limits++
			}
		case o.verdict != analysis.Promote:
			r.Causes[cmp.Or(o.cause, NoEvidence)]++
		}
		ended = append(ended, simulate.Outcome{Verdict: o.verdict, Minutes: o.minutes})
	}
	sum := simulate.Summarize(ended)
	r.Rejected, r.Promoted, r.ToPromote = sum.Rejected, sum.Promoted, sum.ToPromote
	r.Undecided = simulate.ShareOf(sum.Runs-sum.Rejected.Runs-sum.Promoted.Runs, sum.Runs)
	return r
}

// surely returns the lower limit of a 95 % interval of the percentage that was rejected,
// without rejections by a limit, which alpha does not cover.
// Releases that begin in the same block of steps share requests. So the variance is that
// between blocks, as of a sample of clusters (Cochran, Sampling Techniques, 1977, 9A).
func surely(outcomes []outcome, length int) float64 {
	type block struct{ rejected, all float64 }
	blocks := map[int]block{}
	var sum block
	for _, o := range outcomes {
		if o.cut {
			continue
		}
		b := blocks[o.begin/length]
		b.all++
		sum.all++
		if o.verdict == analysis.Reject && !o.limit {
			b.rejected++
			sum.rejected++
		}
		blocks[o.begin/length] = b
	}
	if len(blocks) < 2 || sum.rejected == 0 {
		return 0
	}
	share, squares, n := sum.rejected/sum.all, 0.0, float64(len(blocks))
	for _, b := range blocks {
		off := b.rejected - share*b.all
		squares += off * off
	}
	return 100 * max(0, share-1.96*math.Sqrt(n/(n-1)*squares)/sum.all)
}

// describe fills in the metrics.
func (c *Calibration) describe(s *service) {
	for _, name := range s.past.Ratios {
		c.Metrics = append(c.Metrics, s.describe(c.Now, name, false))
	}
	for _, b := range s.past.Latencies {
		c.Metrics = append(c.Metrics, s.describe(c.Now, b.Name, true))
	}
}

func (s *service) describe(now Result, name string, latency bool) Metric {
	m := Metric{Name: name, latency: latency, Margin: analysis.DefaultMargin(name), Warmup: s.config.WarmupOf(name, latency)}
	if set, ok := s.config.Margins[name]; ok {
		m.Margin = set
	}
	for _, part := range slices.Sorted(maps.Keys(now.stats)) {
		if owner(part, s.past) == name {
			m.Parts = append(m.Parts, now.part(part))
		}
	}
	m.FittedMargin, m.FittedWarmup = m.Margin, m.Warmup
	for _, of := range s.counters(m) {
		m.Spread = max(m.Spread, s.spread(of))
	}
	m.Starts, m.Cold = s.cold(m)
	return m
}

// part describes one ratio that the judge watches.
func (r Result) part(name string) Part {
	st := r.stats[name]
	p := Part{Name: name, Rejected: r.rejections[name]}
	if p.Counted = st.total > 0; p.Counted {
		p.Usual = 100 * st.bad / st.total
	}
	if m := middle(st.passed); !math.IsInf(m, 1) {
		p.Passed = &m
	}
	return p
}

// middle returns the median, or +Inf of nothing.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return math.Inf(1)
	}
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// owner returns the metric to which a name of the judge's evidence belongs.
func owner(part string, past *metric.Past) string {
	for _, b := range past.Latencies {
		for _, bound := range b.Bounds {
			if part == boundaryName(b.Name, bound) {
				return b.Name
			}
		}
	}
	return part
}
