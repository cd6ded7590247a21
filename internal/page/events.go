package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
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
)

// stream writes server-sent events to a visitor.
type stream struct {
	to      http.ResponseWriter
	control *http.ResponseController
	last    map[string][]byte // what was sent last, by event
	beat    time.Time         // when something was sent last
}

// events sends what the page shows whenever it changed, until the visitor leaves.
func (s *Server) events(w http.ResponseWriter, r *http.Request, _ string) {
	if r.Method == http.MethodHead {
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, "too many tabs show this page; close some", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	to := &stream{to: w, control: http.NewResponseController(w), last: map[string][]byte{}}
	if to.send("about", s.options.About) != nil {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if to.send("past", s.options.Past()) != nil || to.send("frame", s.options.Frame()) != nil || to.live() != nil {
			return // the visitor has gone
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-s.ending:
			if to.send("past", s.options.Past()) == nil && to.send("frame", s.options.Frame()) == nil {
				_ = to.send("end", struct{}{}) // nobody is told twice
			}
			return
		}
	}
}

// send sends an event if it is not the same as before. JSON has no line breaks.
func (s *stream) send(event string, data any) error {
	text, err := json.Marshal(data)
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
