package prometheus

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
)

// PodLabel and namespaceLabel are the labels of series when the Prometheus
// operator, its chart or Azure Monitor configures the scraping of pods.
const (
	PodLabel       = "pod"
	namespaceLabel = "namespace"
)

// maxGenerated is the length from which Kubernetes shortens a workload name in
// the names of its pods (k8s.io/apiserver/pkg/storage/names).
const maxGenerated = 58

// podSuffix returns a regular expression for what Kubernetes appends to a
// workload's name in the names of its pods.
func podSuffix(kind string) string {
	switch kind {
	case "Deployment":
		return "-[a-z0-9]{1,10}-[a-z0-9]{5}"
	case "StatefulSet":
		return "-[0-9]+"
	}
	return "-[a-z0-9]{5}"
}

// PodNames returns labels that distinguish the series of the versions by the
// names of their workloads' pods.
func PodNames(workloads map[metric.Arm][]manifest.ID) (map[metric.Arm][]metric.Matcher, error) {
	labels := map[metric.Arm][]metric.Matcher{}
	for _, arm := range metric.Arms() {
		var namespaces, names []string
		for _, id := range workloads[arm] {
			if len(id.Name)+len("-0123456789-") > maxGenerated && id.Kind != "StatefulSet" {
				return nil, fmt.Errorf("%s: its name is so long that Kubernetes shortens it in the names of pods; set the labels of both versions with canary and stable in spec.metrics", id)
			}
			names = append(names, regexp.QuoteMeta(id.Name)+podSuffix(id.Kind))
			if namespace := regexp.QuoteMeta(id.Namespace); !slices.Contains(namespaces, namespace) {
				namespaces = append(namespaces, namespace)
			}
		}
		namespace, err := metric.NewMatcher(namespaceLabel, "=~", strings.Join(namespaces, "|"))
		if err != nil {
			return nil, err
		}
		pod, err := metric.NewMatcher(PodLabel, "=~", strings.Join(names, "|"))
		if err != nil {
			return nil, err
		}
		labels[arm] = []metric.Matcher{namespace, pod}
	}
	return labels, nil
}
