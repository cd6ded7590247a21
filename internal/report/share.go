package report

import (
	"fmt"
	"strings"

	"github.com/canarize/canarize/internal/rollout"
)

// Share holds the three truths about the canary's share as texts. A truth that is unknown
// is "-".
type Share struct {
	Asked string // the weight that was asked for
	Taken string // the share that the gateways were last seen to give
	Seen  string // the part of the requests that the canary got at this weight
	Why   string // why Taken is not Asked; "" if unknown
}

// unknown is the text of a truth that is unknown.
const unknown = "-"

// Share returns the three truths about the canary's share.
func (s Status) Share() Share {
	share := Share{Asked: fmt.Sprintf("%d %%", s.Weight), Taken: unknown, Seen: SeenShare(s.Seen)}
	switch {
	case s.Verified != nil:
		share.Taken = fmt.Sprintf("%d %%", *s.Verified)
	case s.Taken != nil:
		share.Taken, share.Why = s.Taken.Share(), s.Taken.Reason()
	case s.Proof == rollout.ByModelAlone:
		share.Why = "no gateway could be asked"
	}
	return share
}

// SeenShare returns a part of the requests as a text; "-" if it is unknown.
func SeenShare(s *rollout.Seen) string {
	part, known := s.Percent()
	switch {
	case !known:
		return unknown
	case part < 10:
		return fmt.Sprintf("%.2g %%", part)
	}
	return fmt.Sprintf("%.0f %%", part)
}

// String returns the three truths on one line.
func (s Share) String() string {
	parts := []string{s.Asked + " asked for"}
	switch {
	case s.Taken != unknown && s.Why != "":
		parts = append(parts, fmt.Sprintf("the gateway gives %s (%s)", s.Taken, s.Why))
	case s.Taken != unknown:
		parts = append(parts, "the gateway gives "+s.Taken)
	case s.Why != "":
		parts = append(parts, "not verified, because "+s.Why)
	default:
		parts = append(parts, "not verified since the last change")
	}
	if s.Seen != unknown {
		parts = append(parts, s.Seen+" of the requests seen")
	}
	return strings.Join(parts, ", ")
}

// behind says what the gateways give instead of the weight; "" if they are not seen to give
// anything else.
func (s Status) behind() string {
	if s.Taken == nil || s.Verified != nil || s.Taken.Least == float64(s.Weight) && s.Taken.Most == float64(s.Weight) {
		return ""
	}
	return "the gateway gives the canary " + s.Taken.String()
}
