package prometheus

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
)

// TestPodNames checks that the name that Kubernetes gives to a pod matches its
// version and no other.
func TestPodNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"Deployment", "StatefulSet", "DaemonSet"}).Draw(t, "kind")
		name := rapid.StringMatching(`[a-z]([a-z0-9.-]{0,20}[a-z0-9])?`).Draw(t, "name")
		pair := struct{ Stable, Canary manifest.ID }{
			Stable: manifest.ID{Kind: kind, Namespace: "shop", Name: name},
			Canary: manifest.ID{Kind: kind, Namespace: "shop", Name: name + "-canary"},
		}
		labels, err := PodNames(map[metric.Arm][]manifest.ID{metric.Stable: {pair.Stable}, metric.Canary: {pair.Canary}})
		if err != nil {
			t.Fatal(err)
		}
		const random = "[bcdfghjklmnpqrstvwxz2456789]"
		suffix := rapid.StringMatching(map[string]string{
			"Deployment": "-" + random + "{8,10}-" + random + "{5}", "StatefulSet": "-[0-9]{1,3}", "DaemonSet": "-" + random + "{5}",
		}[kind]).Draw(t, "suffix")
		for arm, id := range map[metric.Arm]manifest.ID{metric.Stable: pair.Stable, metric.Canary: pair.Canary} {
			for _, other := range metric.Arms() {
				selector := metric.Selector{Name: "a"}.With(labels[other]...)
				if selector.Matches("a", map[string]string{"namespace": "shop", "pod": id.Name + suffix}) != (arm == other) {
					t.Errorf("%s%s of %s: %s", id.Name, suffix, other, selector)
				}
				if selector.Matches("a", map[string]string{"namespace": "shop2", "pod": id.Name + suffix}) {
					t.Errorf("%s: another namespace", selector)
				}
			}
		}
	})
}

func TestPodNamesTooLong(t *testing.T) {
	id := manifest.ID{Kind: "Deployment", Namespace: "shop", Name: strings.Repeat("x", 50)}
	_, err := PodNames(map[metric.Arm][]manifest.ID{metric.Stable: {id}, metric.Canary: {id}})
	if err == nil || !strings.Contains(err.Error(), "canary and stable in spec.metrics") {
		t.Error(err)
	}
}
