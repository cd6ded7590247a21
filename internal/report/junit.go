package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/saying"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"` // seconds
	Stamp    string      `xml:"timestamp,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitProblem `xml:"failure,omitempty"`
	Error   *junitProblem `xml:"error,omitempty"`
	Output  string        `xml:"system-out,omitempty"`

	took time.Duration
}

type junitProblem struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
}

// JUnit formats a report as test results in the JUnit format that CI systems read: one
// test for each kind of request, one for each metric, and one for the release. A failed or
// held step is a failure, an interrupted step an error. CI systems follow a test by its
// name from run to run, so a name has no share, no version and no count.
func JUnit(r Report) ([]byte, error) {
	events, _ := r.events()
	suite := junitSuite{Name: r.Namespace + "/" + r.Release, Stamp: r.Started.UTC().Format(time.RFC3339), Time: "0"}
	if len(events) > 0 {
		suite.Time = seconds(r.Started, events[len(events)-1].Time)
	}
	for len(events) > 0 {
		next := 1
		for next < len(events) && events[next].Kind != rollout.EventAsked {
			next++
		}
		suite.addStep(events[:next])
		events = events[next:]
	}
	suite.Cases = append(suite.Cases, r.metricCases(suite.Name)...)
	suite.Cases = append(suite.Cases, r.endCase(suite.Name))
	for _, c := range suite.Cases {
		suite.Tests++
		if c.Failure != nil {
			suite.Failures++
		}
		if c.Error != nil {
			suite.Errors++
		}
	}
	text, err := xml.MarshalIndent(suite, "", "  ")
	return append([]byte(xml.Header), append(text, '\n')...), err
}

func seconds(from, to time.Time) string {
	return formatSeconds(to.Sub(from))
}

func formatSeconds(d time.Duration) string { return fmt.Sprintf("%.3f", max(d.Seconds(), 0)) }

// stepName returns the name of the test for a request: what was asked for, without what
// differs from run to run.
func stepName(e rollout.Event) string {
	if e.Kind != rollout.EventAsked { // the request is no longer stored
		return "earlier"
	}
	verb, _, _ := strings.Cut(e.Text, " ")
	return strings.TrimRight(verb, ":,")
}

// addStep adds a request and the events that followed it to the test of its name.
func (s *junitSuite) addStep(events []rollout.Event) {
	c := stepCase(s.Name, events)
	i := slices.IndexFunc(s.Cases, func(other junitCase) bool { return other.Name == c.Name })
	if i < 0 {
		s.Cases = append(s.Cases, c)
		return
	}
	first := &s.Cases[i]
	first.took += c.took
	first.Time = formatSeconds(first.took)
	first.Output += "\n" + c.Output
	first.Failure = cmp.Or(first.Failure, c.Failure)
	first.Error = cmp.Or(first.Error, c.Error)
}

// stepCase returns the test for a request and the events that followed it.
func stepCase(class string, events []rollout.Event) junitCase {
	c := junitCase{Class: class, Name: stepName(events[0]), took: events[len(events)-1].Time.Sub(events[0].Time)}
	c.Time = formatSeconds(c.took)
	lines := []string{clock(events[0].Time) + " " + events[0].Text}
	for _, e := range events[1:] {
		lines = append(lines, clock(e.Time)+" "+e.Text)
		switch problem := (&junitProblem{Type: cmp.Or(string(saying.OfEvent(e)), string(e.Kind)), Message: e.Text}); {
		case e.Kind == rollout.EventCancelled:
			c.Error = problem
		case c.Failure == nil && (e.Kind == rollout.EventFailed || e.Kind == rollout.EventHeld):
			c.Failure = problem
		}
	}
	c.Output = strings.Join(lines, "\n")
	return c
}

// endCase returns the test for the outcome of the release.
func (r Report) endCase(class string) junitCase {
	c := junitCase{Class: class, Name: "the release", Time: "0", Output: strings.TrimSpace(strings.Join(append([]string{r.decision(nil), r.now()}, r.laterTruth()...), " "))}
	if said := r.TroubleLines(); len(said) > 0 {
		c.Output += "\n" + strings.Join(said, "\n")
	}
	switch {
	case r.Held != "":
		c.Failure = &junitProblem{Type: cmp.Or(string(r.code()), "held"), Message: r.Held}
	case r.Phase == rollout.Rejected || r.Phase == rollout.Rejecting:
		c.Failure = &junitProblem{Type: cmp.Or(string(r.code()), "rejected"), Message: r.decision(nil)}
	}
	if c.Failure != nil {
		c.Failure.Message = strings.Join(append([]string{c.Failure.Message}, r.troubled()...), " ")
	}
	return c
}

func (r Report) metricCases(class string) []junitCase {
	if r.Judge == nil || len(r.Judge.Observations) == 0 {
		return nil
	}
	var cases []junitCase
	for _, m := range r.Judge.Observations[len(r.Judge.Observations)-1].Metrics {
		c := junitCase{Class: class, Name: "metric " + m.Name, Time: "0", Output: fmt.Sprintf("canary %s, stable %s, evidence of harm %s, of health %s", counted(m, m.Canary), counted(m, m.Stable), Short(m.Harm), Short(m.Safe))}
		if r.Judge.Reject > 0 && m.Harm >= r.Judge.Reject {
			c.Failure = &junitProblem{Type: "harm", Message: c.Output}
		}
		cases = append(cases, c)
	}
	return cases
}
