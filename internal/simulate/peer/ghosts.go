package peer

import (
	"slices"

	"github.com/canarize/canarize/internal/analysis"
)

// Ghost is what the rules of another tool, with the numbers of its documentation, would
// have done with the requests of a release. It has its own weight: the ratios of both
// versions are the real ones, and the number of failed requests is what they would have been
// at that weight. While no request meets the new version, it is assumed to behave as before.
type Ghost struct {
	Tool    string           `json:"tool"`
	Weight  float64          `json:"weight"` // percent
	Verdict analysis.Verdict `json:"verdict"`
	Failed  float64          `json:"failed"` // requests of the canary
	// Ends is how it would end if both versions went on as they did; nil if it has ended,
	// or nobody knows.
	Ends *GhostEnd `json:"ends,omitempty"`
}

// GhostEnd is how a ghost ends.
type GhostEnd struct {
	Verdict analysis.Verdict `json:"verdict"`
	Seconds float64          `json:"seconds"` // since the canary's first request
	Failed  float64          `json:"failed"`  // requests of the canary until then
}

// Counted are the requests of both versions since a release began.
type Counted struct{ Stable, Canary analysis.Counts }

// Ghosts are the ghosts of one release.
type Ghosts struct {
	all     []Ghost
	rules   []rule
	before  Counted
	began   float64 // when the canary got its first request; -1 before
	since   Counted // the counts at that time
	ratio   float64 // of the canary's requests that failed when it last had some
	seconds float64 // since it began
}

// rule decides like another tool.
type rule interface {
	Observe(analysis.Observation) analysis.Decision
}

// NewGhosts returns the ghosts of Argo Rollouts and Flagger, for a release that begins.
func NewGhosts() *Ghosts {
	return &Ghosts{began: -1, rules: []rule{NewArgo(), NewFlagger()}, all: []Ghost{{Tool: "Argo Rollouts"}, {Tool: "Flagger"}}}
}

// All returns the ghosts as they are now.
func (g *Ghosts) All() []Ghost { return slices.Clone(g.all) }

// Observe tells the ghosts what was counted until a time in seconds.
func (g *Ghosts) Observe(at float64, now Counted) {
	canary, stable := less(now.Canary, g.before.Canary), less(now.Stable, g.before.Stable)
	g.before = now
	if canary.Total > 0 {
		g.ratio = float64(canary.Bad) / float64(canary.Total)
	}
	if now.Canary.Total == 0 {
		return
	}
	if g.began < 0 {
		g.began, g.since = at, now
	}
	g.seconds = at - g.began
	for i, r := range g.rules {
		g.all[i].observe(r, g.seconds, canary, stable, g.ratio)
	}
}

// observe tells a rule what happened since the last time. ratio is that of the canary's
// requests that fail.
func (a *Ghost) observe(r rule, seconds float64, canary, stable analysis.Counts, ratio float64) {
	a.Failed += float64(canary.Total+stable.Total) * a.Weight / 100 * ratio
	if a.over() {
		return
	}
	pair := analysis.Pair{Canary: &analysis.Arm{Counts: canary}, Stable: &analysis.Arm{Counts: stable}}
	d := r.Observe(analysis.Observation{Time: seconds, Weight: a.Weight, Metrics: map[string]analysis.Pair{"errors": pair}})
	a.Verdict, a.Weight = d.Verdict, d.Weight
	switch d.Verdict {
	case analysis.Reject:
		a.Weight = 0
	case analysis.Promote:
		a.Weight = 100
	}
}

func (a *Ghost) over() bool { return a.Verdict == analysis.Reject || a.Verdict == analysis.Promote }

const (
	// outlook is how many seconds into the future a ghost is followed.
	outlook = 2 * 3600
	// enoughSeen is how many seconds both versions must have been compared before anybody
	// knows how they go on.
	enoughSeen = 1
)

// End follows the ghosts to their end, as if both versions went on with the counts that they
// had on average. Nobody observes them any more.
func (g *Ghosts) End() []Ghost {
	canary, stable := less(g.before.Canary, g.since.Canary), less(g.before.Stable, g.since.Stable)
	all := g.All()
	if g.seconds < enoughSeen || canary.Total == 0 {
		return all
	}
	ratio := float64(canary.Bad) / float64(canary.Total)
	for i, r := range g.rules {
		ahead := all[i]
		for second := 1.; !ahead.over() && second <= outlook; second++ {
			share := second / g.seconds // of the counts, so that rounding does not add up
			last := (second - 1) / g.seconds
			ahead.observe(r, g.seconds+second, less(part(canary, share), part(canary, last)), less(part(stable, share), part(stable, last)), ratio)
			if ahead.over() {
				all[i].Ends = &GhostEnd{Verdict: ahead.Verdict, Seconds: g.seconds + second, Failed: ahead.Failed}
			}
		}
	}
	return all
}

// part returns a part of counts.
func part(c analysis.Counts, share float64) analysis.Counts {
	return analysis.Counts{Bad: int64(float64(c.Bad) * share), Total: int64(float64(c.Total) * share)}
}

func less(now, before analysis.Counts) analysis.Counts {
	return analysis.Counts{Bad: now.Bad - before.Bad, Total: now.Total - before.Total}
}
