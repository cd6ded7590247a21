package rollout

import (
	"fmt"
	"time"
)

// Gate has to agree before the weight reaches a share, or before the promotion.
type Gate struct {
	Name string
	// Weight is the share, in percent, before which the gate has to agree. It is asked
	// once, before the weight becomes that or more. 0 means before the promotion.
	Weight int

	// Exactly one of these is set.
	Exec   []string // a program with its arguments; exit code 0 agrees
	HTTP   string   // a URL; a 2xx status agrees, any other is retried
	Manual bool     // agrees when a person runs canarize approve

	Timeout time.Duration // of Exec and HTTP; a gate that has not agreed by then refuses
}

// DefaultGateTimeout is the timeout of a gate that sets none.
const DefaultGateTimeout = 10 * time.Minute

// Before names what the gate protects: a share, or the promotion.
func (g Gate) Before() string {
	if g.Weight == 0 {
		return "promotion"
	}
	return fmt.Sprintf("%d %%", g.Weight)
}

// Guards reports whether the gate has to agree before the request.
func (g Gate) Guards(r Request) bool {
	if g.Weight == 0 {
		return r.Verb == Promote
	}
	return r.Verb == Promote || r.Verb == Shift && r.Weight >= g.Weight
}
