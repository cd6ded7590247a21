//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func escape(query string) string { return url.QueryEscape(query) }

// monitor is what is read of a ServiceMonitor.
type monitor struct {
	Spec struct {
		Selector  struct{ MatchLabels map[string]string }
		Endpoints []struct{ Port, Path, Interval string }
	}
}

// service is what is read of a Service.
type service struct {
	Metadata struct {
		Name, Namespace string
		Labels          map[string]string
	}
	Spec struct{ Ports []struct{ Name string } }
}

// scrapeConfig translates a ServiceMonitor into Prometheus' own configuration, for
// the Services it selects: a job per endpoint, with the labels service, namespace
// and job as the Prometheus operator gives them. Where a Service's pods are is given
// as targets, by Service and port.
func scrapeConfig(m monitor, services []service, targets map[string]string) []map[string]any {
	var out []map[string]any
	for i, e := range m.Spec.Endpoints {
		var static []map[string]any
		for _, svc := range services {
			target, known := targets[svc.Metadata.Name+" "+e.Port]
			if !selects(m.Spec.Selector.MatchLabels, svc.Metadata.Labels) || !known {
				continue
			}
			static = append(static, map[string]any{"targets": []string{target}, "labels": map[string]string{
				"service": svc.Metadata.Name, "namespace": svc.Metadata.Namespace, "job": svc.Metadata.Name, "endpoint": e.Port,
			}})
		}
		out = append(out, map[string]any{
			"job_name": fmt.Sprintf("serviceMonitor/default/sampleapp/%d", i), "metrics_path": e.Path,
			"scrape_interval": "1s", "static_configs": static, // a test does not wait for the 10s of production
		})
	}
	return out
}

func selects(wanted, have map[string]string) bool {
	for k, v := range wanted {
		if have[k] != v {
			return false
		}
	}
	return len(wanted) > 0
}

// startPrometheus scrapes Envoy, and the sample application as its ServiceMonitors
// say.
func (s *site) startPrometheus() {
	s.t.Helper()
	s.kube(nil, "apply", "-f", filepath.Join(s.root, "misc", "service-monitor.yml"))
	var monitors struct{ Items []monitor }
	var services struct{ Items []service }
	for kind, into := range map[string]any{"servicemonitors": &monitors, "services": &services} {
		if err := json.Unmarshal(s.kube(nil, "get", kind, "-o", "json"), into); err != nil {
			s.t.Fatal(err)
		}
	}
	address := func(what string) string { return net.JoinHostPort(host, strconv.Itoa(s.port[what])) }
	jobs := []map[string]any{{
		"job_name": "emissary", "scrape_interval": "1s", "metrics_path": "/metrics",
		"static_configs": []map[string]any{{"targets": []string{address("diagnostics")}}},
	}}
	for _, m := range monitors.Items {
		jobs = append(jobs, scrapeConfig(m, services.Items, map[string]string{
			"sampleapp metrics": address("stable-metrics"), "sampleapp-canary metrics": address("canary-metrics"),
		})...)
	}
	config, err := json.Marshal(map[string]any{"scrape_configs": jobs}) // JSON is YAML
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, config, 0o644); err != nil {
		s.t.Fatal(err)
	}
	program := strings.TrimSpace(string(s.output(nil, filepath.Join(s.root, "test", "cluster"), s.program("cluster"), "prometheus")))
	s.start(nil, program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address("prometheus"))
}

// testPrometheus: the queries of docs/emissary.md answer for each version by
// itself, and the application counts what Envoy counts.
func testPrometheus(t *testing.T, s *site) {
	s.release(50)
	s.startPrometheus()
	s.await("Prometheus with three targets up", func() bool { return s.series("sum(up)") == "3" })
	stop := stream(s.url("site", "/"), 200)
	success := func(stats string) string {
		return s.series(fmt.Sprintf(`1 - (sum(rate(envoy_cluster_upstream_rq_xx{envoy_cluster_name=%q,envoy_response_code_class="5"}[10s])) or vector(0)) / sum(rate(envoy_cluster_upstream_rq_xx{envoy_cluster_name=%q}[10s]))`, stats, stats))
	}
	s.await("a success rate of 1 for each version", func() bool { return success(stableStats) == "1" && success(canaryStats) == "1" })
	s.await("a latency for the canary", func() bool {
		return s.series(fmt.Sprintf(`histogram_quantile(0.99, sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q}[10s])))`, canaryStats)) != ""
	})
	stop()
	for _, name := range []string{"sampleapp", "sampleapp-canary"} {
		s.await("requests counted by "+name+" itself", func() bool {
			return s.series(fmt.Sprintf(`count(count by (service) ({service=%q}))`, name)) == "1"
		})
	}
	fmt.Println("Prometheus: Envoy and both versions scraped, success rate and latency of each answer")
}
