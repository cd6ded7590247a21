package model

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Freezes returns what Envoy refuses in a Mapping. Envoy refuses the whole configuration
// with it, so Emissary applies no change at all any more, not even a weight of 0, and
// posts nothing (seen on Emissary 4.1: "no update performed (invalid envoy configuration
// generated)"). A Mapping for another installation harms only that one.
func Freezes(mapping map[string]any, opts Options) (problems []string) {
	spec := object(mapping["spec"])
	if !accepts(spec, opts.AmbassadorID) {
		return nil
	}
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
