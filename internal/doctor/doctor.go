// Package doctor finds what would disturb a release, and leftovers of earlier releases,
// in the objects of a cluster. It is pure: objects in, findings out.
package doctor

import (
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/rollout"
)

// Finding is a problem to solve.
type Finding struct {
	Check   string `json:"check"`   // the rule that found it
	Object  string `json:"object"`  // for example Deployment shop/web
	Problem string `json:"problem"` // what is wrong
	Mend    string `json:"mend"`    // what to do
}

// Report holds the findings about a namespace.
type Report struct {
	Namespace string `json:"namespace"`
	// Gateways describes the gateways that were found, for example by version and
	// number of pods; "" if there is none. In JSON the field keeps the name "emissary",
	// because scripts read it: Emissary was the first supported gateway.
	Gateways string    `json:"emissary"`
	Findings []Finding `json:"findings"`
	// Unseen lists what could not be read, and why.
	Unseen []string `json:"unseen"`
}

// Seen holds the facts that were read from a cluster.
type Seen struct {
	Namespace string // of the releases
	Now       time.Time
	// Objects holds decoded JSON of the namespace and of the gateways, in any order.
	Objects []map[string]any
	// Whole means that Objects has the gateways' routing configuration of every
	// namespace.
	Whole bool
	// Listed has the kinds that Objects contains completely, in a namespace or with ""
	// in all; its names are empty. Of other kinds, Objects has what was requested by
	// name, and Absent has what did not exist.
	Listed, Absent []manifest.ID
	// Unseen lists in sentences what could not be read.
	Unseen []string
	// Denied lists the permissions that the current user lacks. Grant is the command
	// that prints them.
	Denied []Denied
	Grant  string
	// Served lists the served versions of the gateways' API groups.
	Served   map[string][]string
	Releases []Recorded
	// Posted lists the errors that the gateways themselves report. Asked means that they
	// could be asked.
	Posted []Posted
	Asked  bool
	// Wanted is the planned release; nil if none was named.
	Wanted *Wanted
}

// Posted is an error that a gateway reports about an object, whose kind it does not name.
type Posted struct{ Namespace, Name, Text string }

// Denied lists verbs on a resource that are not allowed.
type Denied struct {
	Resource, Namespace string
	Verbs               []string
}

// Recorded is a release as the cluster records it.
type Recorded struct {
	Name  string
	State rollout.State
	Plan  rollout.Plan
	Err   error // why the record cannot be read
	// Behind says what the gateway does instead of what the routes ask for; "" if nothing,
	// or if it was not asked.
	Behind string
}

// Wanted is a planned release.
type Wanted struct {
	Name string
	Plan rollout.Plan
	// Refused lists what the API server would refuse.
	Refused []Finding
	// Accept names the warnings that the user knows about.
	Accept []note.Name
}

// Examine applies every rule. Its report depends only on its arguments.
func Examine(seen Seen, gateways ...Gateway) Report {
	e := newExam(seen)
	var reports []GatewayReport
	for _, g := range gateways {
		reports = append(reports, g.Examine(e))
	}
	e.namespace()
	e.permissions()
	for _, g := range reports {
		e.found = append(e.found, g.Gateway...)
	}
	e.refused()
	e.stable(reports)
	e.selectors()
	e.quotas()
	for _, g := range reports {
		e.found = append(e.found, g.Routes...)
	}
	e.releases(reports)
	e.orphans(reports)
	e.locks()
	return Report{Namespace: seen.Namespace, Gateways: facts(reports), Findings: e.found, Unseen: append([]string{}, seen.Unseen...)}
}
