package rollout

import (
	"fmt"
	"time"
)

// Gate is something that has to agree before the weight reaches a share, or before
// the promotion.
type Gate struct {
	Name string
	// Weight is the share, in percent, that the gate stands before: it is asked once,
	// before the weight becomes that or more. 0 stands before the promotion.
	Weight int

	// One of these says how it is asked.
	Exec   []string // a program with its arguments; exit code 0 agrees
	HTTP   string   // a URL; a status of 2xx agrees, others are asked again
	Manual bool     // canarize approve agrees

	Timeout time.Duration // of Exec and HTTP; what has not agreed until then refuses
}

// DefaultGateTimeout is that of a gate that names none.
const DefaultGateTimeout = 10 * time.Minute

// Before says what the gate stands before.
func (g Gate) Before() string {
	if g.Weight == 0 {
		return "promotion"
	}
	return fmt.Sprintf("%d %%", g.Weight)
}

// Guards says whether a gate has to agree before something that is asked for.
func (g Gate) Guards(a Request) bool {
	if g.Weight == 0 {
		return a.Verb == Promote
	}
	return a.Verb == Promote || a.Verb == Shift && a.Weight >= g.Weight
}
