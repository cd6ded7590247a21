package harm

import (
	"github.com/canarize/canarize/internal/manifest"
)

// index holds the objects of the input by what the examination asks for, so that every
// object is visited once.
type index struct {
	set     *manifest.Set
	scalers []*manifest.Object             // objects that act on a workload by name
	makers  map[sharing][]*manifest.Object // what makes a ConfigMap or Secret
}

// sharing is a thing that the pods of several workloads may use: a ConfigMap or a Secret.
type sharing struct{ kind, namespace, name string }

// maxMakers is the number of objects that are remembered for one ConfigMap or Secret. Two
// controllers that make the same one would already be a mistake.
const maxMakers = 4

func newIndex(set *manifest.Set) *index {
	x := &index{set: set, makers: map[sharing][]*manifest.Object{}}
	for _, o := range set.Objects {
		if targetRef(o) != nil {
			x.scalers = append(x.scalers, o)
		}
		for _, made := range makes(set, o) {
			if len(x.makers[made]) < maxMakers {
				x.makers[made] = append(x.makers[made], o)
			}
		}
	}
	return x
}
