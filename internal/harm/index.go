package harm

import (
	"github.com/canarize/canarize/internal/manifest"
)

// index holds the objects of the input by what the examination asks for, so that every
// object is visited once.
type index struct {
	set     *manifest.Set
	scalers []*manifest.Object // objects that act on a workload by name
}

func newIndex(set *manifest.Set) *index {
	x := &index{set: set}
	for _, o := range set.Objects {
		if targetRef(o) != nil {
			x.scalers = append(x.scalers, o)
		}
	}
	return x
}
