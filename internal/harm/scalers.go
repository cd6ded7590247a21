package harm

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// metricsAnnotation holds the metrics of an autoscaling/v1 autoscaler, as JSON in the form
// of autoscaling/v2beta1 (k8s.io/api/autoscaling/v1, MetricSpec).
const metricsAnnotation = "autoscaling.alpha.kubernetes.io/metrics"

// metrics warns about an autoscaler whose copy follows metrics that are not those of the
// canary's pods.
func (e *examination) metrics(d manifest.Derived) {
	if d.Stable.Kind() != "HorizontalPodAutoscaler" {
		return
	}
	s := e.scaled(d.Stable)
	if s == nil {
		return
	}
	stable := metricsOf(d.Stable)
	var same, lost []string
	for i, m := range metricsOf(d.Canary) {
		switch manifest.GetString(m, "type") {
		case "External":
			same = add(same, metricName(m, "external"))
		case "Object":
			if i < len(stable) && describes(m) == describes(stable[i]) {
				same = add(same, metricName(m, "object")+" of "+describes(m))
			} else if label := s.losesSeries(m, "object"); label != "" {
				lost = add(lost, metricName(m, "object")+" with "+label)
			}
		case "Pods":
			if label := s.losesSeries(m, "pods"); label != "" {
				lost = add(lost, metricName(m, "pods")+" with "+label)
			}
		}
	}
	var says []string
	if len(same) > 0 {
		says = append(says, "the canary's autoscaler sees the same "+list(same)+" as stable's, so it scales the canary with stable's load")
	}
	if len(lost) > 0 {
		says = append(says, "the canary's autoscaler asks for "+list(lost)+", a label that the canary's pods do not have")
	}
	if len(says) > 0 {
		e.warn(note.SharedMetric, d.Stable, "%s; leave the autoscaler out of the input to give the canary a fixed number of pods", strings.Join(says, ", and "))
	}
}

func metricsOf(o *manifest.Object) []*manifest.Node {
	if list := manifest.Items(o.Root, "spec", "metrics"); len(list) > 0 {
		return list
	}
	return annotatedMetrics(manifest.GetString(o.Root, "metadata", "annotations", metricsAnnotation))
}

// annotatedMetrics reads metricsAnnotation, without the selectors.
func annotatedMetrics(text string) []*manifest.Node {
	type source struct {
		MetricName string                      `json:"metricName"`
		Target     struct{ Kind, Name string } `json:"target"`
	}
	var decoded []struct {
		Type             string
		External, Object source
	}
	if text == "" || json.Unmarshal([]byte(text), &decoded) != nil {
		return nil
	}
	var all []*manifest.Node
	for _, m := range decoded {
		all = append(all, manifest.NewMap("type", m.Type,
			"external", manifest.NewMap("metricName", m.External.MetricName),
			"object", manifest.NewMap("metricName", m.Object.MetricName, "target", manifest.NewMap("kind", m.Object.Target.Kind, "name", m.Object.Target.Name))))
	}
	return all
}

func metricName(m *manifest.Node, of string) string {
	for _, path := range [][]string{{of, "metric", "name"}, {of, "metricName"}} { // metricName in autoscaling/v2beta1
		if name := manifest.GetString(m, path...); name != "" {
			return name
		}
	}
	return "metric"
}

// describes returns the object that an Object metric is about.
func describes(m *manifest.Node) string {
	for _, field := range []string{"describedObject", "target"} { // target in autoscaling/v2beta1
		ref := manifest.Get(m, "object", field)
		if kind := manifest.GetString(ref, "kind"); kind != "" {
			return kind + " " + manifest.GetString(ref, "name")
		}
	}
	return "an object"
}

