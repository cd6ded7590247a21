package deploy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"sigs.k8s.io/yaml"
)

// object is a JSON object.
type object = map[string]any

// monitor holds the supported fields of a ServiceMonitor.
type monitor struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		Selector        struct{ MatchLabels map[string]string }
		PodTargetLabels []string
		Endpoints       []struct{ Port, Path string }
	}
}

// interval is the time between two scrapes. Production has 10 s; tests should not wait that
// long.
const interval = "1s"

// prometheusConfig returns Prometheus' configuration for the gateway's pods and for a
// ServiceMonitor, which must be one document.
func prometheusConfig(serviceMonitor []byte) ([]byte, error) {
	var m monitor
	if err := yaml.Unmarshal(serviceMonitor, &m); err != nil {
		return nil, fmt.Errorf("read the ServiceMonitor: %w", err)
	}
	if m.Kind != "ServiceMonitor" || len(m.Spec.Selector.MatchLabels) == 0 {
		return nil, fmt.Errorf("%s %s: expected a ServiceMonitor that selects by matchLabels", m.Kind, m.Metadata.Name)
	}
	return yaml.Marshal(object{
		"global":         object{"scrape_interval": interval},
		"scrape_configs": append([]object{gatewayJob()}, m.jobs()...),
	})
}

// gatewayJob returns a job that scrapes the admin Service, like the ServiceMonitor of
// Emissary's chart.
func gatewayJob() object {
	return object{
		"job_name":              "emissary",
		"metrics_path":          "/metrics",
		"kubernetes_sd_configs": discovery("emissary"),
		"relabel_configs": []object{
			keep("__meta_kubernetes_service_name", "emissary-ingress-admin"),
			keep("__meta_kubernetes_endpointslice_port_name", "ambassador-admin"), // not the pod's other ports
			copied("__meta_kubernetes_namespace", "namespace"),
			copied("__meta_kubernetes_pod_name", "pod"),
		},
	}
}

// jobs returns one job per endpoint, with the selection and the labels of the Prometheus
// operator (its generateServiceMonitorConfig).
func (m monitor) jobs() []object {
	namespace := m.Metadata.Namespace
	if namespace == "" {
		namespace = "default"
	}
	var out []object
	for i, e := range m.Spec.Endpoints {
		var rules []object
		for _, label := range slices.Sorted(maps.Keys(m.Spec.Selector.MatchLabels)) {
			rules = append(rules, keep("__meta_kubernetes_service_label_"+sanitized(label), m.Spec.Selector.MatchLabels[label]))
		}
		rules = append(rules,
			keep("__meta_kubernetes_endpointslice_port_name", e.Port),
			copied("__meta_kubernetes_namespace", "namespace"),
			copied("__meta_kubernetes_service_name", "service"),
			copied("__meta_kubernetes_service_name", "job"),
			copied("__meta_kubernetes_pod_name", "pod"),
			copied("__meta_kubernetes_pod_container_name", "container"),
			object{"target_label": "endpoint", "replacement": e.Port},
		)
		for _, label := range m.Spec.PodTargetLabels {
			rule := copied("__meta_kubernetes_pod_label_"+sanitized(label), sanitized(label))
			rule["regex"] = "(.+)" // no label if the pod has none
			rules = append(rules, rule)
		}
		out = append(out, object{
			"job_name":              fmt.Sprintf("serviceMonitor/%s/%s/%d", namespace, m.Metadata.Name, i),
			"metrics_path":          e.Path,
			"kubernetes_sd_configs": discovery(namespace),
			"relabel_configs":       rules,
		})
	}
	return out
}

func discovery(namespace string) []object {
	return []object{{"role": "endpointslice", "namespaces": object{"names": []string{namespace}}}}
}

func keep(label, value string) object {
	return object{"action": "keep", "source_labels": []string{label}, "regex": regexp.QuoteMeta(value)}
}

func copied(from, to string) object {
	return object{"source_labels": []string{from}, "target_label": to}
}

// sanitized returns a Kubernetes label as a valid Prometheus label.
func sanitized(label string) string {
	return regexp.MustCompile(`[^a-zA-Z0-9_]`).ReplaceAllString(label, "_")
}
