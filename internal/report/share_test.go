package report

import (
	"testing"

	"github.com/canarize/canarize/internal/rollout"
)

// TestShare: the three truths stand side by side, with the reason where they differ.
func TestShare(t *testing.T) {
	frozen := &rollout.Taken{Least: 50, Most: 50, Pods: 1, Behind: 1, Unchanged: 43.2}
	one := &rollout.Taken{Least: 0, Most: 50, Pods: 2, Behind: 1, Unchanged: 43.2}
	for want, s := range map[string]Status{
		"5 % asked for, not verified since the last change":                                                                                   {Weight: 5},
		"5 % asked for, the gateway gives 5 %":                                                                                                {Weight: 5, Verified: new(5)},
		"5 % asked for, the gateway gives 5 %, 4.8 % of the requests seen":                                                                    {Weight: 5, Verified: new(5), Seen: &rollout.Seen{Canary: 48, All: 1000}},
		"5 % asked for, the gateway gives 5 %, 12 % of the requests seen":                                                                     {Weight: 5, Verified: new(5), Seen: &rollout.Seen{Canary: 123, All: 1000}},
		"5 % asked for, the gateway gives 5 %, 0 % of the requests seen":                                                                      {Weight: 5, Verified: new(5), Seen: &rollout.Seen{All: 1000}},
		"50 % asked for, the gateway gives 5 %":                                                                                               {Weight: 50, Verified: new(5)},
		"5 % asked for, not verified, because no gateway could be asked":                                                                      {Weight: 5, Proof: rollout.ByModelAlone},
		"0 % asked for, the gateway gives 50 % (no route changed for 43s, so the gateway is frozen or slow)":                                  {Taken: frozen},
		"0 % asked for, the gateway gives 0 to 50 % (1 of 2 gateway pods behind, no route changed for 43s, so the gateway is frozen or slow)": {Taken: one},
		"0 % asked for, the gateway gives 50 %":                                                                                               {Taken: &rollout.Taken{Least: 50, Most: 50, Pods: 1, Behind: 1}},
	} {
		if have := s.Share().String(); have != want {
			t.Errorf("%s\nwant %s", have, want)
		}
	}
}

// TestSentenceOfFrozen: where the gateway does not do what was asked for, the sentence says
// so, and it never says that traffic is back on stable.
func TestSentenceOfFrozen(t *testing.T) {
	frozen := &rollout.Taken{Least: 50, Most: 50, Pods: 1, Behind: 1, Unchanged: 43.2}
	for want, s := range map[string]Status{
		"the canary's weight is 0, but the gateway gives the canary 50 % (no route changed for 43s, so the gateway is frozen or slow); see canarize doctor, and run canarize reject again":                                                                                        {Phase: rollout.Rejecting, Taken: frozen},
		"no request reaches the canary: the gateway gives the canary 50 % (no route changed for 43s, so the gateway is frozen or slow) at a weight of 0, so its Services select the stable pods and its own pods have ended; see canarize doctor, then run canarize reject again": {Phase: rollout.Rejecting, Taken: frozen, Braked: true, Cut: true},
	} {
		if have := s.Sentence(); have != want {
			t.Errorf("%s\nwant %s", have, want)
		}
	}
}
