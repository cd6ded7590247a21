package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/saying"
)

// TestStatusCode: a status has the code of what the release waits for, or of why canarize
// rejected it. The words of people have none.
func TestStatusCode(t *testing.T) {
	share := "the gateway has not applied the shares within 30s: Mapping shop/web-canary has 5 %"
	for name, c := range map[string]struct {
		state rollout.State
		want  string
	}{
		"standing":        {rollout.State{Phase: rollout.Standing, Weight: 5}, ""},
		"held by a cause": {rollout.State{Phase: rollout.Standing, Held: share}, "CZ3001"},
		"held":            {rollout.State{Phase: rollout.Standing, Held: "disk on fire"}, "CZ4002"},
		"paused":          {rollout.State{Phase: rollout.Standing, Paused: &rollout.Statement{Text: "no progress for 10m"}}, "CZ4017"},
		"at a gate":       {rollout.State{Phase: rollout.Standing, Awaiting: "qa"}, "CZ4016"},
		"braked":          {rollout.State{Phase: rollout.Standing, Braked: true}, "CZ4001"},
		"by the judge":    {rollout.State{Phase: rollout.Rejected, Reason: &rollout.Reason{By: rollout.ByJudge, Text: "errors: 24 of 54 requests of the canary were bad, while stable had none (0 of 1646)."}}, "CZ5001"},
		"by the deadline": {rollout.State{Phase: rollout.Rejected, Reason: &rollout.Reason{By: rollout.ByDeadline, Text: "The deadline has passed without enough evidence for a decision."}}, "CZ5004"},
		"by pods":         {rollout.State{Phase: rollout.Rejected, Reason: &rollout.Reason{By: rollout.ByPods, Text: "web: ImagePullBackOff: no (no progress for 10m0s)"}}, "CZ2015"},
		"by a gate":       {rollout.State{Phase: rollout.Rejected, Reason: &rollout.Reason{By: rollout.ByGate, Text: "gate qa refuses 5 %: no"}}, "CZ4020"},
		"by a person":     {rollout.State{Phase: rollout.Rejected, Reason: &rollout.Reason{By: rollout.ByPerson, Text: "no progress for 10m"}}, ""},
		"promoted":        {rollout.State{Phase: rollout.Promoted, Reason: &rollout.Reason{By: rollout.ByJudge, Text: "no progress for 10m"}}, ""},
	} {
		if got := StatusOf("shop", "web", c.state).Code; got != c.want {
			t.Errorf("%s: the code %q instead of %q", name, got, c.want)
		}
	}
}

// TestEventCodes: the events of a status have the codes of their messages, and the state
// from which it was made has none, so the record does not grow.
func TestEventCodes(t *testing.T) {
	s := rollout.State{Phase: rollout.Standing, History: []rollout.Event{
		{Kind: rollout.EventAsked, Text: "deploy: no progress for 10m"},
		{Kind: rollout.EventSaid, Text: "on hold: no progress for 10m"},
		{Kind: rollout.EventFailed, Text: "wait for canary: no progress for 10m"},
		{Kind: rollout.EventPhase, Text: "the canary is ready"},
	}}
	text, err := json.Marshal(StatusOf("shop", "web", s).Events)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), `"code":`) != 1 || !strings.Contains(string(text), `"text":"wait for canary: no progress for 10m","code":"CZ2003"`) {
		t.Errorf("events %s", text)
	}
	if text, err = json.Marshal(s); err != nil || strings.Contains(string(text), "CZ") {
		t.Errorf("%v, state %s", err, text)
	}
}

// TestEventOf: without a message in the text, the cause of an event decides.
func TestEventOf(t *testing.T) {
	for want, e := range map[saying.Code]rollout.Event{
		"CZ4006": {Kind: rollout.EventFailed, Text: "x", Cause: &rollout.Refusal{Code: rollout.RefusedNotReady}},
		"CZ5105": {Kind: rollout.EventJudged, Text: "x", Judged: &rollout.Judged{Cause: "bad-pod"}},
		"":       {Kind: rollout.EventPhase, Text: "x"},
	} {
		if got := saying.OfEvent(e); got != want {
			t.Errorf("%q instead of %q", got, want)
		}
	}
}
