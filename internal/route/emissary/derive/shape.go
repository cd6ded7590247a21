package derive

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/canarize/canarize/internal/manifest"
)

// checkService checks the field that shows whether a Mapping concerns a canary.
func checkService(m *manifest.Object) error {
	spec := manifest.Get(m.Root, "spec")
	if spec != nil && !manifest.IsMap(spec) {
		return m.Errorf(spec, "spec is a %s, not a mapping; write prefix: and service: under it, indented", manifest.KindName(spec))
	}
	return manifest.CheckString(m, "spec.service", manifest.Get(spec, "service"))
}

// checkFields checks the other fields that canarize reads, for a Mapping that
// routes to a Service with a canary.
func checkFields(m *manifest.Object) error {
	spec := manifest.Get(m.Root, "spec")
	for _, field := range []string{"prefix", "hostname", "host", "stats_name", "cluster_tag"} {
		if err := manifest.CheckString(m, "spec."+field, manifest.Get(spec, field)); err != nil {
			return err
		}
	}
	if err := checkAmbassadorID(m, manifest.Get(spec, "ambassador_id")); err != nil {
		return err
	}
	for _, field := range []string{"shadow", "host_redirect"} {
		if n := manifest.Get(spec, field); n != nil && !manifest.IsBoolean(n) {
			return m.Errorf(n, "spec.%s is %s; write true or false, without quotes", field, describeValue(n))
		}
	}
	if manifest.Get(spec, "prefix") == nil && m.Kind() == "Mapping" {
		return m.Errorf(spec, "no spec.prefix; Emissary ignores a Mapping without it: add it")
	}
	return checkWeight(m, manifest.Get(spec, "weight"))
}

// checkAmbassadorID checks for a list of strings, or the single string of v1
// and v2.
func checkAmbassadorID(m *manifest.Object, id *manifest.Node) error {
	if id == nil || manifest.KindName(id) == "string" {
		return nil
	}
	items := manifest.Items(id)
	if len(items) == 0 || slices.ContainsFunc(items, func(n *manifest.Node) bool { return manifest.KindName(n) != "string" }) {
		return m.Errorf(id, "spec.ambassador_id is not a list of strings, so every Emissary ignores the Mapping; correct it (with quotes around numbers), or leave it out for the default Emissary")
	}
	return nil
}

// checkWeight rejects any weight on a stable Mapping, because stable gets the
// rest of the 100 %.
func checkWeight(m *manifest.Object, weight *manifest.Node) error {
	if weight == nil {
		return nil
	}
	if n, err := strconv.Atoi(weight.Value); manifest.KindName(weight) != "number" || err != nil || n < 0 || n > 100 {
		return m.Errorf(weight, "spec.weight is %s, not a whole number from 0 to 100; a stable Mapping gets the rest of the 100 %%: remove the weight", describeValue(weight))
	}
	return m.Errorf(weight, "it has its own weight, so its group already has other members; remove the weight, or finish the other canary first")
}

func describeValue(n *manifest.Node) string {
	if !manifest.IsScalar(n) {
		return "a " + manifest.KindName(n)
	}
	if manifest.KindName(n) == "string" {
		return fmt.Sprintf("the string %q", n.Value)
	}
	return n.Value
}
