package rollout

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Annotations on the canary's first workload carry what people want while a process works
// on the release. They are deleted with that workload.
const (
	HoldAnnotation    = "canarize.dev/hold"
	ApproveAnnotation = "canarize.dev/approve"
	RejectAnnotation  = "canarize.dev/reject"
	ResumeAnnotation  = "canarize.dev/resume"
)

// Statement is what a person said about a release.
type Statement struct {
	Text string    `json:"text"`
	By   string    `json:"by,omitempty"` // the user name known to the API server; "" if unknown
	At   time.Time `json:"at,omitzero"`
	// Keep, of a rejection, leaves the canary in the cluster, without traffic.
	Keep bool `json:"keep,omitempty"`
}

// String returns the text, followed by its author if known.
func (w Statement) String() string {
	if w.By == "" {
		return w.Text
	}
	return w.Text + " (" + w.By + ")"
}

// Approval reports which gate agreed, who approved it, and when. A person may also approve a
// metric that holds the release.
type Approval struct {
	Gate string    `json:"gate"`
	By   string    `json:"by,omitempty"` // a user, or the program or host that was asked
	At   time.Time `json:"at,omitzero"`
}

// Statements holds everything people said about a release.
type Statements struct {
	Hold     *Statement // the share must not grow; nil if nobody holds the release
	Rejected *Statement // the release must be rejected; nil if nobody rejected it
	Resumed  *Statement // ended the last hold; nil if unknown, or while there is a hold
	Approved []Approval
}

// Approval returns the approval of a gate, and false if nobody approved it.
func (s Statements) Approval(gate string) (Approval, bool) {
	at := slices.IndexFunc(s.Approved, func(p Approval) bool { return p.Gate == gate })
	if at < 0 {
		return Approval{}, false
	}
	return s.Approved[at], true
}

// Approve adds an approval. The first approval of a gate counts.
func (s *Statements) Approve(p Approval) {
	if _, already := s.Approval(p.Gate); !already {
		s.Approved = append(slices.Clip(s.Approved), p)
	}
}

// HoldBy holds the release.
func (s *Statements) HoldBy(w Statement) { s.Hold, s.Resumed = &w, nil }

// ResumeBy ends a hold, if there is one.
func (s *Statements) ResumeBy(w Statement) {
	if s.Hold != nil {
		s.Hold, s.Resumed = nil, &w
	}
}

// ParseStatements reads the annotations about the release that began at started. It
// ignores statements about another release, and text that canarize does not write:
// everybody who may write the workload can write annotations.
func ParseStatements(annotations map[string]string, started time.Time) Statements {
	about := func(key string) string {
		when, text, _ := strings.Cut(annotations[key], " ")
		if when != stamp(started) {
			return ""
		}
		return strings.ToValidUTF8(text, "\uFFFD") // as JSON would have it
	}
	return Statements{
		Hold:     parseStatement(about(HoldAnnotation)),
		Rejected: parseStatement(about(RejectAnnotation)),
		Resumed:  parseStatement(about(ResumeAnnotation)),
		Approved: parseApprovals(about(ApproveAnnotation)),
	}
}

// parseStatement reads a Statement as JSON. Canarize used to store the bare text, so that
// is read, too.
func parseStatement(text string) *Statement {
	if text == "" {
		return nil
	}
	var w Statement
	if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &w) != nil || w.Text == "" {
		w = Statement{Text: text}
	}
	w.Text, w.By = clip(w.Text), clip(w.By)
	return &w
}

// parseApprovals reads approvals as JSON. Canarize used to store the bare names of gates,
// so those are read, too.
func parseApprovals(text string) []Approval {
	var all []Approval
	if !strings.HasPrefix(text, "[") || json.Unmarshal([]byte(text), &all) != nil {
		all = nil
		for _, gate := range strings.Fields(text) {
			all = append(all, Approval{Gate: gate})
		}
	}
	var s Statements
	for _, p := range all[:min(len(all), maxApprovals)] {
		s.Approve(Approval{Gate: clip(p.Gate), By: clip(p.By), At: p.At})
	}
	return s.Approved
}

// maxApprovals bounds the stored gates.
const maxApprovals = 100

// Annotations returns the annotations that ParseStatements reads.
func (s Statements) Annotations(started time.Time) map[string]string {
	words := map[string]any{HoldAnnotation: s.Hold, RejectAnnotation: s.Rejected, ResumeAnnotation: s.Resumed, ApproveAnnotation: nil}
	if len(s.Approved) > 0 {
		words[ApproveAnnotation] = s.Approved
	}
	annotations := map[string]string{}
	for key, word := range words {
		annotations[key] = stamp(started) + " "
		if text, err := json.Marshal(word); err == nil && string(text) != "null" {
			annotations[key] += string(text)
		}
	}
	return annotations
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
