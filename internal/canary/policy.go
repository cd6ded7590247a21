package canary

import (
	"github.com/canarize/canarize/internal/manifest"
)

// policy derives the network policies that protect and connect the canary
// exactly as the one of the input does stable.
func (d *derivation) policy(p podSelecting) {
	var own []*workload
	for _, w := range d.index.pods.candidates(p.namespace, p.selector) {
		if w.chosen && p.selector.matches(w.labels) {
			own = append(own, w)
		}
	}
	if len(own) > 0 {
		c := d.derive(p.object)
		selectCanaries(manifest.Child(manifest.Child(c.Root, "spec"), "podSelector"), p, own)
		d.admitCanaries(c, p.namespace)
		return
	}
	d.peers(p)
}

// selectCanaries rewrites the podSelector of a policy for the canaries of the
// workloads it selects. Those that share a label share its new value, unless
// they are separated by different labels: then the policy names all values.
func selectCanaries(n *manifest.Node, p podSelecting, own []*workload) {
	values := map[string][]string{}
	for _, w := range own {
		for key := range p.selector.equal {
			values[key] = appendNew(values[key], w.canaryLabels[key])
		}
	}
	own[0].relabel(n)
	for key := range sortedPairs(p.selector.equal) {
		if len(values[key]) > 1 {
			manifest.Delete(manifest.Get(n, "matchLabels"), key)
			manifest.Put(n, "matchExpressions", manifest.NewList(append(anySlice(manifest.Items(n, "matchExpressions")),
				manifest.NewMap("key", key, "operator", "In", "values", manifest.NewList(anyStrings(values[key])...)))...))
		}
	}
	for _, e := range manifest.Items(n, "matchExpressions") {
		key := manifest.GetString(e, "key")
		if manifest.GetString(e, "operator") != "In" || len(values[key]) > 1 {
			continue
		}
		var all []string
		for _, w := range own {
			all = appendNew(all, w.canaryLabels[key])
		}
		manifest.Put(e, "values", manifest.NewList(anyStrings(all)...))
	}
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

func anySlice(nodes []*manifest.Node) []any {
	all := make([]any, len(nodes))
	for i, n := range nodes {
		all[i] = n
	}
	return all
}

func anyStrings(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return all
}

// rules are the places of a policy that name peers by label.
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

// admitCanaries adds, to every list of peers that admits stable pods by label
// in the policy's own namespace, the canary pods. It says whether it had to.
func (d *derivation) admitCanaries(o *manifest.Object, namespace string) bool {
	changed := false
	for _, direction := range [][2]string{{"ingress", "from"}, {"egress", "to"}} {
		for _, rule := range manifest.Items(o.Root, "spec", direction[0]) {
			peers := manifest.Get(rule, direction[1])
			for _, peer := range manifest.Items(peers) {
				for _, w := range d.admitted(o, peer, namespace) {
					c := manifest.Clone(peer)
					w.relabel(manifest.Get(c, "podSelector"))
					peers.Content = append(peers.Content, c)
					changed = true
				}
			}
		}
	}
	return changed
}

// admitted are the workloads whose stable pods a peer admits by label and whose
// canary pods it does not.
func (d *derivation) admitted(o *manifest.Object, peer *manifest.Node, namespace string) []*workload {
	n := manifest.Get(peer, "podSelector")
	if n == nil {
		return nil
	}
	s, err := labelSelector(o, "podSelector", n)
	if err != nil {
		return nil
	}
	candidates := d.index.pods.candidates(namespace, s)
	if manifest.Get(peer, "namespaceSelector") != nil { // any namespace may be meant
		candidates = d.index.workloads
	}
	var admitted []*workload
	for _, w := range candidates {
		if w.chosen && s.matches(w.labels) && !s.matches(w.canaryLabels) {
			admitted = append(admitted, w)
		}
	}
	return admitted
}

// peers warns about another application's policy that admits the stable pods
// and not the canary's, or copies it with --copy-peers.
func (d *derivation) peers(p podSelecting) {
	if !d.options.CopyPeers {
		for _, peer := range rules(p.object.Root) {
			for _, w := range d.admitted(p.object, peer, p.namespace) {
				d.note(manifest.Warning, p.object, "admits the pods of %s by label and not those of its canary; pass --copy-peers for a copy that does", w.object.ID())
				return
			}
		}
		return
	}
	c := p.object.Clone()
	if d.admitCanaries(c, p.namespace) {
		d.finish(p.object, c)
	}
}
