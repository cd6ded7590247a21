package model

import (
	"strings"
)

// noHost is the host that the conversion to v2 writes for a v3alpha1 Mapping
// without one.
const noHost = "_skip_mapping_with_empty_host_"

// ToV3Alpha1 converts a Mapping of version v1 or v2 to v3alpha1 as Emissary's
// conversion webhook does. It does not change its argument. It keeps other
// objects, and fields with the same meaning in all versions, as they are.
// Source: handwritten.conversion.go in pkg/api/getambassador.io/v2.
func ToV3Alpha1(o map[string]any) map[string]any {
	version, found := strings.CutPrefix(text(o["apiVersion"]), apiGroup)
	if !found || text(o["kind"]) != "Mapping" || version == "v3alpha1" {
		return o
	}
	out := make(map[string]any, len(o))
	for k, v := range o {
		out[k] = v
	}
	out["apiVersion"] = apiGroup + "v3alpha1"
	out["spec"] = convertMappingSpec(object(o["spec"]))
	return out
}

// convertMappingSpec returns the v3alpha1 form of a v2 Mapping's spec.
func convertMappingSpec(in map[string]any) map[string]any {
	out := withoutNulls(in)
	convertHost(out)
	convertTLS(out)
	convertMatch(out, "headers", "regex_headers")
	convertMatch(out, "query_parameters", "regex_query_parameters")
	convertID(out)
	for v2, v3 := range map[string]string{"v3StatsName": "stats_name", "v3health_checks": "health_checks"} {
		if v, found := out[v2]; found {
			delete(out, v2)
			out[v3] = v
		}
	}
	return out
}

// convertHost turns host into hostname. In v2 a missing host means "*".
func convertHost(spec map[string]any) {
	_, isText := spec["host"].(string)
	if _, found := spec["host"]; found && !isText || truthy(spec["host_regex"]) {
		return
	}
	host := text(spec["host"])
	delete(spec, "host")
	if _, found := spec["hostname"]; found {
		return
	}
	switch host {
	case "":
		spec["hostname"] = "*"
	case noHost:
	default:
		spec["hostname"] = host
	}
}

// convertTLS turns tls: true into the https:// that it means.
func convertTLS(spec map[string]any) {
	tls, isBool := spec["tls"].(bool)
	if !isBool {
		return
	}
	delete(spec, "tls")
	service, isText := spec["service"].(string)
	lower := strings.ToLower(service)
	if !tls || !isText || strings.HasPrefix(lower, "https://") {
		return
	}
	if strings.HasPrefix(lower, "http://") {
		service = service[len("http://"):]
	}
	spec["service"] = "https://" + service
}

// convertMatch turns "present with any value" into a regular expression.
func convertMatch(spec map[string]any, field, regexField string) {
	in, ok := spec[field].(map[string]any)
	if !ok {
		return
	}
	exact, regex := map[string]any{}, map[string]any{}
	for k, v := range object(spec[regexField]) {
		regex[k] = v
	}
	for k, v := range in {
		present, isBool := v.(bool)
		switch {
		case !isBool:
			exact[k] = v
		case present && regex[k] == nil:
			regex[k] = ".*"
		}
	}
	setOrDelete(spec, field, exact)
	if _, ok := spec[regexField].(map[string]any); ok || spec[regexField] == nil {
		setOrDelete(spec, regexField, regex)
	}
}

func setOrDelete(spec map[string]any, field string, m map[string]any) {
	if len(m) == 0 {
		delete(spec, field)
		return
	}
	spec[field] = m
}

// convertID removes the prefix that the webhook adds to ids when it converts to
// v2.
func convertID(spec map[string]any) {
	ids, ok := spec["ambassador_id"].([]any)
	if !ok {
		return
	}
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = id
		if s, ok := id.(string); ok {
			out[i] = strings.TrimPrefix(s, "--apiVersion-v3alpha1-only--")
		}
	}
	spec["ambassador_id"] = out
}
