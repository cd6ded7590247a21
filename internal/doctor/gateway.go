package doctor

import (
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// Gateway examines a kind of gateway and its routes. It is pure, and its report does
// not depend on the order of the objects.
type Gateway interface {
	Examine(*Exam) GatewayReport
}

// GatewayReport holds what a Gateway found.
type GatewayReport struct {
	// Fact describes the gateway, for example by version and number of pods; "" if
	// there is none.
	Fact string
	// Gateway has the findings about the gateway itself; they come before those about
	// workloads. The findings in Routes come after them.
	Gateway, Routes []Finding
	// Changed has the findings about routes that somebody changed during a release, by
	// the release's name.
	Changed map[string][]Finding
	// Leads has the Services to which routes lead.
	Leads []manifest.ID
	// Sole has the canary routes that get every request, because no stable route is beside
	// them. Deleting one fails its requests.
	Sole []manifest.ID
	// APIGroup is the group of the gateway's routes. Leftover routes have to be deleted
	// first: a route without its Service fails requests.
	APIGroup string
}

// leads reports whether a route leads to a Service.
func leads(reports []GatewayReport, service manifest.ID) bool {
	return slices.ContainsFunc(reports, func(g GatewayReport) bool { return slices.Contains(g.Leads, service) })
}

// leadInto reports whether a route leads to a Service of a namespace.
func leadInto(reports []GatewayReport, namespace string) bool {
	return slices.ContainsFunc(reports, func(g GatewayReport) bool {
		return slices.ContainsFunc(g.Leads, func(id manifest.ID) bool { return id.Namespace == namespace })
	})
}

// facts joins the facts of the gateways.
func facts(reports []GatewayReport) string {
	var all []string
	for _, g := range reports {
		if g.Fact != "" {
			all = append(all, g.Fact)
		}
	}
	return strings.Join(all, "; ")
}
