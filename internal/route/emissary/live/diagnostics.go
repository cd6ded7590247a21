package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// DiagnosticsPath is the page on port 8877 of each Emissary pod that shows what
// Emissary made of its Mappings.
const DiagnosticsPath = "/ambassador/v0/diag/?json=true"

// diagnostics has the parts of Emissary's answer that describe routes (diagd.py,
// ir.as_dict).
type diagnostics struct {
	Routes *[]struct {
		Prefix string `json:"prefix"`
		Host   string `json:"host"`
		Key    string `json:"key"`
		Route  struct {
			Prefix   string        `json:"prefix"`
			Mappings []diagMapping `json:"mappings"`
		} `json:"_route"`
	} `json:"route_info"`
	Errors []json.RawMessage `json:"errors"`
}

type diagMapping struct {
	Name      string          `json:"name"`
	Namespace string          `json:"namespace"`
	Weight    *float64        `json:"_weight"`
	Cluster   json.RawMessage `json:"cluster"`
}

// ParseDiagnostics parses Emissary's answer to DiagnosticsPath.
func ParseDiagnostics(text []byte) (View, error) {
	var d diagnostics
	if err := json.Unmarshal(text, &d); err != nil {
		return View{}, fmt.Errorf("diagnostics of Emissary: %w", err)
	}
	if d.Routes == nil {
		return View{}, errors.New("diagnostics of Emissary: route_info is missing")
	}
	all := newGrouping()
	for i, r := range *d.Routes {
		for _, m := range r.Route.Mappings {
			threshold := 100.0 // a single Mapping has none
			if m.Weight != nil {
				threshold = *m.Weight
			}
			name := fmt.Sprintf("%s (host %s)", r.Prefix, r.Host)
			all.add(strconv.Itoa(i), Group{Match: name}, Member{Namespace: m.Namespace, Mapping: m.Name, Cluster: clusterName(m.Cluster)}, threshold)
		}
	}
	v := View{Groups: all.groups()}
	for _, e := range d.Errors {
		v.Errors = append(v.Errors, parseError(e))
	}
	return v, nil
}

// clusterName returns Envoy's name of a cluster: envoy_name if the name was shortened.
func clusterName(text json.RawMessage) string {
	var name string
	if json.Unmarshal(text, &name) == nil {
		return name
	}
	var cluster struct {
		Name  string `json:"name"`
		Envoy string `json:"envoy_name"`
	}
	if json.Unmarshal(text, &cluster) != nil {
		return ""
	}
	if cluster.Envoy != "" {
		return cluster.Envoy
	}
	return cluster.Name
}

// parseError parses an error, a pair of an object's key and a text. Anything else is
// kept unchanged.
func parseError(text json.RawMessage) Error {
	var pair []string
	if json.Unmarshal(text, &pair) == nil && len(pair) == 2 {
		return Error{Object: pair[0], Text: pair[1]}
	}
	return Error{Text: string(text)}
}
