package manifest

import "fmt"

// Set is a set of objects in a stable order, no two with the same identity.
type Set struct {
	Objects          []*Object
	DefaultNamespace string // of objects that name none
	byID             map[ID]*Object
}

// NewSet makes a set. Two objects of one identity are an error that names both.
// defaultNamespace is the namespace of objects that name none.
func NewSet(objects []*Object, defaultNamespace string) (*Set, error) {
	s := &Set{Objects: objects, DefaultNamespace: defaultNamespace, byID: make(map[ID]*Object, len(objects))}
	for _, o := range objects {
		if o.Name() == "" { // generateName: every apply makes another one
			continue
		}
		id := s.ID(o)
		if first, found := s.byID[id]; found {
			return nil, fmt.Errorf("%s: %s is declared twice, first at %s; remove one", o.Pos, o.ID(), first.Pos)
		}
		s.byID[id] = o
	}
	return s, nil
}

// Namespace returns the namespace the object ends up in.
func (s *Set) Namespace(o *Object) string {
	if ns := o.Namespace(); ns != "" {
		return ns
	}
	return s.DefaultNamespace
}

// ID returns the object's identity with the namespace it ends up in.
func (s *Set) ID(o *Object) ID {
	id := o.ID()
	id.Namespace = s.Namespace(o)
	return id
}

// Find returns the object of an identity, or nil.
func (s *Set) Find(id ID) *Object { return s.byID[id] }

// Value returns the object decoded, with the namespace it ends up in.
func (s *Set) Value(o *Object) map[string]any {
	v := o.Value()
	if meta, ok := v["metadata"].(map[string]any); ok && o.Namespace() == "" {
		meta["namespace"] = s.DefaultNamespace
	}
	return v
}
