package demo

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/hub"
	"github.com/canarize/canarize/internal/releasefile"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// Options configures Start.
type Options struct {
	Scenario Scenario
	// Speed shortens all waiting: the times of the release file are divided by it, and the
	// users send so many times more requests, so that the evidence is the same. 0 means 1.
	Speed float64
	// Envoy is the path of an Envoy that takes the users' requests, see FindEnvoy. "" is a
	// proxy in this process.
	Envoy string
	// Emit is called with the events of the release, in order; nil if nobody listens.
	Emit func(rollout.Event)
	// Run describes this process to others.
	Run rollout.Run
}

// PerSecond is the rate of the users' requests at a speed of 1.
const PerSecond = 200

// shop is the release of the demo.
var shop = runner.Release{Namespace: namespace, Name: "shop"}

// Release returns the release of the demo.
func Release() runner.Release { return shop }

// Session is a demo that runs.
type Session struct {
	options   Options
	world     *world
	began     time.Time
	weights   chan int      // the canary's share, whenever there is an event
	killed    chan struct{} // receives when somebody kills the releaser
	interrupt context.CancelFunc
	done      chan struct{} // closed when the release is over
	ghosts    *ghosts

	mu      sync.Mutex
	phase   rollout.Phase // named by the last event that names one
	judged  *rollout.Judged
	visited bool // somebody has done something that is not in the scenario
	result  Result
	failed  error
}

// ErrOver reports that a deed comes too late.
var ErrOver = errors.New("the release is over")

// Start starts a scenario. If ctx ends, the traffic is taken off the new version, as in a
// cluster. The caller waits for Done and then calls Close.
func Start(ctx context.Context, o Options) (*Session, error) {
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.Run.Holder == "" {
		o.Run.Holder = "canarize demo" // a lock without a holder is free
	}
	s := &Session{options: o, began: time.Now(), weights: make(chan int, 100), killed: make(chan struct{}), done: make(chan struct{})}
	ctx, s.interrupt = context.WithCancel(ctx)
	w, err := newWorld(ctx, o.Speed, o.Envoy)
	if err != nil {
		s.interrupt()
		return nil, err
	}
	s.world = w
	if o.Scenario.Crash {
		w.behave(Behaviour{Crash: true}, false) // nobody else knows this world yet
	} else if o.Scenario.New != "" {
		if err := w.perform(o.Scenario.New); err != nil {
			s.interrupt()
			w.end()
			return nil, err
		}
	}
	s.ghosts = watchGhosts(w.clients.now)
	go s.play(ctx)
	return s, nil
}

// Done returns a channel that is closed when the release is over.
func (s *Session) Done() <-chan struct{} { return s.done }

// Close stops the shop and its users.
func (s *Session) Close() {
	s.interrupt()
	<-s.done
	s.world.end()
}

// Envoy returns the Envoy that takes the users' requests; nil without one.
func (s *Session) Envoy() *Envoy { return s.world.envoy }

// Result returns what became of the release, which is over. The error says that the demo
// itself failed.
func (s *Session) Result() (Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.result, s.failed
}

// play releases the new version while the moments of the scenario happen.
func (s *Session) play(ctx context.Context) {
	defer close(s.done)
	moments, stop := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() { failed <- s.moments(moments) }()
	var state rollout.State
	var err error
	for killed := true; killed; { // the pipeline starts it again
		state, killed, err = s.release(ctx)
	}
	stop()
	failure := <-failed
	took := time.Since(s.began)
	s.world.leave() // after the requests on their way
	s.ghosts.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result = s.sum(state, err, took)
	if s.failed == nil {
		s.failed = failure
	}
}

// release runs one process until the release is over or the process is killed.
func (s *Session) release(ctx context.Context) (state rollout.State, killed bool, err error) {
	p, err := s.world.start(s.emit)
	if err != nil {
		return state, false, err
	}
	defer p.hub.Close()
	working, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		state, err = p.hub.Run(working, shop, s.options.Run, &s.world.plan, s.course())
	}()
	select {
	case <-ended:
		return state, false, err
	case <-s.killed:
		p.kill()
		stop()
		<-ended
		return state, true, nil
	case err := <-s.world.failed: // nothing can be released without a gateway
		p.kill()
		stop()
		<-ended
		s.fail(err)
		return state, false, err
	}
}

// fail notes and says that the demo itself has failed.
func (s *Session) fail(err error) {
	s.mu.Lock()
	s.failed = err
	s.mu.Unlock()
	s.emit(rollout.Event{Time: time.Now().UTC(), Kind: rollout.EventFailed}.WithText("the demo cannot go on: %v", err))
}

// course returns the options of a run: those of the release file, at the speed of the demo.
func (s *Session) course() hub.RunOptions {
	file := s.world.release
	o := hub.RunOptions{Analysis: faster(file.Analysis, s.options.Speed), Metrics: file.Metrics, Getenv: os.Getenv, Environ: os.Environ}
	if s.options.Scenario.Gate {
		o.Gates = []rollout.Gate{{Name: releasefile.PromotionGate, Manual: true}}
	}
	return o
}

// faster divides all times of a configuration.
func faster(c analysis.Config, speed float64) analysis.Config {
	c.Interval, c.Warmup, c.Bake, c.Deadline = c.Interval/speed, c.Warmup/speed, c.Bake/speed, c.Deadline/speed
	warmups := map[string]float64{}
	for name, seconds := range c.Warmups {
		warmups[name] = seconds / speed
	}
	c.Warmups = warmups
	steps := make([]analysis.Step, len(c.Ramp.Steps))
	for i, step := range c.Ramp.Steps {
		steps[i] = analysis.Step{Weight: step.Weight, Hold: step.Hold / speed}
	}
	c.Ramp.Steps = steps
	return c
}

// emit notes what an event tells, and passes it on.
func (s *Session) emit(e rollout.Event) {
	select {
	case s.weights <- e.Weight:
	default: // nobody waits for weights
	}
	s.mu.Lock()
	if e.Phase != "" {
		s.phase = e.Phase
	}
	if e.Judged != nil {
		s.judged = e.Judged.Shown()
	}
	s.mu.Unlock()
	if s.options.Emit != nil {
		s.options.Emit(e)
	}
}

// weight returns the canary's share that the gateway gives now, in percent.
func (s *Session) weight() int { return s.world.gateway.weight() }
