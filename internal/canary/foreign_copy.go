package canary

import (
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// ruleSets returns the parts of an object of which each has a selector: its spec, and in
// a policy of Cilium also each of its specs.
func ruleSets(root *manifest.Node) []*manifest.Node {
	return append([]*manifest.Node{manifest.Get(root, "spec")}, manifest.Items(root, "specs")...)
}

func (f *foreign) scopeOfKnown(o *manifest.Object, kind foreignKind) scope {
	if n := manifest.Get(o.Root, "spec", "namespaceSelector"); n != nil {
		return f.index.scopeOfSelector(n)
	}
	if kind.cluster || inRootNamespace(o) {
		return everywhere()
	}
	return scope{own: f.index.set.Namespace(o)}
}

// copyOf returns a copy that takes exactly the canary pods of the missed workloads, or nil
// if a copy is not safe, its selector cannot say so, or its name is taken.
func (f *foreign) copyOf(x *finding) *manifest.Object {
	elsewhere := func(w *workload) bool { return w.namespace != f.index.set.Namespace(x.object) }
	if !x.kind.copied || x.in.covers != nil || slices.ContainsFunc(x.missed, elsewhere) || f.nameTaken(x.object, x.object.Name()) {
		return nil
	}
	c := x.object.Clone()
	idle := map[*manifest.Node]bool{}
	for _, set := range ruleSets(c.Root) {
		n := manifest.Get(set, x.kind.selector...)
		q, ok := x.kind.form.read(n)
		if !ok {
			idle[set] = true
			continue
		}
		of := f.compare(q, x.in).missed
		if len(of) == 0 {
			idle[set] = true
			continue
		}
		x.kind.form.relabel(n, q, f.allPods(of))
		if q, ok = x.kind.form.read(n); !ok || !f.takesOnly(of, q, x.in) {
			return nil
		}
	}
	dropSets(c.Root, idle)
	return c
}

// nameTaken reports whether a copy of an object has no name of its own: the input has an
// object with that name, perhaps made by hand for the canary.
func (f *foreign) nameTaken(o *manifest.Object, name string) bool {
	id := f.index.set.ID(o)
	id.Name = WithSuffix(name, f.options.Suffix, nameLimit(id.Kind))
	return name == "" || f.index.set.Find(id) != nil
}

// dropSets removes the parts of a copy that are not about canary pods.
func dropSets(root *manifest.Node, idle map[*manifest.Node]bool) {
	if spec := manifest.Get(root, "spec"); spec != nil && idle[spec] {
		manifest.Delete(root, "spec")
	}
	if list := manifest.Get(root, "specs"); manifest.IsList(list) {
		list.Content = slices.DeleteFunc(list.Content, func(n *manifest.Node) bool { return idle[n] })
		if len(list.Content) == 0 {
			manifest.Delete(root, "specs")
		}
	}
}
