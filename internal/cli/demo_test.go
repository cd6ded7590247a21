package cli

import (
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/simulate/peer"
)

// TestDemoUsers: the sentences about users have the numbers of the result.
func TestDemoUsers(t *testing.T) {
	others := []peer.Ghost{{Tool: "Argo Rollouts", Weight: 20, Verdict: analysis.Continue, Failed: 12, Ends: &peer.GhostEnd{Verdict: analysis.Promote, Seconds: 2400, Failed: 900}}, {Tool: "Flagger", Verdict: analysis.Reject, Failed: 3}}
	for want, r := range map[string]demo.Result{
		"None of 90 users met the new version.\n": {Seen: demo.Seen{Stable: demo.Counts{Requests: 90}}, Exposed: -1, Others: []peer.Ghost{{Tool: "Flagger"}}},
		"Of 100 users, 10 met the new version, and it failed 4 of them. The last one met it 1.5 s after the first failure.\n" +
			"With the documented rules of Argo Rollouts it would have failed 12 by then: they give it 20 %, and promote it after 40 min and 900 failed requests.\n" +
			"With the documented rules of Flagger it would have failed 3 by then: they have rejected it.\n": {
			Phase: rollout.Rejected, Seen: demo.Seen{Stable: demo.Counts{Requests: 90}, Canary: demo.Counts{Requests: 10, Failed: 4}}, Exposed: 1.5, Others: others,
		},
		"Of 100 users, 10 met the new version, and it failed 1 of them.\n": {Phase: rollout.Promoted, Seen: demo.Seen{Stable: demo.Counts{Requests: 90}, Canary: demo.Counts{Requests: 10, Failed: 1}}, Exposed: 9},
	} {
		var b strings.Builder
		if users(&b, r); b.String() != want {
			t.Errorf("%q, not %q", b.String(), want)
		}
	}
}
