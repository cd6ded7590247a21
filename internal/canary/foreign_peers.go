package canary

import (
	"slices"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// peers handles a policy with rules about the stable pods at the other end of a
// connection, as derivation.peers does for a NetworkPolicy.
func (f *foreign) peers(x *finding) {
	if len(x.kind.peers) == 0 || x.said {
		return
	}
	var missed []*workload
	for _, list := range peerLists(x.object.Root, x.kind) {
		missed = append(missed, f.missedPeers(list, x)...)
	}
	var itself *workload
	if x.copied && len(missed) > 0 {
		itself = f.itself(x)
	}
	if missed = slices.DeleteFunc(inOrder(missed), func(w *workload) bool { return w == itself }); len(missed) == 0 {
		return
	}
	name := x.object.Name()
	if x.copied {
		name += "-peers"
	}
	pods, its := podsOf(missed)
	const rule = "has a rule for the pods of %s by label, but none for those of %s; "
	switch {
	case !x.kind.addable || f.nameTaken(x.object, name):
		f.say(x, note.PeerPolicy, rule+"add one for %s", pods, its, labelsOf(missed[0]))
	case !f.options.CopyPeers:
		f.say(x, note.PeerPolicy, rule+"pass --copy-peers to add a copy that has one", pods, its)
	default:
		c := x.object.Clone()
		f.admit(c, x, itself)
		f.finish(x.object, c, name)
	}
}

// itself returns the workload whose pods are the only ones that a policy protects, or nil.
// If the policy has a copy, its canary pods talk to their own version.
func (f *foreign) itself(x *finding) *workload {
	var only *workload
	for _, set := range ruleSets(x.object.Root) {
		q, ok := x.kind.form.read(manifest.Get(set, x.kind.selector...))
		if !ok {
			continue
		}
		for _, w := range x.in.candidates(f.stable, f.allStable, q) {
			if w == only || !x.in.contains(w.namespace) || !q.takes(f.pods(w).stable) {
				continue
			}
			if only != nil {
				return nil
			}
			only = w
		}
	}
	return only
}

// foundList is a list of peers in an object.
type foundList struct {
	node *manifest.Node
	ends [][]string
}

func peerLists(root *manifest.Node, kind foreignKind) []foundList {
	var all []foundList
	for _, set := range ruleSets(root) {
		for _, peers := range kind.peers {
			for _, path := range peers.lists {
				for _, n := range valuesAt(set, path) {
					all = append(all, foundList{n, peers.ends})
				}
			}
		}
	}
	return all
}

// valuesAt returns the values at a path, in which "*" stands for each item of a list.
func valuesAt(n *manifest.Node, path []string) []*manifest.Node {
	nodes := []*manifest.Node{n}
	for _, step := range path {
		var next []*manifest.Node
		for _, n := range nodes {
			if step == "*" {
				next = append(next, manifest.Items(n)...)
			} else if v := manifest.Get(n, step); v != nil {
				next = append(next, v)
			}
		}
		nodes = next
	}
	return nodes
}

// end is a selector of peers in an item of a list.
type end struct {
	node  *manifest.Node
	query query
	scope scope
}

func (f *foreign) ends(item *manifest.Node, paths [][]string, x *finding) []end {
	if len(paths) == 0 {
		paths = [][]string{nil}
	}
	var all []end
	for _, path := range paths {
		n := manifest.Get(item, path...)
		if q, ok := x.kind.form.read(n); ok {
			all = append(all, end{n, q, f.peerScope(item, path, q, x.in)})
		}
	}
	return all
}

// peerScope returns where the peers of a rule are: in the namespace of the policy, unless
// the rule says where.
func (f *foreign) peerScope(item *manifest.Node, path []string, q query, in scope) scope {
	if c, ok := q.(ciliumQuery); ok && c.inNamespaces() {
		return everywhere()
	}
	if len(path) == 0 {
		return in
	}
	if n := manifest.Get(manifest.Get(item, path[:len(path)-1]...), "namespaceSelector"); n != nil {
		return f.index.scopeOfSelector(n)
	}
	return in
}

// compareItem compares stable and canary pods by the ends of an item.
func (f *foreign) compareItem(item *manifest.Node, list foundList, x *finding) comparison {
	var c comparison
	for _, e := range f.ends(item, list.ends, x) {
		c.add(f.compare(e.query, e.scope))
	}
	return c
}

// missedPeers returns the workloads whose stable pods an item of a list is about, but not
// their canary pods, and for whose canary pods no other item is.
func (f *foreign) missedPeers(list foundList, x *finding) []*workload {
	var all comparison
	for _, item := range manifest.Items(list.node) {
		all.add(f.compareItem(item, list, x))
	}
	return slices.DeleteFunc(all.missed, func(w *workload) bool { return slices.Contains(all.only, w) })
}

// admit adds to every list of peers an item about the canary pods behind the one about
// the stable pods, but not about those of except.
func (f *foreign) admit(c *manifest.Object, x *finding, except *workload) {
	for _, list := range peerLists(c.Root, x.kind) {
		missed := inOrder(f.missedPeers(list, x))
		var items []*manifest.Node
		for _, item := range manifest.Items(list.node) {
			items = append(items, item)
			here := f.compareItem(item, list, x).missed
			for _, w := range missed {
				if w != except && slices.Contains(here, w) {
					items = append(items, f.itemOf(w, item, list, x))
				}
			}
		}
		if manifest.IsList(list.node) {
			list.node.Content = items
		}
	}
}

// itemOf returns a copy of an item that is about the canary pods of a workload.
func (f *foreign) itemOf(w *workload, item *manifest.Node, list foundList, x *finding) *manifest.Node {
	c := manifest.Clone(item)
	for _, e := range f.ends(c, list.ends, x) {
		if slices.Contains(f.compare(e.query, e.scope).missed, w) {
			x.kind.form.relabel(e.node, e.query, []twins{f.pods(w)})
		}
	}
	return c
}
