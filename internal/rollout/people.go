package rollout

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Annotations on the canary's first workload carry what people say while a process
// works on the release. The workload goes with the release, and what was said with it.
const (
	HoldAnnotation    = "canarize.dev/hold"
	ApproveAnnotation = "canarize.dev/approve"
	RejectAnnotation  = "canarize.dev/reject"
)

// Word is something that a person said about a release.
type Statement struct {
	Text string    `json:"text"`
	By   string    `json:"by,omitempty"` // the user, as the API server knows them; "" is not known
	At   time.Time `json:"at,omitzero"`
}

// String is the word with who said it.
func (w Statement) String() string {
	if w.By == "" {
		return w.Text
	}
	return w.Text + " (" + w.By + ")"
}

// Passage reports that a gate agreed, who let the release pass, and when.
type Approval struct {
	Gate string    `json:"gate"`
	By   string    `json:"by,omitempty"` // a user, or the program or host that was asked
	At   time.Time `json:"at,omitzero"`
}

// Said is what people said about a release.
type Statements struct {
	Hold     *Statement // the share may not grow; nil where nobody objects
	Rejected *Statement // the release is to be rejected; nil where nobody wants that
	Approved []Approval
}

// Approval is the approval of a gate; false where nobody approved it.
func (s Statements) Approval(gate string) (Approval, bool) {
	at := slices.IndexFunc(s.Approved, func(p Approval) bool { return p.Gate == gate })
	if at < 0 {
		return Approval{}, false
	}
	return s.Approved[at], true
}

// Approve adds an approval; the first one of a gate counts.
func (s *Statements) Approve(p Approval) {
	if _, already := s.Approval(p.Gate); !already {
		s.Approved = append(slices.Clip(s.Approved), p)
	}
}

// SaidOf reads what was said about the release that began at a time. Words about
// another release, and text that is not what canarize writes, do not count: anybody
// who may write the workload can write annotations.
func ParseStatements(annotations map[string]string, started time.Time) Statements {
	about := func(key string) string {
		when, text, _ := strings.Cut(annotations[key], " ")
		if when != stamp(started) {
			return ""
		}
		return strings.ToValidUTF8(text, "\uFFFD") // as JSON would have it
	}
	return Statements{
		Hold:     parseWord(about(HoldAnnotation)),
		Rejected: parseWord(about(RejectAnnotation)),
		Approved: parsePassages(about(ApproveAnnotation)),
	}
}

// parseWord reads a Word as JSON, or as canarize wrote it before it knew who spoke:
// the bare text.
func parseWord(text string) *Statement {
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

// parsePassages reads approvals as JSON, or as canarize wrote them before it knew who
// spoke: the names of gates.
func parsePassages(text string) []Approval {
	var all []Approval
	if !strings.HasPrefix(text, "[") || json.Unmarshal([]byte(text), &all) != nil {
		all = nil
		for _, gate := range strings.Fields(text) {
			all = append(all, Approval{Gate: gate})
		}
	}
	var s Statements
	for _, p := range all[:min(len(all), maxPassages)] {
		s.Approve(Approval{Gate: clip(p.Gate), By: clip(p.By), At: p.At})
	}
	return s.Approved
}

// maxPassages bounds the gates that are remembered.
const maxPassages = 100

// Annotations are what SaidOf reads again.
func (s Statements) Annotations(started time.Time) map[string]string {
	words := map[string]any{HoldAnnotation: s.Hold, RejectAnnotation: s.Rejected, ApproveAnnotation: nil}
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
