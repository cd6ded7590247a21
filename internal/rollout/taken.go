package rollout

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Taken says what the gateways were seen to do when they did not apply a weight. There
// are three truths about a share: what was asked for (State.Weight), what the gateways
// have taken, and what was seen in the requests (Seen).
type Taken struct {
	// Least and Most are the smallest and the largest share, in percent, that a gateway
	// pod gives the canary.
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
	// Pods is the number of gateway pods. Behind is how many of them have not applied the
	// weight.
	Pods   int `json:"pods"`
	Behind int `json:"behind"`
	// Unchanged is how long, in seconds, the routes of every pod behind have not changed,
	// by the clock of the gateway. It is 0 if they have changed since the weight was
	// written, or if that is unknown.
	Unchanged float64 `json:"unchanged,omitempty"`
	// At is when the gateways were asked last.
	At time.Time `json:"at,omitzero"`
}

// Share returns the share as a text, such as "5 %" or "0 to 50 %".
func (t Taken) Share() string {
	if t.Least == t.Most {
		return fmt.Sprintf("%g %%", t.Least)
	}
	return fmt.Sprintf("%g to %g %%", t.Least, t.Most)
}

// String returns the share, with the reason why it is not the weight, if that is known.
func (t Taken) String() string {
	if why := t.Reason(); why != "" {
		return fmt.Sprintf("%s (%s)", t.Share(), why)
	}
	return t.Share()
}

// Reason says why the gateways have not taken the weight, as far as that is known. It is
// "" if nothing is known.
func (t Taken) Reason() string {
	var reasons []string
	if t.Behind > 0 && t.Behind < t.Pods {
		reasons = append(reasons, fmt.Sprintf("%d of %d gateway pods behind", t.Behind, t.Pods))
	}
	if t.Unchanged > 0 {
		reasons = append(reasons, t.Idle())
	}
	return strings.Join(reasons, ", ")
}

// Idle says what follows from routes that have not changed.
func (t Taken) Idle() string {
	return fmt.Sprintf("no route changed for %s, so the gateway is frozen or slow", time.Duration(math.Round(t.Unchanged))*time.Second)
}

// Seen counts the requests of both versions since the canary's current weight was in
// force.
type Seen struct {
	Canary int64 `json:"canary"`
	All    int64 `json:"all"`
}

// Percent returns the canary's share of the requests. It is false if there was none.
func (s *Seen) Percent() (share float64, known bool) {
	if s == nil || s.All <= 0 {
		return 0, false
	}
	return 100 * float64(s.Canary) / float64(s.All), true
}
