package demo

import (
	"sync"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate/peer"
)

// ghosts follow a demo.
type ghosts struct {
	stop chan struct{}
	over sync.WaitGroup

	mu  sync.Mutex
	all *peer.Ghosts
}

const ghostEvery = time.Second

func watchGhosts(seen func() Seen) *ghosts {
	g := &ghosts{stop: make(chan struct{}), all: peer.NewGhosts()}
	began := time.Now()
	g.over.Go(func() {
		tick := time.NewTicker(ghostEvery)
		defer tick.Stop()
		for {
			g.observe(time.Since(began).Seconds(), seen())
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
func (g *ghosts) now() []peer.Ghost { g.mu.Lock(); defer g.mu.Unlock(); return g.all.All() }

// end follows the ghosts to their end. Nobody observes them any more.
func (g *ghosts) end() []peer.Ghost { g.mu.Lock(); defer g.mu.Unlock(); return g.all.End() }

func (g *ghosts) observe(at float64, seen Seen) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all.Observe(at, peer.Counted{Stable: counted(seen.Stable), Canary: counted(seen.Canary)})
}

func counted(c Counts) analysis.Counts {
	return analysis.Counts{Bad: int64(c.Failed), Total: int64(c.Requests)}
}
