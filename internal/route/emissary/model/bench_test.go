package model_test

import (
	"fmt"
	"testing"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// applications makes n pairs of a stable and a canary Mapping, and a Host for
// every fourth application.
func applications(n int) []map[string]any {
	var set []map[string]any
	for i := range n {
		name, namespace := fmt.Sprintf("app-%d", i), fmt.Sprintf("team-%d", i%50)
		host := name + ".example.com"
		set = append(set,
			newMapping(namespace, name, map[string]any{"hostname": host, "prefix": "/", "service": name + ":8080", "timeout_ms": 5000}),
			newMapping(namespace, name+"-canary", map[string]any{"hostname": host, "prefix": "/", "service": name + "-canary:8080", "timeout_ms": 5000, "weight": i % 101}),
		)
		if i%4 == 0 {
			set = append(set, map[string]any{
				"apiVersion": "getambassador.io/v3alpha1", "kind": "Host",
				"metadata": map[string]any{"name": name, "namespace": namespace},
				"spec":     map[string]any{"hostname": host},
			})
		}
	}
	return set
}

func BenchmarkEvaluate(b *testing.B) {
	for _, mappings := range []int{100, 1_000, 10_000} {
		set := applications(mappings / 2)
		b.Run(fmt.Sprintf("mappings=%d", mappings), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if report := model.Evaluate(set, options); len(report.Groups) != mappings/2 {
					b.Fatal(len(report.Groups))
				}
			}
		})
	}
}
