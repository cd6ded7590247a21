package report

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
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
}

type junitProblem struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
}

// JUnit is a report as the results of tests, in the format of JUnit that CI systems
// read: a test for everything that somebody asked for, and one for every metric.
// What failed or was held is a failure, what was interrupted an error.
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
		suite.Cases = append(suite.Cases, stepCase(suite.Name, events[:next]))
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
	return fmt.Sprintf("%.3f", max(to.Sub(from).Seconds(), 0))
}

// stepCase is what somebody asked for, and what came of it.
func stepCase(class string, events []rollout.Event) junitCase {
	c := junitCase{Class: class, Name: events[0].Text, Time: seconds(events[0].Time, events[len(events)-1].Time)}
	var said []string
	for _, e := range events[1:] {
		said = append(said, clock(e.Time)+" "+e.Text)
		switch problem := (&junitProblem{Type: string(e.Kind), Message: e.Text}); {
		case e.Kind == rollout.EventCancelled:
			c.Error = problem
		case c.Failure == nil && (e.Kind == rollout.EventFailed || e.Kind == rollout.EventHeld):
			c.Failure = problem
		}
	}
	c.Output = strings.Join(said, "\n")
	return c
}

// endCase is how the release stands as a whole.
func (r Report) endCase(class string) junitCase {
	c := junitCase{Class: class, Name: "the release", Time: "0", Output: r.decision(nil)}
	switch {
	case r.Held != "":
		c.Failure = &junitProblem{Type: "held", Message: r.Held}
	case r.Phase == rollout.Rejected || r.Phase == rollout.Rejecting:
		c.Failure = &junitProblem{Type: "rejected", Message: r.decision(nil)}
	}
	return c
}

func (r Report) metricCases(class string) []junitCase {
	if r.Judge == nil || len(r.Judge.Observations) == 0 {
		return nil
	}
	var cases []junitCase
	for _, m := range r.Judge.Observations[len(r.Judge.Observations)-1].Metrics {
		c := junitCase{Class: class, Name: "metric " + m.Name, Time: "0", Output: fmt.Sprintf("canary %s, stable %s, evidence of harm %s, of health %s", counted(m.Canary), counted(m.Stable), short(m.Harm), short(m.Safe))}
		if r.Judge.Reject > 0 && m.Harm >= r.Judge.Reject {
			c.Failure = &junitProblem{Type: "harm", Message: c.Output}
		}
		cases = append(cases, c)
	}
	return cases
}
