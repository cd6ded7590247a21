package report

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/doctor"
)

// Preview is what a release would do, for those who have to agree to it. Its JSON is
// a contract.
type Preview struct {
	Namespace string        `json:"namespace"`
	Release   string        `json:"release"`
	Equal     bool          `json:"equal"` // stable is already what it would become
	Images    []ImageChange `json:"images"`
	// Stable is what a promotion would do to the stable objects, and Canary what is
	// made for the canary.
	Stable []ObjectChange `json:"stable"`
	Canary []ObjectChange `json:"canary"`
	Course Course         `json:"course"`
	// Foreseen is what the judge can be expected to do; nil where no traffic is known.
	Foreseen *Foreseen        `json:"foreseen"`
	Findings []doctor.Finding `json:"findings"`
	Unseen   []string         `json:"unseen"`
}

// ImageChange is what a container runs now, and what it would run.
type ImageChange struct {
	Workload  string `json:"workload"`
	Container string `json:"container"`
	Before    string `json:"before"` // "" where there is none
	After     string `json:"after"`
}

// ObjectChange is what would become of an object.
type ObjectChange struct {
	Object string `json:"object"`
	Result string `json:"result"` // created, configured, unchanged or not served
	Diff   string `json:"diff,omitempty"`
}

// Course is how a release goes, in seconds and percent.
type Course struct {
	Steps    []float64 `json:"steps"` // weights, one after the other; empty for a ramp that follows the evidence
	Most     float64   `json:"most"`  // the largest weight
	Warmup   float64   `json:"warmupSeconds"`
	Bake     float64   `json:"bakeSeconds"`
	Deadline float64   `json:"deadlineSeconds"`
	Interval float64   `json:"intervalSeconds"`
	Alpha    float64   `json:"alpha"` // the chance of rejecting what is no worse
	Beta     float64   `json:"beta"`  // the chance of promoting what is worse by the margin
	Gates    []string  `json:"gates"` // NAME before SHARE
}

// Foreseen is what a judge of errors can be expected to do with a traffic.
type Foreseen struct {
	RequestsPerSecond float64          `json:"requestsPerSecond"`
	StableErrors      float64          `json:"stableErrors"` // percent
	Weights           []ForeseenWeight `json:"weights"`
}

// ForeseenWeight is that at one weight.
type ForeseenWeight struct {
	Weight    float64    `json:"weight"`
	Requests  float64    `json:"canaryRequestsPerSecond"`
	Rejects   []Expected `json:"rejects"`
	Promotion Expected   `json:"promotes"`
}

// Expected is how much a verdict is expected to need.
type Expected struct {
	Errors   float64 `json:"errors"` // of the canary, percent
	Requests float64 `json:"canaryRequests"`
	Seconds  float64 `json:"seconds"`
}

// changed is how many objects would not stay as they are.
func changed(all []ObjectChange) (n int) {
	for _, c := range all {
		if c.Result != "unchanged" {
			n++
		}
	}
	return n
}

// summary is what a preview says in a sentence.
func (p Preview) summary() string {
	if p.Equal {
		return "stable is already what this release would make it"
	}
	return fmt.Sprintf("%d of %d stable objects would change, and the canary has %d", changed(p.Stable), len(p.Stable), len(p.Canary))
}

// sentences say how the release goes.
func (c Course) sentences() []string {
	share := fmt.Sprintf("The share grows with the evidence to at most %s %%.", short(c.Most))
	if len(c.Steps) > 0 {
		var steps []string
		for _, s := range c.Steps {
			steps = append(steps, short(s))
		}
		share = "The share takes the steps " + strings.Join(steps, ", ") + " %."
	}
	out := []string{share + fmt.Sprintf(" A promotion comes after %s at the earliest, and the deadline is %s.", lasting(c.Bake), lasting(c.Deadline))}
	if len(c.Gates) > 0 {
		out = append(out, "Gates: "+strings.Join(c.Gates, ", ")+".")
	}
	return out
}

// lasting is a number of seconds as people say it.
func lasting(seconds float64) string {
	switch {
	case math.IsInf(seconds, 0) || math.IsNaN(seconds) || seconds > 100*365*86400:
		return "never"
	case seconds < 1:
		return "less than 1s"
	}
	unit := time.Second
	for _, u := range []time.Duration{time.Minute, time.Hour} {
		if seconds >= 10*u.Seconds() {
			unit = u
		}
	}
	d := time.Duration(math.Round(seconds/unit.Seconds())) * unit
	return trailing.ReplaceAllString(d.String(), "$1")
}

// trailing are the zeros at the end of a duration: 1h0m0s, 10m0s.
var trailing = regexp.MustCompile(`([hm])(?:0m)?0s$`)

// table is what the judge can be expected to do.
func (f Foreseen) table() (header []string, rows [][]string) {
	header = []string{"share", "canary's requests"}
	for i, w := range f.Weights {
		row := []string{short(w.Weight) + " %", short(w.Requests) + " a second"}
		for _, e := range w.Rejects {
			if i == 0 {
				header = append(header, fmt.Sprintf("%s %% errors: rejected in", short(e.Errors)))
			}
			row = append(row, lasting(e.Seconds))
		}
		rows = append(rows, append(row, lasting(w.Promotion.Seconds)))
	}
	return append(header, "as good as stable: enough evidence in"), rows
}

// premise says what the table is about.
func (p Preview) premise() string {
	return fmt.Sprintf("With %s requests a second, of which %s %% fail on stable, as if all came at one share; a verdict may take up to %s more, and in the first %s only a catastrophe counts.",
		short(p.Foreseen.RequestsPerSecond), short(p.Foreseen.StableErrors), lasting(p.Course.Interval), lasting(p.Course.Warmup))
}
