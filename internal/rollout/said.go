package rollout

import "time"

// Saying is what a person or a gate said about a release, and what had an effect on it.
type Saying struct {
	Kind SayingKind `json:"kind"`
	Gate string     `json:"gate,omitempty"` // of SaidApprove: the gate or the metric
	Text string     `json:"text,omitempty"` // the reason
	By   string     `json:"by,omitempty"`   // as in Statement or Approval; "" if unknown
	At   time.Time  `json:"at"`
}

// SayingKind names what was said.
type SayingKind string

// The kinds of sayings.
const (
	SaidHold    SayingKind = "hold"
	SaidResume  SayingKind = "resume"
	SaidApprove SayingKind = "approve"
	SaidReject  SayingKind = "reject"
)

// maxSaid bounds the sayings of a release. The oldest are dropped first.
const maxSaid = 30

// said stores a saying. If it is unknown when something was said, the time counts at which
// it had its effect.
func (t *transition) said(s Saying) {
	if s.At.IsZero() {
		s.At = t.now.Time
	}
	s.At = s.At.UTC()
	s.Gate, s.Text, s.By = keptName(clip(s.Gate)), kept(clip(s.Text), maxKeptText), keptName(clip(s.By))
	all := append(append([]Saying(nil), t.Said...), s)
	t.Said = all[max(0, len(all)-maxSaid):]
}
