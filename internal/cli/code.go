package cli

import (
	"errors"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/saying"
)

// codeOf returns the stable code of an error and its message; "" if it has none. What the
// message says decides, because records and logs keep only that.
func codeOf(message string, err error) saying.Code {
	if code := saying.CodeOf(message); code != "" || message == "" {
		return code
	}
	var r *rollout.Refusal
	if errors.As(err, &r) {
		s, _ := saying.OfRefusal(r.Code)
		return s.Code
	}
	return ""
}

// codedLine returns a message as one line that ends with its code. The code is never cut off.
func codedLine(message string) string { return saying.Mark(oneLine(message), saying.CodeOf(message)) }
