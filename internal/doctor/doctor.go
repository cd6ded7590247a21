// Package doctor finds what would disturb a release before it begins, and what
// earlier ones have left behind, in the objects of a cluster. It is pure: what was
// seen in, findings out.
package doctor

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// Finding is something to mend.
type Finding struct {
	Check   string `json:"check"`   // which rule found it
	Object  string `json:"object"`  // what it is about: Mapping shop/shop
	Problem string `json:"problem"` // what is wrong
	Mend    string `json:"mend"`    // what to do
}

// Report is what a doctor says about a namespace.
type Report struct {
	Namespace string `json:"namespace"`
	// Emissary is its version and the number of its pods; "" where it was not seen.
	Emissary string    `json:"emissary"`
	Findings []Finding `json:"findings"`
	// Unseen is what could not be looked at, and why.
	Unseen []string `json:"unseen"`
}

// Seen is what was looked at in a cluster.
type Seen struct {
	Namespace        string // of the releases
	GatewayNamespace string // of Emissary's pods
	Now              time.Time
	// Objects are of the namespace and of Emissary, as decoded JSON, in any order.
	Objects []map[string]any
	// Whole says that they have all by which Emissary decides, of every namespace.
	Whole bool
	// Listed are kinds, in a namespace or with "" in all, of which Objects has
	// everything; no name is given. Of others it has what was asked for by its name,
	// and Absent is what was not there.
	Listed, Absent []manifest.ID
	// Unseen says in sentences what could not be looked at.
	Unseen []string
	// Denied are permissions that whoever is logged in does not have.
	Denied []Denied
	// Versions are those in which the cluster serves Emissary's resources.
	Versions []string
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

// checks are the rules, in the order in which findings are told.
var checks = [...]func(*exam){
	(*exam).namespace, (*exam).permissions, (*exam).served, (*exam).gateway, (*exam).refused,
	(*exam).stable, (*exam).selectors, (*exam).quotas,
	(*exam).posted, (*exam).groups, (*exam).mappings,
	(*exam).releases, (*exam).orphans, (*exam).locks,
}

// Examine applies every rule to what was seen. The same things seen give the same
// report.
func Examine(seen Seen) Report {
	e := newExam(seen)
	for _, check := range checks {
		check(e)
	}
	return Report{Namespace: seen.Namespace, Emissary: e.emissaryFact(), Findings: e.found, Unseen: append([]string{}, seen.Unseen...)}
}

// exam is one examination.
type exam struct {
	Seen
	objects []object // sorted
	byID    map[manifest.ID]object
	found   []Finding

	computed *model.Configuration // by the model, once it is asked for
}

// object is one of a cluster, with its identity.
type object struct {
	unstructured.Unstructured
	id manifest.ID
}

func newExam(seen Seen) *exam {
	e := &exam{Seen: seen, byID: map[manifest.ID]object{}, found: []Finding{}}
	for _, fields := range seen.Objects {
		o := object{unstructured.Unstructured{Object: fields}, rollout.IDOf(fields)}
		if _, twice := e.byID[o.id]; !twice {
			e.byID[o.id] = o
			e.objects = append(e.objects, o)
		}
	}
	slices.SortFunc(e.objects, func(a, b object) int {
		return cmp.Or(cmp.Compare(a.id.Namespace, b.id.Namespace), cmp.Compare(a.id.Kind, b.id.Kind), cmp.Compare(a.id.Name, b.id.Name), cmp.Compare(a.id.Group, b.id.Group))
	})
	return e
}

func (e *exam) find(check, about, problem, mend string) {
	e.found = append(e.found, Finding{check, about, problem, mend})
}

// of are the objects of some kinds in a namespace.
func (e *exam) of(namespace string, kinds ...string) []object {
	var some []object
	for _, o := range e.objects {
		if o.id.Namespace == namespace && slices.Contains(kinds, o.id.Kind) {
			some = append(some, o)
		}
	}
	return some
}

// absent says whether an object is known not to be there.
func (e *exam) absent(id manifest.ID) bool {
	if _, found := e.byID[id]; found {
		return false
	}
	return e.Knows(id)
}

// Knows says whether it was looked whether an object is there.
func (s *Seen) Knows(id manifest.ID) bool {
	return s.listed(id) || slices.Contains(s.Absent, id) || slices.ContainsFunc(s.Objects, func(o map[string]any) bool { return rollout.IDOf(o) == id })
}

// listed says whether all objects of a kind in a namespace were seen.
func (s *Seen) listed(id manifest.ID) bool {
	kind := manifest.ID{Group: id.Group, Kind: id.Kind}
	in := kind
	in.Namespace = id.Namespace
	return slices.Contains(s.Listed, kind) || slices.Contains(s.Listed, in)
}

// isCanary says whether an object was made for a canary or a baseline.
func (o object) isCanary() bool { return o.GetLabels()[canary.TrackLabel] != "" }

func (o object) text(path ...string) string {
	s, _, _ := unstructured.NestedString(o.Object, path...)
	return s
}

// number is a whole number, or otherwise where there is none.
func (o object) number(otherwise int64, path ...string) int64 {
	n, found, err := unstructured.NestedInt64(o.Object, path...)
	if !found || err != nil {
		return otherwise
	}
	return n
}

// value is what stands at a path, of any type; nil when there is nothing.
func (o object) value(path ...string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(o.Object, path...)
	return v
}

// list are the objects in the list at a path.
func (o object) list(path ...string) []map[string]any {
	items, _ := o.value(path...).([]any)
	var all []map[string]any
	for _, item := range items {
		if fields, isObject := item.(map[string]any); isObject {
			all = append(all, fields)
		}
	}
	return all
}
