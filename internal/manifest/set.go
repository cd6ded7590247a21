package manifest

import "fmt"

// Set is a list of objects in a stable order. No two have the same identity.
type Set struct {
	Objects          []*Object
	DefaultNamespace string // of objects that name none
	byID             map[ID]*Object
	ids              map[*Object]ID // of Objects, which nobody changes
}

// NewSet makes a set. If two objects have the same identity, the error names
// both. defaultNamespace is the namespace of objects that name none.
func NewSet(objects []*Object, defaultNamespace string) (*Set, error) {
	s := &Set{Objects: objects, DefaultNamespace: defaultNamespace, byID: make(map[ID]*Object, len(objects)), ids: make(map[*Object]ID, len(objects))}
	for _, o := range objects {
		id := s.ID(o)
		s.ids[o] = id
		if id.Name == "" { // generateName: every apply makes another one
			continue
		}
		if first, found := s.byID[id]; found {
			return nil, fmt.Errorf("%s: %s is declared twice, first at %s; remove one", o.Pos, o.ID(), first.Pos)
		}
		s.byID[id] = o
	}
	return s, nil
}

// Without returns the set without the objects that drop selects.
func (s *Set) Without(drop func(*Object) bool) *Set {
	kept := make([]*Object, 0, len(s.Objects))
	for _, o := range s.Objects {
		if !drop(o) {
			kept = append(kept, o)
		}
	}
	if len(kept) == len(s.Objects) {
		return s
	}
	smaller := &Set{Objects: kept, DefaultNamespace: s.DefaultNamespace, byID: make(map[ID]*Object, len(kept))}
	for _, o := range kept {
		if o.Name() != "" {
			smaller.byID[s.ID(o)] = o
		}
	}
	return smaller
}

// Namespace returns the namespace that the object will have in the cluster.
func (s *Set) Namespace(o *Object) string {
	if id, found := s.ids[o]; found {
		return id.Namespace
	}
	if ns := o.Namespace(); ns != "" {
		return ns
	}
	return s.DefaultNamespace
}

// ID returns the object's identity with the namespace that it will have in the
// cluster.
func (s *Set) ID(o *Object) ID {
	if id, found := s.ids[o]; found {
		return id
	}
	id := o.ID()
	id.Namespace = s.Namespace(o)
	return id
}

// Find returns the object with this identity, or nil.
func (s *Set) Find(id ID) *Object { return s.byID[id] }

// CheckName returns an error if the set already has an object with the canary's
// identity, else nil.
func (s *Set) CheckName(stable *Object, canary ID) error {
	existing := s.Find(canary)
	if existing == nil {
		return nil
	}
	return stable.Errorf(nil, "its canary would be named %s, and %s is in the input already, at %s; choose another --suffix, or leave that file out", canary.Name, existing.ID(), existing.Pos)
}

// CheckNew returns an error if a derived object has the identity of an object
// of the set or of another derived object. A derived object may be a changed
// version of its stable one.
func (s *Set) CheckNew(derived []Derived) error {
	made := make(map[ID]*Object, len(derived))
	for _, d := range derived {
		id := s.ID(d.Canary)
		if id == s.ID(d.Stable) { // it is changed, not made
			continue
		}
		if err := s.CheckName(d.Stable, id); err != nil {
			return err
		}
		if first := made[id]; first != nil {
			return d.Stable.Errorf(nil, "its canary and that of %s (%s) would both be %s", first.ID(), first.Pos, id)
		}
		made[id] = d.Stable
	}
	return nil
}

// Value returns the decoded object with the namespace that it will have in the
// cluster.
func (s *Set) Value(o *Object) map[string]any {
	v := o.Value()
	if meta, ok := v["metadata"].(map[string]any); ok && o.Namespace() == "" {
		meta["namespace"] = s.DefaultNamespace
	}
	return v
}
