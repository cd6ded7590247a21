package lines

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"

	"github.com/canarize/canarize/internal/analysis"
)

// answer is the JSON form of a decision.
type answer struct {
	Time         *float64            `json:"time,omitempty"`
	Seq          *int64              `json:"seq,omitempty"`
	Verdict      analysis.Verdict    `json:"verdict"`
	Cause        analysis.Cause      `json:"cause,omitempty"`
	Pod          string              `json:"pod,omitempty"`
	Metric       string              `json:"metric,omitempty"`
	Inconclusive bool                `json:"inconclusive,omitempty"`
	Weight       float64             `json:"weight"`
	Reason       string              `json:"reason"`
	Next         float64             `json:"next,omitempty"`
	Error        string              `json:"error,omitempty"`
	Evidence     map[string]evidence `json:"evidence,omitempty"`
}

type evidence struct {
	Harm   float64  `json:"harm"`
	Safe   float64  `json:"safe"`
	Canary total    `json:"canary"`
	Stable total    `json:"stable"`
	Ratio  *float64 `json:"ratio"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
	Needed *float64 `json:"needed"`
}

type total struct {
	Bad   int64 `json:"bad"`
	Total int64 `json:"total"`
}

// Answer returns the line that answers an observation, with its line break.
func Answer(o analysis.Observation, d analysis.Decision) ([]byte, error) {
	a := of(d)
	if !math.IsNaN(o.Time) && !math.IsInf(o.Time, 0) {
		a.Time = &o.Time
	}
	a.Seq = o.Seq
	return encode(a)
}

// Refusal returns the line that answers a line that cannot be read. The
// decision does not change.
func Refusal(why error, d analysis.Decision) ([]byte, error) {
	a := of(d)
	a.Error = why.Error() + "; the line is ignored"
	return encode(a)
}

func of(d analysis.Decision) answer {
	a := answer{
		Verdict: d.Verdict, Cause: d.Cause, Pod: d.Pod, Metric: d.Metric, Inconclusive: d.Inconclusive,
		Weight: d.Weight, Reason: d.Reason, Next: math.Round(10*d.Next) / 10, Error: d.Error,
		Evidence: make(map[string]evidence, len(d.Evidence)),
	}
	for name, e := range d.Evidence {
		a.Evidence[name] = evidence{
			Harm: rounded(e.Harm), Safe: rounded(e.Safe), Canary: total(e.Canary), Stable: total(e.Stable),
			Ratio: known(e.Ratio), Low: known(e.Low), High: known(e.High), Needed: known(e.Needed),
		}
	}
	return a
}

// known returns nil for a value that JSON numbers cannot express.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = rounded(v)
	return &v
}

// rounded rounds to six digits; evidence is less precise than that.
func rounded(v float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err != nil {
		return v
	}
	return short
}

func encode(a answer) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(a)
	return out.Bytes(), err
}
