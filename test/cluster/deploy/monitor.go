package deploy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"sigs.k8s.io/yaml"
)

// object is an object as JSON has it.
type object = map[string]any

// monitor is what is read of a ServiceMonitor.
type monitor struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		Selector        struct{ MatchLabels map[string]string }
		PodTargetLabels []string
		Endpoints       []struct{ Port, Path string }
	}
}

// interval is between two scrapes: tests do not wait for the 10 s of production.
const interval = "1s"

// prometheusConfig is Prometheus' configuration for the gateway's pods and for a
// ServiceMonitor, of which there is one document.
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

// gatewayJob scrapes the admin Service, as the ServiceMonitor of Emissary's chart
// does.
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

// jobs makes one job per endpoint, with the selection and the labels that the
// Prometheus operator gives (its generateServiceMonitorConfig).
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
			rule["regex"] = "(.+)" // absent where the pod has no such label
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

// sanitized is a label of Kubernetes as Prometheus can have it.
func sanitized(label string) string {
	return regexp.MustCompile(`[^a-zA-Z0-9_]`).ReplaceAllString(label, "_")
}
