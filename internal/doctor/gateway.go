package doctor

import "strings"

// Gateway examines a kind of gateway, and what it does with the routes that were seen.
// It is pure, and the order of what was seen makes no difference to it.
type Gateway interface {
	Examine(*Exam) GatewayReport
}

// GatewayReport is what a Gateway found.
type GatewayReport struct {
	// Fact says which gateway it is, such as its version and the number of its pods; ""
	// where it was not seen.
	Fact string
	// Gateway are findings about the gateway itself. They come before those about
	// workloads, and Routes after them.
	Gateway, Routes []Finding
	// Changed are findings about routes that somebody changed during a release, by its
	// name.
	Changed map[string][]Finding
	// APIGroup is that of the gateway's routes. Of leftovers they have to be deleted
	// first: a route without its Service fails requests.
	APIGroup string
}

// facts are those of the gateways that were seen.
func facts(told []GatewayReport) string {
	var all []string
	for _, g := range told {
		if g.Fact != "" {
			all = append(all, g.Fact)
		}
	}
	return strings.Join(all, "; ")
}
