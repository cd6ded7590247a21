package prometheus

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
)

// PodLabel and namespaceLabel are the labels that series get when Prometheus
// scrapes pods as its operator, its chart and Azure Monitor set it up.
const (
	PodLabel       = "pod"
	namespaceLabel = "namespace"
)

// maxGenerated is from what length on Kubernetes cuts short what it makes names of
// pods of (k8s.io/apiserver/pkg/storage/names).
const maxGenerated = 58

// podSuffix is what Kubernetes appends to the name of a workload for its pods.
func podSuffix(kind string) string {
	switch kind {
	case "Deployment":
		return "-[a-z0-9]{1,10}-[a-z0-9]{5}"
	case "StatefulSet":
		return "-[0-9]+"
	}
	return "-[a-z0-9]{5}"
}

// PodNames tells the series of the versions apart by the names of the pods of their
// workloads.
func PodNames(workloads map[metric.Arm][]manifest.ID) (map[metric.Arm][]metric.Matcher, error) {
	labels := map[metric.Arm][]metric.Matcher{}
	for _, arm := range metric.Arms() {
		var namespaces, names []string
		for _, id := range workloads[arm] {
			if len(id.Name)+len("-0123456789-") > maxGenerated && id.Kind != "StatefulSet" {
				return nil, fmt.Errorf("%s: its name is so long that Kubernetes shortens it for its pods; say with canary and stable in spec.metrics how their series are told apart", id)
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
