// Package stage shows a demo on the live page.
package stage

import (
	"context"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/rollout"
)

// Stage is a demo with its page.
type Stage struct {
	*demo.Session
	// URL is the address of the page.
	URL string

	canarize string
	page     *page.Server
	watching sync.WaitGroup
	close    func()
	// ending is end, computed once: the page asks ten times a second.
	ending func() (*page.End, []byte)

	mu    sync.Mutex
	past  page.Past
	every float64 // seconds between two points
}

// Start starts a demo and its page. port is that of page.Options.
func Start(ctx context.Context, o demo.Options, port int) (*Stage, error) {
	s := &Stage{canarize: o.Run.Canarize, every: 1, past: page.Past{Points: []page.Point{}, Lines: []page.Line{}}}
	s.ending = sync.OnceValues(s.end)
	emit := o.Emit
	o.Emit = func(e rollout.Event) {
		s.add(e)
		if emit != nil {
			emit(e)
		}
	}
	var err error
	if s.Session, err = demo.Start(ctx, o); err != nil {
		return nil, err
	}
	only := func(id string) page.Release {
		if id != "" {
			return nil
		}
		return release{s, about(o.Scenario, s.Envoy())}
	}
	s.page, err = page.Serve(context.WithoutCancel(ctx), page.Options{Port: port, Find: only})
	if err != nil {
		s.Session.Close()
		return nil, err
	}
	s.URL = s.page.URL
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.watching.Go(func() { s.follow(watching) })
	s.close = sync.OnceFunc(func() {
		s.Session.Close()
		stop()
		s.watching.Wait()
		s.page.Close()
	})
	return s, nil
}

// release shows the stage as the only release of its page.
type release struct {
	stage *Stage
	about page.About
}

func (r release) About() page.About                          { return r.about }
func (r release) Frame() page.Frame                          { return r.stage.frame() }
func (r release) Past() page.Past                            { return r.stage.history() }
func (r release) Do(ctx context.Context, act page.Act) error { return r.stage.do(ctx, act.Deed) }
func (r release) Report() []byte                             { return r.stage.report() }

// Watched returns how many tabs show the page.
func (s *Stage) Watched() int { return s.page.Watched() }

// Close ends the demo and its page, which then shows how the demo ended.
func (s *Stage) Close() { s.close() }

// lines is how many lines of the log are kept.
const lines = 60

// add adds an event to the log.
func (s *Stage) add(e rollout.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line, shown := page.LineOf(e); shown {
		s.log(line)
	}
}

func (s *Stage) log(line page.Line) {
	kept := s.past.Lines[max(0, len(s.past.Lines)-lines+1):]
	s.past.Lines = append(append([]page.Line{}, kept...), line) // a reader may have the old ones
}

// do does a deed of a visitor, and says so in the log.
func (s *Stage) do(ctx context.Context, id string) error {
	if s.over() {
		return demo.ErrOver
	}
	if err := s.Do(ctx, demo.Deed(id)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log(page.Line{Time: time.Now().UTC(), Text: "you: " + stands[demo.Deed(id)], Tone: page.Wait})
	return nil
}

func (s *Stage) over() bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

// report returns the HTML report; nil before the release is over.
func (s *Stage) report() []byte {
	if !s.over() {
		return nil
	}
	_, text := s.ending()
	return text
}

// points bounds the points of the charts.
const points = 240

// follow notes the course of the demo until it is over.
func (s *Stage) follow(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.note(s.Frame())
		select {
		case <-tick.C:
		case <-s.Done():
			s.note(s.Frame())
			return
		case <-ctx.Done():
			return
		}
	}
}

// note adds a point to the charts. If there are too many, every second one is dropped.
func (s *Stage) note(f demo.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := page.Point{At: f.Seconds, Harm: 1, Health: 1}
	if f.Judged != nil {
		p.Harm, p.Health = page.Evidence(f.Judged.Metrics, s.Rule(f.Judged.Metrics))
	}
	for _, o := range others(f) {
		p.Failed = append(p.Failed, o.Failed)
	}
	all := s.past.Points
	if n := len(all); n > 0 && p.At-all[n-1].At < s.every-.5 && f.Result == nil {
		return
	}
	if len(all) >= points {
		s.every *= 2
		var half []page.Point
		for i := 0; i < len(all); i += 2 {
			half = append(half, all[i])
		}
		all = half
	}
	s.past.Points = append(append([]page.Point{}, all...), p)
}

// history returns what happened so far.
func (s *Stage) history() page.Past {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.past
}
