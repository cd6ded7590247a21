package rollout

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/analysis"
)

// Judged reports a judgement of the counts of both versions. It is stored with everything
// the judge needs to continue in another process.
type Judged struct {
	Look
	Cause        analysis.Cause `json:"cause,omitempty"`        // of a hold
	Metric       string         `json:"metric,omitempty"`       // that holds the release until a person approves it
	Inconclusive bool           `json:"inconclusive,omitempty"` // undecided at the deadline
	Recommended  int            `json:"recommended"`            // the next weight, in percent

	// Own is the number of requests to the canary that this process has counted at the
	// current weight. It is not stored: what other processes counted is not its own
	// judgement.
	Own int64 `json:"-"`
	// Seen counts the requests at the current weight; nil if unknown.
	Seen *Seen `json:"seen,omitempty"`
	// Watched is how long the release was watched, in seconds, by all processes together.
	Watched float64 `json:"watched"`
	// Judge is the state for analysis.Restore; nil when the release is over.
	Judge json.RawMessage `json:"judge,omitempty"`
	// Reject is the evidence of harm that rejects the release. Promote is the evidence of
	// health that every metric needs for a promotion.
	Reject  float64 `json:"reject"`
	Promote float64 `json:"promote"`
	// Rule is how the judge decides; nil in the State of an earlier canarize.
	Rule *Rule `json:"rule,omitempty"`
	// Before holds earlier looks, oldest first. A long release drops some of them.
	Before []Look `json:"before,omitempty"`
}

// Look is the result of one interval.
type Look struct {
	Time    time.Time        `json:"time"`
	Weight  int              `json:"weight"` // of the canary in the interval, in percent
	Verdict analysis.Verdict `json:"verdict"`
	Reason  string           `json:"reason"` // one sentence for a person
	Metrics []Metric         `json:"metrics,omitempty"`
}

// Metric is the evidence of one metric since the release began.
type Metric struct {
	Name   string `json:"name"`
	Canary Count  `json:"canary"`
	Stable Count  `json:"stable"`
	// Ratio is the canary's ratio of bad requests divided by stable's. It lies between
	// Low and High. nil is unknown.
	Ratio *float64 `json:"ratio,omitempty"`
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
	Harm  float64  `json:"harm"` // evidence that the canary is worse
	Safe  float64  `json:"safe"` // evidence that it is not worse by the margin
	// Events reports that Bad counts events, of which more are no harm by themselves.
	Events bool `json:"events,omitempty"`
}

// Count is a number of requests and how many of them were bad.
type Count struct {
	Bad   int64 `json:"bad"`
	Total int64 `json:"total"`
}

// Healthy reports whether the judge found the release healthy. It is false for nil.
func (j *Judged) Healthy() bool { return j != nil && j.Verdict == analysis.Promote }

// Shown returns the judgement without what only the judge needs.
func (j Judged) Shown() *Judged {
	j.Judge, j.Before, j.Rule = nil, nil, nil
	return &j
}

// Sentence returns the judgement with its counts on one line.
func (j Judged) Sentence() string {
	text := fmt.Sprintf("%d %%: %s: %s", j.Weight, j.Verdict, j.Reason)
	shown := Notable(j.Metrics, partsInSentence)
	for _, m := range shown {
		text += fmt.Sprintf(" %s: canary %d of %d, stable %d of %d.", m.Name, m.Canary.Bad, m.Canary.Total, m.Stable.Bad, m.Stable.Total)
	}
	if more := len(j.Metrics) - len(shown); more > 0 {
		text += fmt.Sprintf(" %d more with less evidence of harm.", more)
	}
	return text
}

// MetricsOf returns the evidence of a decision, sorted by name.
func MetricsOf(evidence map[string]analysis.Evidence) []Metric {
	var all []Metric
	for _, name := range slices.Sorted(maps.Keys(evidence)) {
		e := evidence[name]
		all = append(all, Metric{
			Name: name, Canary: Count(e.Canary), Stable: Count(e.Stable),
			Ratio: known(e.Ratio), Low: known(e.Low), High: known(e.High), Harm: finite(e.Harm), Safe: finite(e.Safe), Events: e.Events,
		})
	}
	return all
}

func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// finite makes a number representable in JSON.
func finite(v float64) float64 { return min(v, math.MaxFloat64) }

func (Judged) fact() {}

// maxLooks bounds the stored looks.
const maxLooks = 80

// judged stores a judgement. If the verdict or its cause changed, it adds an event.
func (t *transition) judged(j Judged) {
	if !t.Phase.Active() {
		return
	}
	j.Reason = clip(j.Reason)
	if last := t.Judged; last != nil {
		j.Before = thinned(append(slices.Clone(last.Before), last.Look.remembered()))
	}
	if last := t.Judged; last == nil || last.Verdict != j.Verdict || last.Cause != j.Cause {
		t.addEvent(EventJudged, "%s: %s", j.Verdict, j.Reason)
	}
	t.Judged = &j
	if j.Inconclusive && j.Recommended > 0 && t.Held == "" { // it keeps its weight until a person decides
		t.hold(j.Reason)
	}
}

// thinned drops every second look of the older half if there are too many.
func thinned(looks []Look) []Look {
	if len(looks) <= maxLooks {
		return looks
	}
	kept := looks[:0:0]
	for i, l := range looks {
		if i >= maxLooks/2 || i%2 == 0 {
			kept = append(kept, l)
		}
	}
	return kept
}
