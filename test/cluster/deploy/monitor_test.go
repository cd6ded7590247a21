package deploy

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// job holds the fields of a job that tests check.
type job struct {
	Name     string `json:"job_name"`
	Path     string `json:"metrics_path"`
	Relabels []struct {
		Action  string
		Sources []string `json:"source_labels"`
		Regex   string
		Target  string `json:"target_label"`
	} `json:"relabel_configs"`
}

func jobs(t *testing.T, monitor string) []job {
	t.Helper()
	text, err := prometheusConfig([]byte(monitor))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Jobs []job `json:"scrape_configs"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	return config.Jobs
}

func (j job) kept() map[string]string {
	out := map[string]string{}
	for _, r := range j.Relabels {
		if r.Action == "keep" {
			out[r.Sources[0]] = r.Regex
		}
	}
	return out
}

func TestAServiceMonitorIsAJobPerEndpoint(t *testing.T) {
	got := jobs(t, `
kind: ServiceMonitor
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: web.v1}}
  podTargetLabels: [canarize.dev/track]
  endpoints: [{port: metrics, path: /metrics}, {port: more, path: /more}]
`)
	if len(got) != 3 || got[1].Name != "serviceMonitor/shop/web/0" || got[2].Name != "serviceMonitor/shop/web/1" || got[2].Path != "/more" {
		t.Fatalf("jobs %+v, expected the gateway's and two of the monitor", got)
	}
	want := map[string]string{
		"__meta_kubernetes_service_label_app_kubernetes_io_name": `web\.v1`,
		"__meta_kubernetes_endpointslice_port_name":              "more",
	}
	if kept := got[2].kept(); !reflect.DeepEqual(kept, want) {
		t.Errorf("kept %v, expected %v", kept, want)
	}
	last := got[2].Relabels[len(got[2].Relabels)-1]
	if last.Sources[0] != "__meta_kubernetes_pod_label_canarize_dev_track" || last.Target != "canarize_dev_track" {
		t.Errorf("the pod's label is taken by %+v", last)
	}
}

func TestTheGatewayIsScrapedOnItsAdminPortOnly(t *testing.T) {
	monitor, err := os.ReadFile(filepath.Join("..", "..", "..", "misc", "service-monitor.yml"))
	if err != nil {
		t.Fatal(err)
	}
	got := jobs(t, string(monitor))
	if len(got) != 2 || got[0].kept()["__meta_kubernetes_endpointslice_port_name"] != "ambassador-admin" {
		t.Errorf("jobs %+v, expected the first to keep only the admin port", got)
	}
}

func TestWhatIsNoServiceMonitorIsRefused(t *testing.T) {
	for _, c := range []string{
		"kind: PodMonitor\nspec: {selector: {matchLabels: {a: b}}}", "kind: ServiceMonitor\nspec: {selector: {}}", "[",
	} {
		if _, err := prometheusConfig([]byte(c)); err == nil || !strings.Contains(err.Error(), "ServiceMonitor") {
			t.Errorf("%q: error %v, expected one that names ServiceMonitor", c, err)
		}
	}
}
