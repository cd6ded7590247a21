package doctor

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
)

// Exam is one examination: what was seen, and questions to it.
type Exam struct {
	Seen
	sorted []Object
	byID   map[manifest.ID]Object
	found  []Finding
}

// Object is one of a cluster, with its identity.
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

// Sorted are the objects, each once, by namespace, kind and name.
func (e *Exam) Sorted() []Object { return e.sorted }

// Of are the objects of some kinds in a namespace, sorted.
func (e *Exam) Of(namespace string, kinds ...string) []Object {
	var some []Object
	for _, o := range e.sorted {
		if o.ID.Namespace == namespace && slices.Contains(kinds, o.ID.Kind) {
			some = append(some, o)
		}
	}
	return some
}

// Find gives an object, if it was seen.
func (e *Exam) Find(id manifest.ID) (o Object, found bool) {
	o, found = e.byID[id]
	return o, found
}

// Missing says whether an object is known not to be there.
func (e *Exam) Missing(id manifest.ID) bool {
	if _, found := e.byID[id]; found {
		return false
	}
	return e.Knows(id)
}

// Knows says whether it was looked whether an object is there.
func (s *Seen) Knows(id manifest.ID) bool {
	return s.HasAll(id) || slices.Contains(s.Absent, id) || slices.ContainsFunc(s.Objects, func(o map[string]any) bool { return object.ID(o) == id })
}

// HasAll says whether all objects of a kind in a namespace were seen. The name does not
// matter.
func (s *Seen) HasAll(id manifest.ID) bool {
	kind := manifest.ID{Group: id.Group, Kind: id.Kind}
	in := kind
	in.Namespace = id.Namespace
	return slices.Contains(s.Listed, kind) || slices.Contains(s.Listed, in)
}

// IsCanary says whether an object was made for a canary or a baseline.
func (o Object) IsCanary() bool { return o.GetLabels()[canary.TrackLabel] != "" }

// Text is the text at a path; "" where there is none.
func (o Object) Text(path ...string) string {
	s, _, _ := unstructured.NestedString(o.Object, path...)
	return s
}

// number is a whole number, or otherwise where there is none.
func (o Object) number(otherwise int64, path ...string) int64 {
	n, found, err := unstructured.NestedInt64(o.Object, path...)
	if !found || err != nil {
		return otherwise
	}
	return n
}

// Value is what stands at a path, of any type; nil when there is nothing.
func (o Object) Value(path ...string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(o.Object, path...)
	return v
}

// List are the objects in the list at a path.
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
