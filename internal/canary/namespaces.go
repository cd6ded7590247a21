package canary

import (
	"maps"

	"github.com/canarize/canarize/internal/manifest"
)

// namespaceName is the label with the name of a namespace that every namespace has
// (core/v1, LabelMetadataName).
const namespaceName = "kubernetes.io/metadata.name"

// addNamespace remembers the labels of a Namespace of the input.
func (x *index) addNamespace(o *manifest.Object) {
	labels := map[string]string{}
	maps.Copy(labels, manifest.StringMap(o.Root, "metadata", "labels"))
	labels[namespaceName] = o.Name()
	x.namespaces[o.Name()] = labels
}

// matchesNamespace reports whether a label selector of namespaces matches one. known is
// false if that depends on labels that the input does not show: then the selector may
// match.
func (x *index) matchesNamespace(n *manifest.Node, namespace string) (matches, known bool) {
	s, err := labelSelector(&manifest.Object{}, "namespaceSelector", n)
	if err != nil {
		return false, false
	}
	if labels, found := x.namespaces[namespace]; found {
		return s.matches(labels), true
	}
	named := selector{equal: map[string]string{}}
	for key, value := range s.equal {
		if key == namespaceName {
			named.equal[key] = value
		}
	}
	for _, t := range s.terms {
		if t.key == namespaceName {
			named.terms = append(named.terms, t)
		}
	}
	if !named.matches(map[string]string{namespaceName: namespace}) {
		return false, true
	}
	return true, len(named.equal) == len(s.equal) && len(named.terms) == len(s.terms)
}
