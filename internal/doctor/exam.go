package doctor

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
)

// Exam is one examination. It holds what was seen and answers questions about it.
type Exam struct {
	Seen
	sorted []Object
	byID   map[manifest.ID]Object
	found  []Finding
}

// Object is an object with its identity.
type Object struct {
	unstructured.Unstructured
	ID manifest.ID
}

func newExam(seen Seen) *Exam {
	e := &Exam{Seen: seen, byID: map[manifest.ID]Object{}, found: []Finding{}}
	for _, fields := range seen.Objects {
		o := Object{unstructured.Unstructured{Object: fields}, object.ID(fields)}
		if _, twice := e.byID[o.ID]; !twice {
			e.byID[o.ID] = o
			e.sorted = append(e.sorted, o)
		}
	}
	slices.SortFunc(e.sorted, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.ID.Namespace, b.ID.Namespace), cmp.Compare(a.ID.Kind, b.ID.Kind), cmp.Compare(a.ID.Name, b.ID.Name), cmp.Compare(a.ID.Group, b.ID.Group))
	})
	return e
}

func (e *Exam) find(check, about, problem, mend string) {
	e.found = append(e.found, Finding{check, about, problem, mend})
}

// Sorted returns the objects, each once, by namespace, kind and name.
func (e *Exam) Sorted() []Object { return e.sorted }

// Of returns the objects of some kinds in a namespace, sorted.
func (e *Exam) Of(namespace string, kinds ...string) []Object {
	var some []Object
	for _, o := range e.sorted {
		if o.ID.Namespace == namespace && slices.Contains(kinds, o.ID.Kind) {
			some = append(some, o)
		}
	}
	return some
}

// Find returns an object, if it was seen.
func (e *Exam) Find(id manifest.ID) (o Object, found bool) {
	o, found = e.byID[id]
	return o, found
}

// Missing reports whether an object certainly does not exist.
func (e *Exam) Missing(id manifest.ID) bool {
	if _, found := e.byID[id]; found {
		return false
	}
	return e.Knows(id)
}

// Knows reports whether the existence of an object was checked.
func (s *Seen) Knows(id manifest.ID) bool {
	return s.HasAll(id) || slices.Contains(s.Absent, id) || slices.ContainsFunc(s.Objects, func(o map[string]any) bool { return object.ID(o) == id })
}

// HasAll reports whether all objects of a kind in a namespace were seen. The name in id
// does not matter.
func (s *Seen) HasAll(id manifest.ID) bool {
	kind := manifest.ID{Group: id.Group, Kind: id.Kind}
	in := kind
	in.Namespace = id.Namespace
	return slices.Contains(s.Listed, kind) || slices.Contains(s.Listed, in)
}

// IsCanary reports whether an object belongs to a canary or a baseline.
func (o Object) IsCanary() bool { return o.GetLabels()[canary.TrackLabel] != "" }

// Text returns the text at a path; "" if there is none.
func (o Object) Text(path ...string) string {
	s, _, _ := unstructured.NestedString(o.Object, path...)
	return s
}

// number returns the whole number at a path, or otherwise if there is none.
func (o Object) number(otherwise int64, path ...string) int64 {
	n, found, err := unstructured.NestedInt64(o.Object, path...)
	if !found || err != nil {
		return otherwise
	}
	return n
}

// Value returns the value at a path; nil if there is none.
func (o Object) Value(path ...string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(o.Object, path...)
	return v
}

// List returns the objects in the list at a path.
func (o Object) List(path ...string) []map[string]any {
	items, _ := o.Value(path...).([]any)
	var all []map[string]any
	for _, item := range items {
		if fields, isObject := item.(map[string]any); isObject {
			all = append(all, fields)
		}
	}
	return all
}
