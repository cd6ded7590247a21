package page

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

const (
	// every is the time between two frames: at most 10 a second.
	every = 100 * time.Millisecond
	// heartbeat is how long a stream may be silent.
	heartbeat = 5 * time.Second
	// stalled is how long a browser may read nothing before its stream ends.
	stalled = 5 * time.Second
	// maxStreams bounds what forgotten tabs cost.
	maxStreams = 32

	eventStream = "text/event-stream"
)

// stream writes server-sent events to a visitor.
type stream struct {
	to      http.ResponseWriter
	control *http.ResponseController
	last    map[string][]byte // what was sent last, by event
	beat    time.Time         // when something was sent last
	listed  *List             // the list that was sent last, and its rows
	rows    map[string]Row
}

// events sends what the page shows whenever it changed, until the visitor leaves: a release
// that the visitor names, or the only one, or the list.
func (s *Server) events(w http.ResponseWriter, r *http.Request, _ string) {
	if r.Method == http.MethodHead {
		return
	}
	shown := func(to *stream) error { return to.list(s.options.List()) }
	if s.options.List == nil || r.URL.Query().Has("release") {
		release := s.release(r)
		if release == nil {
			s.none(w)
			return
		}
		shown = func(to *stream) error { return to.release(release) }
	}
	show := func(to *stream) error { return cmp.Or(shown(to), to.send("old", s.options.Old())) }
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, "too many tabs show this page; close some", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", eventStream)
	to := &stream{to: w, control: http.NewResponseController(w), last: map[string][]byte{}}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if show(to) != nil || to.live() != nil {
			return // the visitor has gone
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-s.ending:
			if show(to) == nil {
				_ = to.send("end", struct{}{}) // nobody is told twice
			}
			return
		}
	}
}

// none tells a visitor that there is no such release: a script that listens to events does
// not get the code of an answer.
func (s *Server) none(w http.ResponseWriter) {
	w.Header().Set("Content-Type", eventStream)
	to := &stream{to: w, control: http.NewResponseController(w), last: map[string][]byte{}}
	_ = to.send("none", struct{}{}) // or the visitor has gone
}

// release sends what a release shows.
func (s *stream) release(r Release) error {
	return cmp.Or(s.send("about", r.About()), s.send("past", r.Past()), s.send("frame", r.Frame()))
}

// changes are the rows of a list that changed since the last time.
type changes struct {
	Host    string   `json:"host"`
	Summary string   `json:"summary"`
	Rows    []Row    `json:"rows"`  // new, or changed
	Gone    []string `json:"gone"`  // by Row.ID
	First   bool     `json:"first"` // there is nothing before
}

// list sends what changed in a list.
func (s *stream) list(now *List) error {
	if now == s.listed {
		return nil
	}
	c := changes{Host: now.Host, Summary: now.Summary, Rows: []Row{}, Gone: []string{}, First: s.listed == nil}
	before := s.rows
	s.listed, s.rows = now, make(map[string]Row, len(now.Rows))
	for _, row := range now.Rows {
		if old, known := before[row.ID]; !known || old != row {
			c.Rows = append(c.Rows, row)
		}
		s.rows[row.ID] = row
	}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		if _, there := s.rows[id]; !there {
			c.Gone = append(c.Gone, id)
		}
	}
	return s.send("list", c)
}

// send sends an event if it is not the same as before.
func (s *stream) send(event string, data any) error {
	text, err := encode(data)
	if err != nil {
		return err
	}
	if bytes.Equal(text, s.last[event]) {
		return nil
	}
	s.last[event] = text
	return s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", event, text))
}

// live sends an empty event if nothing was sent for some time, by which both sides find out
// whether the other one is still there.
func (s *stream) live() error {
	if time.Since(s.beat) < heartbeat {
		return nil
	}
	return s.write("event: beat\ndata: {}\n\n")
}

func (s *stream) write(text string) error {
	s.beat = time.Now()
	if err := s.control.SetWriteDeadline(s.beat.Add(stalled)); err != nil {
		return err
	}
	if _, err := s.to.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
