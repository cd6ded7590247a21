package plan

import (
	"fmt"
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// near describes, for Services that no route leads to, a route that may be meant for them:
// it leads to a Service that the input does not have, with the same name in another
// namespace, or without the prefix or suffix that kustomize adds to the names of Services.
// leads holds the Services that routes lead to.
func near(set *manifest.Set, leads map[manifest.ID]bool) map[manifest.ID]string {
	missing := map[string][]string{} // namespaces by name
	for id := range leads {
		if set.Find(id) == nil {
			missing[id.Name] = append(missing[id.Name], id.Namespace)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for _, namespaces := range missing {
		slices.Sort(namespaces)
	}
	found := map[manifest.ID]string{}
	for _, o := range set.Objects {
		if id := set.ID(o); id.Kind == "Service" && id.Group == "" && !leads[id] {
			if text := nearTo(o, id, missing); text != "" {
				found[id] = text
			}
		}
	}
	return found
}

// nearTo describes the route that may be meant for a Service, or returns "".
func nearTo(o *manifest.Object, id manifest.ID, missing map[string][]string) string {
	if namespaces := missing[id.Name]; len(namespaces) > 0 {
		text := fmt.Sprintf("one leads to %s in namespace %s", id.Name, namespaces[0])
		if o.Namespace() == "" {
			text += fmt.Sprintf(": pass --namespace %s if that is meant", namespaces[0])
		}
		return text
	}
	for i := range id.Name {
		if id.Name[i] != '-' {
			continue
		}
		for _, original := range []string{id.Name[i+1:], id.Name[:i]} {
			if slices.Contains(missing[original], id.Namespace) {
				return fmt.Sprintf("one leads to %s, which the input does not have: if kustomize renamed it to %s, it has to rename it in the route too, by a nameReference or a replacement", original, id.Name)
			}
		}
	}
	return ""
}
