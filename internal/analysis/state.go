package analysis

import (
	"encoding/json"
	"fmt"
)

// stateVersion changes whenever the meaning of a stored state changes.
const stateVersion = 3

// answer is the stored form of a decision.
type answer struct {
	Verdict      Verdict `json:"verdict"`
	Cause        Cause   `json:"cause,omitempty"`
	Pod          string  `json:"pod,omitempty"`
	Metric       string  `json:"metric,omitempty"`
	Weight       float64 `json:"weight"`
	Reason       string  `json:"reason"`
	Inconclusive bool    `json:"inconclusive,omitempty"`
	Next         float64 `json:"next,omitempty"`
}

type stored struct {
	Version int `json:"version"`
	state
}

// MarshalJSON stores everything that the judge needs to continue, in a few
// kilobytes. It does not store the configuration.
func (j *Judge) MarshalJSON() ([]byte, error) {
	d := j.standing
	j.s.Answer = answer{d.Verdict, d.Cause, d.Pod, d.Metric, d.Weight, d.Reason, d.Inconclusive, d.Next}
	return json.Marshal(stored{stateVersion, j.s})
}

// Restore returns a judge that continues from a stored state: the same
// observations give the same decisions.
func Restore(c Config, text []byte) (*Judge, error) {
	j, err := New(c)
	if err != nil {
		return nil, err
	}
	var s stored
	err = json.Unmarshal(text, &struct{ Version *int }{&s.Version})
	if err == nil && s.Version != stateVersion {
		return nil, fmt.Errorf("the stored evidence has version %d, but this canarize reads version %d; continue with the canarize that started the release", s.Version, stateVersion)
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("canarize did not write the stored evidence: %w; start the analysis again without it", err)
	}
	if len(s.Limits) != len(c.Limits) || s.Ramp.Step > max(0, len(c.Ramp.Steps)-1) || s.Ramp.Step < 0 {
		return nil, fmt.Errorf("the stored evidence belongs to another configuration of limits or ramp; continue with the configuration that the release started with")
	}
	j.s = s.state
	a := s.Answer
	j.standing = Decision{Verdict: a.Verdict, Cause: a.Cause, Pod: a.Pod, Metric: a.Metric, Weight: a.Weight, Reason: a.Reason, Inconclusive: a.Inconclusive, Next: a.Next, Evidence: j.evidence}
	j.assign()
	j.gather()
	return j, nil
}
