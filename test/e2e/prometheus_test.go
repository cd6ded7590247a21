//go:build e2e

package e2e

import (
	"fmt"
	"testing"
)

// testPrometheus checks that Prometheus has the metrics of each version separately, those
// of Emissary and those of the application.
func testPrometheus(t *testing.T, w world) {
	w.release(t, 50)
	stop := stream(w.Gateway, 200)
	success := func(stats string) string {
		return w.Query(fmt.Sprintf(`1 - (sum(rate(envoy_cluster_upstream_rq_xx{envoy_cluster_name=%q,envoy_response_code_class="5"}[10s])) or vector(0)) / sum(rate(envoy_cluster_upstream_rq_xx{envoy_cluster_name=%q}[10s]))`, stats, stats))
	}
	w.Await("a success rate of 1 for each version", func() bool { return success(stableStats) == "1" && success(canaryStats) == "1" })
	w.Await("a latency for the canary", func() bool {
		return w.Query(fmt.Sprintf(`histogram_quantile(0.99, sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q}[10s])))`, canaryStats)) != ""
	})
	stop()
	for selector, pods := range map[string]string{
		`service="sampleapp",job="sampleapp",canarize_dev_track=""`:                     "4",
		`service="sampleapp-canary",job="sampleapp-canary",canarize_dev_track="canary"`: "2", // 50 % of 4
	} {
		w.Await(pods+" pods with "+selector, func() bool { return w.Query("count(up{"+selector+"} == 1)") == pods })
	}
	fmt.Println("Prometheus: Envoy and the pods of both versions scraped, success rate and latency of each answer")
}
