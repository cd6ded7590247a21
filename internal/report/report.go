package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Report describes a release to people who have to understand or prove a decision. Its
// JSON form can be stored and parsed again.
type Report struct {
	Status
	Made     time.Time `json:"made"`
	Canarize string    `json:"canarize"` // version that made the report
	// Judge is nil if canarize took no measurements.
	Judge *Judge `json:"judge,omitempty"`
	// Past holds the summary of the release; nil while it is not over. Earlier means that
	// another release followed: then nothing else is kept, except perhaps events.
	Past    *rollout.Past `json:"past,omitempty"`
	Earlier bool          `json:"earlier,omitempty"`
}

// Judge holds the measurements and verdicts of the judge.
type Judge struct {
	// Reject is the evidence of harm that rejects. Promote is the evidence of health
	// that every metric needs for a promotion. 1 is no evidence.
	Reject       float64        `json:"reject"`
	Promote      float64        `json:"promote"`
	Observations []rollout.Look `json:"observations"` // in order of time
	// Rule is how the judge decides; nil in the record of an earlier canarize.
	Rule *rollout.Rule `json:"rule,omitempty"`
}

// Of returns the report of a release at the time made.
func Of(namespace, name string, s rollout.State, made time.Time, version string) Report {
	r := Report{Status: StatusOf(namespace, name, s), Made: made.UTC(), Canarize: version}
	if j := s.Judged; j != nil {
		r.Judge = &Judge{Reject: j.Reject, Promote: j.Promote, Rule: j.Rule, Observations: append(slices.Clone(j.Before), j.Look)}
	}
	if s.Over() {
		past := rollout.PastOf(s, s.Started)
		r.Past = &past
	}
	return r
}

// OfPast returns the report of a release that is over. s is the present state of its name.
func OfPast(namespace, name string, s rollout.State, past rollout.Past, made time.Time, version string) Report {
	earlier := past.Number != s.CurrentNumber()
	if earlier {
		s = stateOf(past, s.EventsOf(past))
	}
	r := Of(namespace, name, s, made, version)
	r.Past, r.Earlier = &past, earlier
	return r
}

// stateOf returns what is known of the last state of an earlier release.
func stateOf(past rollout.Past, events []rollout.Event) rollout.State {
	s := rollout.State{
		Schema: rollout.Schema, Phase: past.Ending, Mixed: past.Mixed, Number: past.Number, Most: past.Most,
		Started: past.Began, Run: past.Run, Plan: past.Plan, History: events, Total: len(events),
	}
	if past.By != "" {
		s.Reason = &rollout.Reason{By: past.By, Text: past.Reason}
	}
	for _, i := range past.Images {
		s.Images = append(s.Images, rollout.Image{Workload: i.Workload, Container: i.Container, Image: i.After})
		if i.Before != "" {
			s.Before = append(s.Before, rollout.Image{Workload: i.Workload, Container: i.Container, Image: i.Before})
		}
	}
	return s
}

// Parse reads a report in its JSON form.
func Parse(text []byte) (Report, error) {
	var r Report
	switch err := json.Unmarshal(text, &r); {
	case err != nil:
		return Report{}, fmt.Errorf("the file is not a report from canarize report -o json: %w", err)
	case r.Release == "" || r.Namespace == "":
		return Report{}, errors.New("the file names no release; pass a file that canarize report -o json has written")
	}
	return r, nil
}

// events returns the events of this release, because the cluster also keeps those of
// earlier releases. cut reports that the oldest events are missing.
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

// State returns the phase as one word, or held.
func (s Status) State() string {
	switch {
	case s.Held != "":
		return "held"
	case s.Phase == rollout.None:
		return "none"
	case s.Parked():
		return string(rollout.Rejected)
	}
	return string(s.Phase)
}
