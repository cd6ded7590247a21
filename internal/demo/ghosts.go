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
}

// ghosts follow a demo.
type ghosts struct {
	stop chan struct{}
	over sync.WaitGroup

	mu     sync.Mutex
	all    []Ghost
	rules  []rule
	before Seen
	began  time.Time // with the canary's first request
	ratio  float64   // of the canary's requests that failed when it last had some
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
		g.began = now
	}
	pair := analysis.Pair{Canary: counted(canary), Stable: counted(stable)}
	for i, r := range g.rules {
		a := &g.all[i]
		a.Failed += float64(canary.Requests+stable.Requests) * a.Weight / 100 * g.ratio
		if a.Verdict == analysis.Reject || a.Verdict == analysis.Promote {
			continue
		}
		d := r.Observe(analysis.Observation{Time: now.Sub(g.began).Seconds(), Weight: a.Weight, Metrics: map[string]analysis.Pair{"errors": pair}})
		a.Verdict, a.Weight = d.Verdict, d.Weight
		switch d.Verdict {
		case analysis.Reject:
			a.Weight = 0
		case analysis.Promote:
			a.Weight = 100
		}
	}
}

func less(now, before Counts) Counts {
	return Counts{now.Requests - before.Requests, now.Failed - before.Failed, now.Slow - before.Slow}
}

func counted(c Counts) *analysis.Arm {
	return &analysis.Arm{Counts: analysis.Counts{Bad: int64(c.Failed), Total: int64(c.Requests)}}
}
