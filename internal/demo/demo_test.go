package demo

import (
	"encoding/json"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
)

// TestScenarios plays every scenario with the real engine: each ends as its story says.
func TestScenarios(t *testing.T) {
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(t.Context(), Options{Scenario: s, Speed: 2, Run: rollout.Run{Holder: "test"}, Emit: func(e rollout.Event) { t.Log(e.Weight, e.Text) }})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s", text)
			if r.Problem != "" {
				t.Error(r.Problem)
			}
		})
	}
}
