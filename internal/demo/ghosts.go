package demo

import (
	"sync"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate/peer"
)

// Ghost is what the rules of another tool, with the numbers of its documentation, would
// have done with the requests of the demo. It has its own weight: the ratios of both
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

// ghosts follow a demo.
type ghosts struct {
	stop chan struct{}
	over sync.WaitGroup

	mu      sync.Mutex
	all     []Ghost
	rules   []rule
	before  Seen
	began   time.Time // with the canary's first request
	since   Seen      // the counts at that time
	ratio   float64   // of the canary's requests that failed when it last had some
	seconds float64   // since it began
}

// rule decides like another tool.
type rule interface {
	Observe(analysis.Observation) analysis.Decision
}

const ghostEvery = time.Second

func watchGhosts(seen func() Seen) *ghosts {
	g := &ghosts{
		stop: make(chan struct{}), rules: []rule{peer.NewArgo(), peer.NewFlagger()},
		all: []Ghost{{Tool: "Argo Rollouts"}, {Tool: "Flagger"}},
	}
	g.over.Go(func() {
		tick := time.NewTicker(ghostEvery)
		defer tick.Stop()
		for {
			g.observe(seen(), time.Now())
			select {
			case <-tick.C:
			case <-g.stop:
				return
			}
		}
	})
	return g
}

func (g *ghosts) close() { close(g.stop); g.over.Wait() }

// now returns the ghosts.
func (g *ghosts) now() []Ghost {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Ghost(nil), g.all...)
}

// observe tells the rules what happened since the last time.
func (g *ghosts) observe(seen Seen, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	canary, stable := less(seen.Canary, g.before.Canary), less(seen.Stable, g.before.Stable)
	g.before = seen
	if canary.Requests > 0 {
		g.ratio = float64(canary.Failed) / float64(canary.Requests)
	}
	if seen.Canary.Requests == 0 {
		return
	}
	if g.began.IsZero() {
		g.began, g.since = now, seen
	}
	g.seconds = now.Sub(g.began).Seconds()
	for i, r := range g.rules {
		g.all[i].observe(r, g.seconds, canary, stable, g.ratio)
	}
}

// observe tells a rule what happened until a time. ratio is that of the canary's requests
// that fail.
func (a *Ghost) observe(r rule, seconds float64, canary, stable Counts, ratio float64) {
	a.Failed += float64(canary.Requests+stable.Requests) * a.Weight / 100 * ratio
	if a.over() {
		return
	}
	pair := analysis.Pair{Canary: counted(canary), Stable: counted(stable)}
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

// end follows the ghosts to their end, as if both versions went on with the counts that they
// had on average. Nobody observes them any more.
func (g *ghosts) end() []Ghost {
	g.mu.Lock()
	defer g.mu.Unlock()
	canary, stable := less(g.before.Canary, g.since.Canary), less(g.before.Stable, g.since.Stable)
	all := append([]Ghost(nil), g.all...)
	if g.seconds < enoughSeen || canary.Requests == 0 {
		return all
	}
	ratio := float64(canary.Failed) / float64(canary.Requests)
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
func part(c Counts, share float64) Counts {
	of := func(n int) int { return int(float64(n) * share) }
	return Counts{of(c.Requests), of(c.Failed), of(c.Slow)}
}

func less(now, before Counts) Counts {
	return Counts{now.Requests - before.Requests, now.Failed - before.Failed, now.Slow - before.Slow}
}

func counted(c Counts) *analysis.Arm {
	return &analysis.Arm{Counts: analysis.Counts{Bad: int64(c.Failed), Total: int64(c.Requests)}}
}
