// Package doctor finds what would disturb a release before it begins, and what
// earlier ones have left behind, in the objects of a cluster. It is pure: what was
// seen in, findings out.
package doctor

import (
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// Finding is something to mend.
type Finding struct {
	Check   string `json:"check"`   // which rule found it
	Object  string `json:"object"`  // what it is about: Deployment shop/web
	Problem string `json:"problem"` // what is wrong
	Mend    string `json:"mend"`    // what to do
}

// Report is what a doctor says about a namespace.
type Report struct {
	Namespace string `json:"namespace"`
	// Gateways are the facts about the gateways that were seen, such as the version and
	// the number of pods; "" where none was. The first gateway gave the field its name in
	// JSON, and scripts read it.
	Gateways string    `json:"emissary"`
	Findings []Finding `json:"findings"`
	// Unseen is what could not be looked at, and why.
	Unseen []string `json:"unseen"`
}

// Seen is what was looked at in a cluster.
type Seen struct {
	Namespace string // of the releases
	Now       time.Time
	// Objects are of the namespace and of the gateways, as decoded JSON, in any order.
	Objects []map[string]any
	// Whole says that they have all by which gateways decide, of every namespace.
	Whole bool
	// Listed are kinds, in a namespace or with "" in all, of which Objects has
	// everything; no name is given. Of others it has what was asked for by its name,
	// and Absent is what was not there.
	Listed, Absent []manifest.ID
	// Unseen says in sentences what could not be looked at.
	Unseen []string
	// Denied are permissions that whoever is logged in does not have, and Grant is the
	// command that prints what grants them.
	Denied []Denied
	Grant  string
	// Served are the versions in which the cluster serves the gateways' API groups.
	Served   map[string][]string
	Releases []Release
	// Wanted is the release that is to begin; nil when none was named.
	Wanted *Wanted
}

// Denied are verbs on a resource that are not allowed.
type Denied struct {
	Resource, Namespace string
	Verbs               []string
}

// Release is what the cluster remembers of one.
type Release struct {
	Name  string
	State rollout.State
	Plan  rollout.Plan
	Err   error // why that cannot be read
}

// Wanted is a release that is to begin.
type Wanted struct {
	Name string
	Plan rollout.Plan
	// Refused is what the API server would not take of it.
	Refused []Finding
}

// Examine applies every rule to what was seen. The same things seen give the same
// report.
func Examine(seen Seen, gateways ...Gateway) Report {
	e := newExam(seen)
	var told []GatewayReport
	for _, g := range gateways {
		told = append(told, g.Examine(e))
	}
	e.namespace()
	e.permissions()
	for _, g := range told {
		e.found = append(e.found, g.Gateway...)
	}
	e.refused()
	e.stable()
	e.selectors()
	e.quotas()
	for _, g := range told {
		e.found = append(e.found, g.Routes...)
	}
	e.releases(told)
	e.orphans(told)
	e.locks()
	return Report{Namespace: seen.Namespace, Gateways: facts(told), Findings: e.found, Unseen: append([]string{}, seen.Unseen...)}
}
