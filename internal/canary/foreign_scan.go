package canary

import (
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// scan is a walk through an object, which visits every value once. It finds references by
// the names of their fields, and in an object whose kind is not known also selectors.
type scan struct {
	*foreign
	*finding
}

// mapping looks at the fields of a mapping, which at the root are those of the object.
func (s *scan) mapping(n *manifest.Node, root bool) {
	if !manifest.IsMap(n) {
		return
	}
	pods := !s.known && (root || selectsPods(n))
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		switch {
		case root && (key == "kind" || key == "apiVersion"), otherSubjects[key]:
			continue
		case podSelectors[key]:
			if s.readAll(n, value, pods) || !pods {
				continue
			}
		case isOtherSelector(key):
			continue
		case podReferences[key]:
			s.references(key, value)
		}
		s.value(value)
	}
}

func (s *scan) value(n *manifest.Node) {
	s.mapping(n, false)
	for _, item := range manifest.Items(n) {
		s.value(item)
	}
}

// selectsPods reports whether selectors in a mapping take pods: not if the mapping names
// other kinds beside, or is a claim, which selects volumes.
func selectsPods(n *manifest.Node) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch key, value := n.Content[i].Value, n.Content[i+1]; key {
		case "accessModes", "storageClassName", "volumeName":
			return false
		case "kind":
			return podKinds[value.Value]
		case "kinds":
			return podsAmong(value)
		case "rules", "resourceRules": // of a webhook
			if resources := valuesAt(value, []string{"*", "resources"}); len(resources) > 0 && !slices.ContainsFunc(resources, podsAmong) {
				return false
			}
		}
	}
	return true
}

func podsAmong(list *manifest.Node) bool {
	return slices.ContainsFunc(manifest.Items(list), func(n *manifest.Node) bool {
		return slices.ContainsFunc(strings.Split(n.Value, "/"), func(part string) bool { return podKinds[part] })
	})
}

// ownsPods reports whether a mapping has a template for the pods that its selector takes.
func ownsPods(n *manifest.Node, q query) bool {
	for _, key := range []string{"template", "podTemplate"} {
		template := manifest.Get(n, key)
		if labels := manifest.StringMap(template, "metadata", "labels"); template != nil && (q.takes(pod{labels: labels}) || len(labels) == 0 && manifest.Get(template, "spec", "containers") != nil) {
			return true
		}
	}
	return false
}

// isOtherSelector reports whether a field selects other objects than pods, such as
// namespaceSelector.
func isOtherSelector(key string) bool {
	return strings.HasSuffix(key, "Selector") || strings.HasSuffix(key, "Selectors")
}

// readAll reads a selector or a list of selectors in a mapping. It returns false if the
// value has to be searched for selectors instead.
func (s *scan) readAll(parent, value *manifest.Node, pods bool) bool {
	items := []*manifest.Node{value}
	if manifest.IsList(value) {
		items = value.Content
	}
	read := true
	for _, item := range items {
		q, ok := anyForm(item)
		if read = read && ok; !ok || !pods || ownsPods(parent, q) {
			continue
		}
		in := s.index.scopeOf(s.object, item, parent)
		if c, isCilium := q.(ciliumQuery); isCilium && c.inNamespaces() {
			in = everywhere()
		}
		s.add(s.compare(q, in))
	}
	return read
}

// references reads a reference by kind and name, or a list of them. Kuma's may have labels
// instead of a name.
func (s *scan) references(field string, value *manifest.Node) {
	items := []*manifest.Node{value}
	if manifest.IsList(value) {
		items = value.Content
	}
	for _, n := range items {
		if labels := kumaProxies[manifest.GetString(n, "kind")]; labels != "" && !s.known {
			if q, ok := kumaLabels(manifest.Get(n, labels)); ok {
				s.add(s.compare(q, s.index.scopeOf(s.object)))
			}
		}
		s.reference(field, n)
	}
}

func (s *scan) reference(field string, n *manifest.Node) {
	id := manifest.ID{Kind: manifest.GetString(n, "kind"), Namespace: manifest.GetString(n, "namespace"), Name: manifest.GetString(n, "name")}
	if id.Namespace == "" {
		id.Namespace = s.index.set.Namespace(s.object)
	}
	if id.Kind != "Service" && strings.HasPrefix(field, "parentRef") {
		return // of a route: a gateway
	}
	inGroup := func(o *manifest.Object) bool {
		group := groupOf(n)
		return group == "" || group == o.Group() || group == "core" && o.Group() == ""
	}
	if m, found := s.foreign.named[id]; found && inGroup(m.stable) {
		m.field = field
		s.finding.named = append(s.finding.named, m)
	}
	if c := s.canaryNamed[id]; c != nil && inGroup(c) {
		s.serves = append(s.serves, c)
	}
}

// groupOf returns the API group that a reference names, or "".
func groupOf(n *manifest.Node) string {
	if group := manifest.GetString(n, "group"); group != "" {
		return group
	}
	group, _, found := strings.Cut(manifest.GetString(n, "apiVersion"), "/")
	if !found {
		return ""
	}
	return group
}

// kumaLabels reads labels of Kuma's proxies: those of their pods, and others that Kuma
// adds and that the canary's proxies have too.
func kumaLabels(n *manifest.Node) (query, bool) {
	all, ok := plainMap(n)
	equal := map[string]string{}
	for key, value := range all {
		if !strings.Contains(key, "kuma.io/") {
			equal[key] = value
		}
	}
	return labelQuery{selector{equal: equal}}, ok && len(equal) > 0
}
