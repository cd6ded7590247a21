package canary

import (
	"reflect"
	"slices"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// policy derives the network policies that protect and connect the canary as
// the input's policy does for stable.
func (d *derivation) policy(p podSelecting) {
	var own, all []*workload
	for _, w := range d.index.pods.candidates(p.namespace, p.selector) {
		if p.selector.matches(w.labels) {
			all = append(all, w)
			if w.chosen {
				own = append(own, w)
			}
		}
	}
	if len(own) > 0 {
		c := d.derive(p.object)
		selectCanaries(manifest.Child(manifest.Child(c.Root, "spec"), "podSelector"), p.selector, canaryLabels(own))
		d.admitCanaries(c, p.namespace, nil)
	}
	var itself *workload
	if len(all) == 1 {
		itself = all[0]
	}
	d.peers(p, len(own) > 0, itself)
}

func canaryLabels(workloads []*workload) []map[string]string {
	labels := make([]map[string]string, len(workloads))
	for i, w := range workloads {
		labels[i] = w.canaryLabels
	}
	return labels
}

// rules returns the lists of a policy that select peers by label.
func rules(root *manifest.Node) []*manifest.Node {
	var peers []*manifest.Node
	for _, rule := range manifest.Items(root, "spec", "ingress") {
		peers = append(peers, manifest.Items(rule, "from")...)
	}
	for _, rule := range manifest.Items(root, "spec", "egress") {
		peers = append(peers, manifest.Items(rule, "to")...)
	}
	return peers
}

// admitCanaries adds the canary pods to every list of peers that admits stable
// pods by label in the policy's own namespace, but not the canary pods of
// except. It reports whether it added any.
func (d *derivation) admitCanaries(o *manifest.Object, namespace string, except *workload) bool {
	changed := false
	for _, direction := range [][2]string{{"ingress", "from"}, {"egress", "to"}} {
		for _, rule := range manifest.Items(o.Root, "spec", direction[0]) {
			peers := manifest.Get(rule, direction[1])
			for _, peer := range manifest.Items(peers) {
				s, admitted := d.admitted(o, peer, namespace)
				for _, w := range admitted {
					if w == except {
						continue
					}
					c := manifest.Clone(peer)
					w.relabel(manifest.Get(c, "podSelector"), s)
					if !slices.ContainsFunc(peers.Content, func(p *manifest.Node) bool { return reflect.DeepEqual(manifest.Value(p), manifest.Value(c)) }) {
						peers.Content = append(peers.Content, c) // not twice for workloads of one name
					}
					changed = true
				}
			}
		}
	}
	return changed
}

// admitted returns a peer's selector and the workloads whose stable pods the
// peer admits by label and whose canary pods it does not.
func (d *derivation) admitted(o *manifest.Object, peer *manifest.Node, namespace string) (selector, []*workload) {
	s, candidates := d.peer(o, peer, namespace, d.index.pods)
	return s, slices.DeleteFunc(slices.Clone(candidates), func(w *workload) bool {
		return !w.chosen || !s.matches(w.labels) || s.matches(w.canaryLabels)
	})
}

// peer returns a peer's pod selector and the workloads that it may match.
func (d *derivation) peer(o *manifest.Object, peer *manifest.Node, namespace string, pods podIndex) (selector, []*workload) {
	n := manifest.Get(peer, "podSelector")
	s, err := labelSelector(o, "podSelector", n)
	switch {
	case n == nil || err != nil:
		return s, nil
	case manifest.Get(peer, "namespaceSelector") == nil:
		return s, pods.candidates(namespace, s)
	}
	return s, slices.DeleteFunc(slices.Clone(d.index.workloads), func(w *workload) bool {
		matches, known := d.index.matchesNamespace(manifest.Get(peer, "namespaceSelector"), w.namespace)
		return known && !matches
	})
}

// warnOfAccidents warns about a policy that admits canary pods but not the
// stable ones, as a peer "app is not web" does.
func (d *derivation) warnOfAccidents(p podSelecting, canaries podIndex) {
	for _, peer := range rules(p.object.Root) {
		s, candidates := d.peer(p.object, peer, p.namespace, canaries)
		for _, w := range candidates {
			if w.chosen && s.matches(w.canaryLabels) && !s.matches(w.labels) {
				d.warn(note.PeerPolicy, p.object, "admits the canary pods of %s by label, but not the stable pods", w.object.ID())
				return
			}
		}
	}
}

// peers handles a policy that lets the stable pods talk to the pods it
// protects, but not the canary pods. With --copy-peers it makes a copy, which
// only adds permissions: the copy has the same podSelector, and policies add
// up. Otherwise it warns. itself is the workload whose pods are the only
// protected ones, if there is one; its canary pods talk to their own version.
// copied reports whether the policy already has a canary with the usual name.
func (d *derivation) peers(p podSelecting, copied bool, itself *workload) {
	if !d.options.CopyPeers {
		for _, peer := range rules(p.object.Root) {
			_, admitted := d.admitted(p.object, peer, p.namespace)
			for _, w := range admitted {
				if w != itself {
					d.warn(note.PeerPolicy, p.object, "admits the pods of %s by label, but not those of its canary; pass --copy-peers to add a copy that does", w.object.ID())
					return
				}
			}
		}
		return
	}
	c := p.object.Clone()
	if !d.admitCanaries(c, p.namespace, itself) {
		return
	}
	name := p.object.Name()
	if copied {
		name += "-peers"
	}
	d.finish(p.object, c, name)
}
