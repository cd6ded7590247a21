package canary_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/canary"
)

const application = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  REPLICAS
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: registry.example.com/web:1}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`

const autoscaler = `---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  MIN
  maxReplicas: 5
`

// TestReplicas checks the number of canary pods and the bounds of their
// autoscaler.
func TestReplicas(t *testing.T) {
	weight, same := canary.Replicas{}, canary.Replicas{Mode: canary.ReplicasSame}
	fixed := func(n int) canary.Replicas { return canary.Replicas{Mode: canary.ReplicasFixed, N: n} }
	for _, c := range []struct {
		stable   string
		weight   int
		replicas canary.Replicas
		min      string // of the autoscaler; "none": no autoscaler
		want     int
		bounds   [2]int
	}{
		{"replicas: 10", 10, weight, "none", 1, [2]int{}},
		{"replicas: 11", 10, weight, "none", 2, [2]int{}},
		{"replicas: 4", 25, weight, "none", 1, [2]int{}},
		{"replicas: 4", 26, weight, "none", 2, [2]int{}},
		{"replicas: 4", 0, weight, "none", 1, [2]int{}},
		{"replicas: 4", 100, weight, "none", 4, [2]int{}},
		{"replicas: 0", 50, weight, "none", 1, [2]int{}},
		{"", 50, weight, "none", 1, [2]int{}},
		{"replicas: null", 50, weight, "none", 1, [2]int{}},
		{"replicas: 300", 1, weight, "none", 3, [2]int{}},
		{"replicas: 4", 10, same, "none", 4, [2]int{}},
		{"", 10, same, "none", 1, [2]int{}},
		{"replicas: 4", 10, fixed(7), "none", 7, [2]int{}},
		{"", 50, weight, "minReplicas: 4", 2, [2]int{1, 5}}, // at least the autoscaler's minimum runs
		{"replicas: 8", 50, weight, "minReplicas: 4", 4, [2]int{1, 5}},
		{"replicas: 8", 50, weight, "", 4, [2]int{1, 5}},
		{"replicas: 2", 10, same, "minReplicas: 4", 4, [2]int{4, 5}},
		{"replicas: 2", 10, same, "", 2, [2]int{2, 5}},
		{"replicas: 2", 10, fixed(3), "minReplicas: 4", 3, [2]int{3, 5}},
		{"replicas: 2", 10, fixed(7), "minReplicas: 4", 7, [2]int{7, 7}},
	} {
		t.Run(fmt.Sprint(c.stable, " ", c.weight, c.replicas, c.min), func(t *testing.T) {
			text := strings.Replace(application, "REPLICAS", c.stable, 1)
			if c.min != "none" {
				text += strings.Replace(autoscaler, "MIN", c.min, 1)
			}
			result, err := canary.Derive(read(t, "input.yml", text, "default"), canary.Options{Weight: c.weight, Suffix: "-canary", Replicas: c.replicas, Include: []canary.WorkloadRef{{Kind: "Deployment", Name: "web"}}})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range result.Derived {
				spec := d.Canary.Value()["spec"].(map[string]any)
				switch d.Canary.Kind() {
				case "Deployment":
					if got := fmt.Sprint(spec["replicas"]); got != fmt.Sprint(c.want) {
						t.Errorf("%s replicas, want %d", got, c.want)
					}
				case "HorizontalPodAutoscaler":
					if got := fmt.Sprint(spec["minReplicas"], " ", spec["maxReplicas"]); got != fmt.Sprint(c.bounds[0], " ", c.bounds[1]) {
						t.Errorf("between %s pods, want %v", got, c.bounds)
					}
				}
			}
		})
	}
}
