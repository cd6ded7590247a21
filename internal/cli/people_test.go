package cli

import (
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
)

// TestKnownGate checks what can be approved: the gates of a release, and the metric that holds it.
func TestKnownGate(t *testing.T) {
	s := rollout.State{Gates: []string{"sign-off"}, Judged: &rollout.Judged{Metric: "errors{route=7}"}}
	var f engineFlags
	for _, name := range []string{"sign-off", "errors{route=7}"} {
		if err := f.knownGate(s, name); err != nil {
			t.Error(err)
		}
	}
	s.Judged.Metric = ""
	for _, s := range []rollout.State{s, {Gates: s.Gates}} {
		for _, name := range []string{"errors{route=7}", "", "errors"} {
			if err := f.knownGate(s, name); err == nil || !strings.Contains(err.Error(), "and no metric of that name holds it; its gates are: sign-off") {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}
