package harm

import (
	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
)

// index holds the objects of the input by what the examination asks for, so that every
// object is visited once.
type index struct {
	set     *manifest.Set
	roles   map[manifest.ID]*manifest.Object // by kind, name and, for a Role, namespace
	bound   map[account][]manifest.ID        // the roles that a service account is bound to
	leases  map[account]lease                // what findLease found
	scalers []*manifest.Object               // objects that act on a workload by name
	jobs    []*manifest.Object               // Jobs and CronJobs
	makers  map[sharing][]*manifest.Object   // what makes a ConfigMap or Secret
	shared  map[sharing]*subject             // what the workloads with a canary use
}

// account is a service account.
type account struct{ namespace, name string }

// sharing is a thing that the pods of several workloads may use: an image, a claim, a
// ConfigMap or a Secret.
type sharing struct{ kind, namespace, name string }

// maxMakers is the number of objects that are remembered for one ConfigMap or Secret. Two
// controllers that make the same one would already be a mistake.
const maxMakers = 4

func newIndex(set *manifest.Set) *index {
	x := &index{
		set:   set,
		roles: map[manifest.ID]*manifest.Object{}, bound: map[account][]manifest.ID{}, leases: map[account]lease{},
		makers: map[sharing][]*manifest.Object{}, shared: map[sharing]*subject{},
	}
	for _, o := range set.Objects {
		switch o.Group() {
		case "rbac.authorization.k8s.io":
			x.addRole(o)
		case "batch":
			if k := o.Kind(); k == "CronJob" || k == "Job" {
				x.jobs = append(x.jobs, o)
			}
		default:
			if targetRef(o) != nil {
				x.scalers = append(x.scalers, o)
			}
			for _, made := range makes(set, o) {
				if len(x.makers[made]) < maxMakers {
					x.makers[made] = append(x.makers[made], o)
				}
			}
		}
	}
	return x
}

// share records what the pods of the subjects use, the first one first.
func (x *index) share(subjects []*subject) {
	for _, s := range subjects {
		x.eachShared(s.Namespace, s.template, func(thing sharing) {
			if x.shared[thing] == nil {
				x.shared[thing] = s
			}
		})
	}
}

// eachShared calls visit with what a pod uses and others may use too.
func (x *index) eachShared(namespace string, template *manifest.Node, visit func(sharing)) {
	spec := manifest.Get(template, "spec")
	if repository := applicationOf(template); repository != "" {
		visit(sharing{"image", namespace, repository})
	}
	mounts := mountsOf(spec)
	for _, v := range manifest.Items(spec, "volumes") {
		claim := manifest.GetString(v, "persistentVolumeClaim", "claimName")
		if claim != "" && mounts.writes(v, "persistentVolumeClaim") {
			visit(sharing{"PersistentVolumeClaim", namespace, claim})
		}
	}
	canary.Configs(spec, func(kind, name string) {
		if x.set.Find(manifest.ID{Kind: kind, Namespace: namespace, Name: name}) != nil {
			visit(sharing{kind, namespace, name})
		}
	})
}
