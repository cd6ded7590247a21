package model

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Freezing returns the Mappings among objects, those in annotations included, that make
// Envoy refuse the whole configuration, each with the reason. Emissary then applies no
// change at all any more, not even a weight of 0, and posts nothing (seen on Emissary 4.1:
// "no update performed (invalid envoy configuration generated)"). A Mapping for another
// installation harms only that one.
func Freezing(objects []map[string]any, opts Options) (all []Problem) {
	for _, m := range mappingsIn(objects) {
		spec, meta := object(m["spec"]), object(m["metadata"])
		if !accepts(spec, opts.AmbassadorID) {
			continue
		}
		for _, problem := range refused(spec) {
			all = append(all, Problem{
				Kind: "Mapping", Namespace: text(meta["namespace"]), Name: text(meta["name"]),
				Text: problem + "; Envoy refuses the whole configuration, so Emissary applies no change",
			})
		}
	}
	return append(all, weightless(objects, opts)...)
}

// weightless returns the TCPMappings with a weight of 0 beside others. Envoy's tcp_proxy
// takes no cluster with a weight below 1 (tcp_proxy.proto, ClusterWeight), and Emissary
// passes the weight on as it is (v3listener.py).
func weightless(objects []map[string]any, opts Options) (all []Problem) {
	type group struct{ address, port, host string }
	groupOf := func(spec map[string]any) group {
		return group{text(spec["address"]), plain(spec["port"]), text(spec["host"])}
	}
	members := map[group]int{}
	var tcp []map[string]any
	for _, o := range objects {
		if spec := object(o["spec"]); strings.HasPrefix(text(o["apiVersion"]), apiGroup) && o["kind"] == "TCPMapping" && accepts(spec, opts.AmbassadorID) {
			tcp = append(tcp, o)
			members[groupOf(spec)]++
		}
	}
	for _, o := range tcp {
		spec, meta := object(o["spec"]), object(o["metadata"])
		if spec["weight"] != nil && plain(spec["weight"]) == "0" && members[groupOf(spec)] > 1 {
			all = append(all, Problem{
				Kind: "TCPMapping", Namespace: text(meta["namespace"]), Name: text(meta["name"]),
				Text: "spec.weight is 0 beside another TCPMapping; Envoy refuses the whole configuration, so Emissary applies no change",
			})
		}
	}
	return all
}

// mappingsIn returns the Mappings among objects and in their annotations. An annotation
// that cannot be read has none.
func mappingsIn(objects []map[string]any) (all []map[string]any) {
	for _, o := range objects {
		if strings.HasPrefix(text(o["apiVersion"]), apiGroup) && o["kind"] == "Mapping" {
			all = append(all, o)
		}
		inside, _ := AnnotationObjects(o)
		for _, m := range inside {
			if m["kind"] == "Mapping" {
				all = append(all, ToV3Alpha1(m))
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