// losesSeries returns a label of the metric's selector, as KEY=VALUE, that the stable pods
// have and the canary's do not.
func (s *subject) losesSeries(m *manifest.Node, of string) string {
	for _, path := range [][]string{{of, "metric", "selector"}, {of, "selector"}} { // the second in autoscaling/v2beta1
		selector := manifest.Get(m, path...)
		equal := manifest.StringMap(selector, "matchLabels")
		for _, key := range slices.Sorted(maps.Keys(equal)) {
			if s.changes(key) && s.Labels[key] == equal[key] {
				return key + "=" + equal[key]
			}
		}
		for _, term := range manifest.Items(selector, "matchExpressions") {
			key, operator := manifest.GetString(term, "key"), manifest.GetString(term, "operator")
			if operator != "In" || !s.changes(key) {
				continue
			}
			values := texts(term, "values")
			if slices.Contains(values, s.Labels[key]) && !slices.Contains(values, s.CanaryLabels[key]) {
				return key + "=" + s.Labels[key]
			}
		}
	}
	return ""
}

// targetRef returns the reference of an object to the workload that it acts on, or nil.
// Kinds that derive their own pods from a workload are its owners, not its scalers.
func targetRef(o *manifest.Object) *manifest.Node {
	switch o.Group() {
	case "argoproj.io", "flagger.app", "rollouts.kruise.io":
		return nil
	}
	for _, field := range []string{"scaleTargetRef", "targetRef"} {
		if ref := manifest.Get(o.Root, "spec", field); manifest.GetString(ref, "name") != "" {
			return ref
		}
	}
	return nil
}

// scaled returns the workload with a canary that an object acts on, or nil.
func (e *examination) scaled(o *manifest.Object) *subject {
	ref := targetRef(o)
	kind := manifest.GetString(ref, "kind")
	if kind == "" {
		kind = "Deployment" // the default of a ScaledObject
	}
	return e.byTarget[target{e.set.Namespace(o), kind, manifest.GetString(ref, "name")}]
}

// otherScaler warns about an object of a kind that is not copied and acts on a workload by
// its name.
func (e *examination) otherScaler(o *manifest.Object) {
	s := e.scaled(o)
	if s == nil || o.Kind() == "HorizontalPodAutoscaler" {
		return
	}
	switch o.Kind() {
	case "ScaledObject":
		e.warn(note.OtherScaler, o, "scales %s%s, but not its canary, which keeps its number of pods%s; choose that number with --replicas", s, byTriggers(o), toZero(o))
	case "VerticalPodAutoscaler":
		if manifest.GetString(o.Root, "spec", "updatePolicy", "updateMode") == "Off" {
			return // it only recommends
		}
		e.warn(note.OtherScaler, o, "sets the resources of %s, but not of its canary, so the two need not be equally fast; set the same requests in the manifests", s)
	default: // package canary follows a targetRef
		if manifest.Get(o.Root, "spec", "scaleTargetRef") != nil {
			e.warn(note.OtherScaler, o, "scales %s, but not its canary, which keeps its number of pods; choose that number with --replicas", s)
		}
	}
}

// byTriggers says what a ScaledObject follows.
func byTriggers(o *manifest.Object) string {
	var kinds []string
	for _, trigger := range manifest.Items(o.Root, "spec", "triggers") {
		if kind := manifest.GetString(trigger, "type"); kind != "" {
			kinds = add(kinds, kind)
		}
	}
	if len(kinds) == 0 {
		return ""
	}
	return " by " + list(kinds)
}

// toZero says what follows if a ScaledObject scales stable to zero pods, as it does unless
// minReplicaCount forbids it or it looks at the pods alone (keda.sh/docs, ScaledObject
// specification).
func toZero(o *manifest.Object) string {
	least := manifest.GetString(o.Root, "spec", "minReplicaCount")
	if least != "" && least != "0" && manifest.GetString(o.Root, "spec", "idleReplicaCount") != "0" {
		return ""
	}
	for _, trigger := range manifest.Items(o.Root, "spec", "triggers") {
		if kind := manifest.GetString(trigger, "type"); kind != "cpu" && kind != "memory" {
			return ", also when stable is scaled to zero"
		}
	}
	return ""
}
