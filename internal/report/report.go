package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Report is what is known of a release, for those who have to understand or to
// prove what was decided. Its JSON can be kept and read again.
type Report struct {
	Status
	Made     time.Time `json:"made"`
	Canarize string    `json:"canarize"` // the version that made it
	// Judge has what was measured and concluded; nil where nobody judged by
	// measurements that canarize saw.
	Judge *Judge `json:"judge,omitempty"`
}

// Judge is what the judge of a release saw and said.
type Judge struct {
	// Reject and Promote are the evidence of harm that rejects, and the evidence of
	// health that every metric has to have for a promotion; 1 is no evidence.
	Reject       float64        `json:"reject"`
	Promote      float64        `json:"promote"`
	Observations []rollout.Look `json:"observations"` // in the order of time
}

// Of makes the report of a release at a time.
func Of(namespace, name string, s rollout.State, made time.Time, version string) Report {
	r := Report{Status: StatusOf(namespace, name, s), Made: made.UTC(), Canarize: version}
	if j := s.Judged; j != nil {
		r.Judge = &Judge{Reject: j.Reject, Promote: j.Promote, Observations: append(slices.Clone(j.Before), j.Look)}
	}
	return r
}

// Parse reads a report that was kept as JSON.
func Parse(text []byte) (Report, error) {
	var r Report
	switch err := json.Unmarshal(text, &r); {
	case err != nil:
		return Report{}, fmt.Errorf("it is not what canarize report -o json writes: %w", err)
	case r.Release == "" || r.Namespace == "":
		return Report{}, errors.New("it names no release; give what canarize report -o json has written")
	}
	return r, nil
}

// events are those of this release: the cluster remembers those of releases
// before, too. cut says that older ones of this release are not among them.
func (r Report) events() (events []rollout.Event, cut bool) {
	for i, e := range r.Events {
		if !e.Time.Before(r.Started) {
			events = r.Events[i:]
			break
		}
	}
	if len(events) == 0 {
		return nil, len(r.Events) > 0
	}
	first := events[0]
	return events, first.Kind != rollout.EventAsked || first.Phase != rollout.Deploying
}

// State is the phase in one word, or held.
func (s Status) State() string {
	switch {
	case s.Held != "":
		return "held"
	case s.Phase == rollout.None:
		return "none"
	}
	return string(s.Phase)
}
