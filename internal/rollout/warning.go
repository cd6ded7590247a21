package rollout

import "github.com/canarize/canarize/internal/manifest"

// Warning is what the derivation of a release's canary found in the manifests.
type Warning struct {
	Name     string      `json:"name"` // of the kind of warning
	Object   manifest.ID `json:"object"`
	Text     string      `json:"text"` // a sentence whose subject, the object, is left out
	Accepted bool        `json:"accepted,omitempty"`
}

// String returns the warning as one sentence.
func (w Warning) String() string {
	text := w.Object.String() + ": " + w.Text + " (" + w.Name
	if w.Accepted {
		text += ", accepted"
	}
	return text + ")"
}

// maxWarnings bounds the warnings of a State. The first ones are the most harmful.
const maxWarnings = 40

// clipWarnings bounds warnings that will be stored.
func clipWarnings(all []Warning) []Warning {
	var kept []Warning
	for _, w := range all[:min(len(all), maxWarnings)] {
		w.Text = clip(w.Text)
		kept = append(kept, w)
	}
	return kept
}
