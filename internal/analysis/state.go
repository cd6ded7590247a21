package analysis

import (
	"encoding/json"
	"fmt"
)

// stateVersion changes whenever a stored state means something else.
const stateVersion = 1

// answer is a decision as it is stored.
type answer struct {
	Verdict      Verdict `json:"verdict"`
	Cause        Cause   `json:"cause,omitempty"`
	Pod          string  `json:"pod,omitempty"`
	Weight       float64 `json:"weight"`
	Reason       string  `json:"reason"`
	Inconclusive bool    `json:"inconclusive,omitempty"`
}

type stored struct {
	Version int `json:"version"`
	state
}

// MarshalJSON stores everything that the judge has to remember, in a few
// kilobytes. The configuration is not in it.
func (j *Judge) MarshalJSON() ([]byte, error) {
	d := j.standing
	j.s.Answer = answer{d.Verdict, d.Cause, d.Pod, d.Weight, d.Reason, d.Inconclusive}
	return json.Marshal(stored{stateVersion, j.s})
}

// Restore makes a judge that goes on where the one that was stored stopped: the
// same observations give the same decisions.
func Restore(c Config, text []byte) (*Judge, error) {
	j, err := New(c)
	if err != nil {
		return nil, err
	}
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("the stored evidence is not what canarize writes: %w; begin the analysis again without it", err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("the stored evidence has version %d and this canarize knows version %d; go on with the canarize that began the release", s.Version, stateVersion)
	}
	if len(s.Limits) != len(c.Limits) || s.Ramp.Step > max(0, len(c.Ramp.Steps)-1) || s.Ramp.Step < 0 {
		return nil, fmt.Errorf("the stored evidence belongs to another configuration of limits or ramp; go on with the one that the release began with")
	}
	j.s = s.state
	a := s.Answer
	j.standing = Decision{Verdict: a.Verdict, Cause: a.Cause, Pod: a.Pod, Weight: a.Weight, Reason: a.Reason, Inconclusive: a.Inconclusive, Evidence: j.evidence}
	j.gather()
	return j, nil
}
