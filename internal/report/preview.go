package report

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/rollout"
)

// Preview describes what a release would do, for the people who approve it. Its JSON form
// is a contract.
type Preview struct {
	Namespace string        `json:"namespace"`
	Release   string        `json:"release"`
	Equal     bool          `json:"equal"` // a promotion would change nothing
	Images    []ImageChange `json:"images"`
	// Stable lists the changes of a promotion, Canary the objects of the canary.
	Stable []ObjectChange `json:"stable"`
	Canary []ObjectChange `json:"canary"`
	// Warnings are what the derivation of the canary found in the manifests, the most
	// harmful first. LeftAlone lists what gets no canary.
	Warnings  []rollout.Warning `json:"warnings"`
	LeftAlone []LeftAlone       `json:"leftAlone"`
	Course    Course            `json:"course"`
	// Foreseen is nil if the traffic is unknown.
	Foreseen *Foreseen        `json:"foreseen"`
	Findings []doctor.Finding `json:"findings"`
	Unseen   []string         `json:"unseen"`
}

// LeftAlone is an object without a canary.
type LeftAlone struct {
	Object string `json:"object"`
	Why    string `json:"why"`
}

// ImageChange is the image of a container now, and after a promotion.
type ImageChange struct {
	Workload  string `json:"workload"`
	Container string `json:"container"`
	Before    string `json:"before"` // "" for a new container
	After     string `json:"after"`
}

// ObjectChange is the change of an object.
type ObjectChange struct {
	Object string `json:"object"`
	Result string `json:"result"` // created, configured, unchanged or NotServed
	Diff   string `json:"diff,omitempty"`
}

// Course describes how a release proceeds, with durations in seconds and weights in
// percent.
type Course struct {
	Steps    []float64 `json:"steps"` // weights in order; empty for a ramp that follows the evidence
	Most     float64   `json:"most"`  // the largest weight
	Warmup   float64   `json:"warmupSeconds"`
	Bake     float64   `json:"bakeSeconds"`
	Deadline float64   `json:"deadlineSeconds"`
	Interval float64   `json:"intervalSeconds"`
	Alpha    float64   `json:"alpha"` // probability of rejecting a version that is no worse
	Beta     float64   `json:"beta"`  // probability of promoting a version that is worse by the margin
	Gates    []string  `json:"gates"` // NAME before SHARE
}

// Foreseen is the expected behavior of a judge of errors at the given traffic.
type Foreseen struct {
	RequestsPerSecond float64          `json:"requestsPerSecond"`
	StableErrors      float64          `json:"stableErrors"` // percent
	Weights           []ForeseenWeight `json:"weights"`
}

// ForeseenWeight is the expected behavior at one weight.
type ForeseenWeight struct {
	Weight    float64    `json:"weight"`
	Requests  float64    `json:"canaryRequestsPerSecond"`
	Rejects   []Expected `json:"rejects"`
	Promotion Expected   `json:"promotes"`
}

// Expected is what a verdict is expected to need.
type Expected struct {
	Errors   float64 `json:"errors"` // of the canary, percent
	Requests float64 `json:"canaryRequests"`
	Seconds  float64 `json:"seconds"`
}

// NotServed is the result for an object whose kind the cluster does not serve. It is no
// change: the release would fail because of it.
const NotServed = "not served"

// count returns how many objects would change, and how many are of a kind that the cluster
// does not serve.
func count(all []ObjectChange) (changed, notServed int) {
	for _, c := range all {
		switch c.Result {
		case "unchanged":
		case NotServed:
			notServed++
		default:
			changed++
		}
	}
	return changed, notServed
}

// summary describes a preview in one sentence.
func (p Preview) summary() string {
	if p.Equal {
		return "stable is up to date, a promotion would change nothing"
	}
	changed, stable := count(p.Stable)
	_, canary := count(p.Canary)
	text := fmt.Sprintf("%d of %d stable objects would change, and the canary has %d", changed, len(p.Stable), len(p.Canary))
	switch n := stable + canary; n {
	case 0:
		return text
	case 1:
		return text + "; the release would fail: the cluster does not serve the kind of 1 object"
	default:
		return text + fmt.Sprintf("; the release would fail: the cluster does not serve the kinds of %d objects", n)
	}
}

// sentences describe how the release proceeds.
func (c Course) sentences() []string {
	share := fmt.Sprintf("The share grows with the evidence to at most %s %%.", Short(c.Most))
	if len(c.Steps) > 0 {
		var steps []string
		for _, s := range c.Steps {
			steps = append(steps, Short(s))
		}
		share = "The share takes the steps " + strings.Join(steps, ", ") + " %."
	}
	out := []string{share + fmt.Sprintf(" The earliest promotion comes after %s, and the deadline is %s.", lasting(c.Bake), lasting(c.Deadline))}
	if len(c.Gates) > 0 {
		out = append(out, "Gates: "+strings.Join(c.Gates, ", ")+".")
	}
	return out
}

// lasting formats a number of seconds for people.
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

// trailing matches the zeros at the end of a duration: 1h0m0s, 10m0s.
var trailing = regexp.MustCompile(`([hm])(?:0m)?0s$`)

// table lists the expected verdicts for each weight.
func (f Foreseen) table() (header []string, rows [][]string) {
	header = []string{"share", "canary's requests"}
	for i, w := range f.Weights {
		row := []string{Short(w.Weight) + " %", Short(w.Requests) + " a second"}
		for _, e := range w.Rejects {
			if i == 0 {
				header = append(header, fmt.Sprintf("%s %% errors: rejected in", Short(e.Errors)))
			}
			row = append(row, lasting(e.Seconds))
		}
		rows = append(rows, append(row, lasting(w.Promotion.Seconds)))
	}
	return append(header, "as good as stable: enough evidence in"), rows
}

// premise explains the assumptions of the table.
func (p Preview) premise() string {
	return fmt.Sprintf("The table assumes %s requests a second, %s %% errors on stable, and a constant share from the canary's first request on. A verdict may take up to %s longer. In the first %s only a catastrophe counts.",
		Short(p.Foreseen.RequestsPerSecond), Short(p.Foreseen.StableErrors), lasting(p.Course.Interval), lasting(p.Course.Warmup))
}
