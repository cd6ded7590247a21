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

// Judged is that the judge looked at what was counted of both versions. It is
// remembered with all that the judge needs to go on in another process.
type Judged struct {
	Look
	Cause        analysis.Cause `json:"cause,omitempty"`        // of a hold
	Inconclusive bool           `json:"inconclusive,omitempty"` // held, and the deadline is over
	Recommended  int            `json:"recommended"`            // weight from now on, percent

	// Own is how many requests of the canary this process has seen at the weight there
	// is. What other processes saw is no judgement of its own, so it is not stored.
	Own int64 `json:"-"`
	// Watched is for how many seconds the release was watched, by all processes.
	Watched float64 `json:"watched"`
	// Judge is what analysis.Restore reads; nil when the release is over.
	Judge json.RawMessage `json:"judge,omitempty"`
	// Reject and Promote are the evidence of harm that rejects, and the evidence of
	// health that every metric has to have for a promotion.
	Reject  float64 `json:"reject"`
	Promote float64 `json:"promote"`
	// Before are earlier looks, in the order of time; of a long release not all.
	Before []Look `json:"before,omitempty"`
}

// Look is what was known at the end of an interval.
type Look struct {
	Time    time.Time        `json:"time"`
	Weight  int              `json:"weight"` // of the canary in the interval, percent
	Verdict analysis.Verdict `json:"verdict"`
	Reason  string           `json:"reason"` // one sentence for a person
	Metrics []Metric         `json:"metrics,omitempty"`
}

// Metric is the evidence of one metric since the release began.
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

// Healthy says whether the judge has found the release healthy; nil is no judgement.
func (j *Judged) Healthy() bool { return j != nil && j.Verdict == analysis.Promote }

// Shown is what people and programs are shown of a judgement.
func (j Judged) Shown() *Judged {
	j.Judge, j.Before = nil, nil
	return &j
}

// Sentence is a judgement in one line, with what was counted.
func (j Judged) Sentence() string {
	text := fmt.Sprintf("%d %%: %s: %s", j.Weight, j.Verdict, j.Reason)
	for _, m := range j.Metrics {
		text += fmt.Sprintf(" %s: canary %d of %d, stable %d of %d.", m.Name, m.Canary.Bad, m.Canary.Total, m.Stable.Bad, m.Stable.Total)
	}
	return text
}

// MetricsOf is the evidence of a decision, by name.
func MetricsOf(evidence map[string]analysis.Evidence) []Metric {
	var all []Metric
	for _, name := range slices.Sorted(maps.Keys(evidence)) {
		e := evidence[name]
		all = append(all, Metric{
			Name: name, Canary: Count(e.Canary), Stable: Count(e.Stable),
			Ratio: known(e.Ratio), Low: known(e.Low), High: known(e.High), Harm: finite(e.Harm), Safe: finite(e.Safe),
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

// finite is a number as JSON has it.
func finite(v float64) float64 { return min(v, math.MaxFloat64) }

func (Judged) fact() {}

// maxLooks bounds the looks that are kept.
const maxLooks = 80

// judged remembers a judgement, and tells it when it is another one.
func (t *transition) judged(j Judged) {
	if !t.Phase.Active() {
		return
	}
	j.Reason = clip(j.Reason)
	if last := t.Judged; last != nil {
		j.Before = thinned(append(slices.Clone(last.Before), last.Look))
	}
	if last := t.Judged; last == nil || last.Verdict != j.Verdict || last.Cause != j.Cause {
		t.addEvent(EventJudged, "%s: %s", j.Verdict, j.Reason)
	}
	t.Judged = &j
	if j.Inconclusive && j.Recommended > 0 && t.Held == "" { // it keeps its weight, for a person to decide
		t.hold(j.Reason)
	}
}

// thinned drops every second look of the older half when there are too many.
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
