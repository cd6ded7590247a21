package model

import "fmt"

// nameCache follows Emissary's cache of Mappings (irmappingfactory.py), which
// knows them by their cache key. Emissary adds all Mappings when it starts. With
// each change of another object, it then takes the first one of a key in place
// of the others.
type nameCache map[string]cachedMapping

type cachedMapping struct {
	resource *resource
	groupID  string
}

// takesOther reports whether Emissary takes an earlier Mapping of another group
// in place of this one. Within a group, the group itself drops the later one.
func (c nameCache) takesOther(r *resource, groupID string, w *world) bool {
	first, found := c[cacheKey(r)]
	if !found {
		c[cacheKey(r)] = cachedMapping{r, groupID}
		return false
	}
	if first.groupID == groupID {
		return false
	}
	reason := fmt.Sprintf("has the same name up to its first dot, %q, as %s: Emissary's cache takes that one in its place, silently, with the next change of another object", shortName(r), first.resource)
	w.log.warn(r.String() + ": " + reason)
	if w.opts.Running {
		r.refused = reason
	}
	return w.opts.Running
}
