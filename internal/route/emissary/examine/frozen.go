package examine

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// frozen finds the Mappings, of all namespaces, that make Envoy refuse the whole
// configuration. Emissary then applies no change at all, not even a weight of 0, and posts
// nothing (seen on Emissary 4.1: "no update performed (invalid envoy configuration
// generated)").
func (x *exam) frozen(found *findings) {
	for _, m := range x.allMappings() {
		spec, _ := m["spec"].(map[string]any)
		for _, problem := range refused(spec) {
			found.add("frozen", object.ID(m).String(), problem+"; Envoy refuses the whole configuration, so Emissary applies no change any more, not even a weight of 0",
				"correct or delete it; Emissary then applies all waiting changes by itself. Do not restart Emissary before: it would not come up")
		}
	}
}

// allMappings returns the Mappings of all namespaces, those in annotations included. An
// annotation that cannot be read has none.
func (x *exam) allMappings() []map[string]any {
	var all []map[string]any
	for _, o := range x.Sorted() {
		if o.ID.Group == group && o.ID.Kind == "Mapping" {
			all = append(all, o.Object)
		}
		if o.GetAnnotations()["getambassador.io/config"] == "" {
			continue
		}
		inside, _ := model.AnnotationObjects(o.Object)
		for _, m := range inside {
			if m["kind"] == "Mapping" {
				all = append(all, model.ToV3Alpha1(m))
			}
		}
	}
	return all
}

// refused returns what Envoy refuses in the spec of a Mapping.
func refused(spec map[string]any) (problems []string) {
	check := func(field string, pattern any) {
		text, is := pattern.(string)
		if !is {
			return
		}
		if _, err := regexp.Compile(text); err != nil { // RE2, as Envoy has it
			problems = append(problems, fmt.Sprintf("%s is %q, which is not a regular expression (%v)", field, text, err))
		}
	}
	for _, pair := range [][2]string{{"prefix", "prefix_regex"}, {"host", "host_regex"}, {"method", "method_regex"}} {
		if spec[pair[1]] == true {
			check("spec."+pair[0], spec[pair[0]])
		}
	}
	for _, field := range []string{"regex_headers", "regex_query_parameters"} {
		patterns, _ := spec[field].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(patterns)) {
			check("spec."+field+"."+name, patterns[name])
		}
	}
	rewrite, _ := spec["regex_rewrite"].(map[string]any)
	check("spec.regex_rewrite.pattern", rewrite["pattern"])
	if weight, is := spec["weight"].(int64); is && weight < 0 {
		problems = append(problems, fmt.Sprintf("spec.weight is %d", weight))
	}
	return problems
}
