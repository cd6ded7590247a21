package report

import (
	"encoding/json"
	"errors"
	"fmt"
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
	Reject       float64       `json:"reject"`
	Promote      float64       `json:"promote"`
	Observations []Observation `json:"observations"` // in the order of time
}

// Observation is what was known at the end of an interval.
type Observation struct {
	Time    time.Time `json:"time"`
	Weight  float64   `json:"weight"` // configured for the canary, percent
	Verdict string    `json:"verdict"`
	Reason  string    `json:"reason"`
	Metrics []Metric  `json:"metrics"` // by name
}

// Metric is one metric since the release began.
type Metric struct {
	Name   string `json:"name"`
	Canary Count  `json:"canary"`
	Stable Count  `json:"stable"`
	// Ratio is the canary's ratio of bad requests over stable's, with the interval
	// from Low to High in which it lies; nil is unknown.
	Ratio *float64 `json:"ratio,omitempty"`
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
	Harm  float64  `json:"harm"` // evidence that the canary is worse
	Safe  float64  `json:"safe"` // evidence that it is not worse by the margin
}

// Count is a number of requests, and how many of them were bad.
type Count struct {
	Bad   int64 `json:"bad"`
	Total int64 `json:"total"`
}

// Of makes the report of a release at a time.
func Of(namespace, name string, s rollout.State, made time.Time, version string) Report {
	return Report{Status: StatusOf(namespace, name, s), Made: made.UTC(), Canarize: version}
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
