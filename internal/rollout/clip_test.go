package rollout

import (
	"strings"
	"testing"
	"time"
)

// TestLongReason checks that a long message is stored with what happened and its cause.
// It used to be stored as its first 125 characters.
func TestLongReason(t *testing.T) {
	s := State{Schema: Schema, Phase: Promoting}
	reason := "Deployment shop/web: it was refused: " + strings.Repeat("field x, ", 200) + "admission webhook policy denied the request"
	s, _ = Next(Spec{Limit: 100}, s, Observation{Time: time.Unix(0, 0), Fact: Failed{Action: Action{Kind: ApplyStable}, Reason: reason}})
	texts := []string{s.Held}
	for _, e := range s.History {
		texts = append(texts, e.Text)
	}
	for _, text := range texts {
		if !strings.Contains(text, "Deployment shop/web") || !strings.HasSuffix(text, "denied the request") || len(text) > maxText {
			t.Errorf("%d bytes: %s", len(text), text)
		}
	}
}
