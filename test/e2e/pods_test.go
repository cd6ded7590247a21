//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/canarize/canarize/test/e2e/site"
)

// configured is an application whose answers contain its configuration.
const configured = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {VERSION: %s}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: configured}
spec:
  replicas: 3
  selector: {matchLabels: {app: configured}}
  template:
    metadata: {labels: {app: configured}}
    spec:
      containers:
        - name: app
          image: registry.example.com/app:1
          envFrom: [{configMapRef: {name: settings}}]
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: configured}
spec:
  selector: {app: configured}
  ports: [{port: 8080, targetPort: http}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: configured}
spec:
  podSelector: {matchLabels: {app: configured}}
  ingress: [{ports: [{port: http}]}]
---
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: configured}
spec: {hostname: "*", prefix: /configured/, service: "configured:8080"}
`

// testPods checks that pods read the configuration of their own version, that the stable
// Service reaches stable pods only, and that the API server accepts every kind of object.
func testPods(t *testing.T, w world) {
	dir := t.TempDir()
	write := func(settings string) {
		if err := os.WriteFile(filepath.Join(dir, "app.yaml"), fmt.Appendf(nil, configured, settings), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	w.Kube(nil, "apply", "-f", dir)
	w.AwaitRollout("deployment/configured")
	write("new")
	w.Apply(w.generate("10", dir))
	w.AwaitRollout("deployment/configured-canary")
	w.Kube(nil, "get", "networkpolicy", "configured", "configured-canary")

	tracks := map[string]string{"": "old", "canary": "new"}
	seen := map[string]int{}
	for _, p := range w.pods(t, "configured") {
		if got := version(t, "http://"+p.ip+":8080/"); got != tracks[p.track] {
			t.Errorf("pod %s of track %q has read the settings %q", p.name, p.track, got)
		}
		seen[p.track]++
	}
	if seen[""] != 3 || seen["canary"] != 1 {
		t.Errorf("pods by track %v, expected 3 stable and 1 canary", seen)
	}
	for service, want := range map[string]string{"configured": "old", "configured-canary": "new"} {
		address := w.serviceAddress(service)
		w.Await("kube-proxy to know Service "+service, func() bool { return site.Get(address) != "" })
		got := map[string]int{}
		for range 300 {
			got[version(t, address)]++
		}
		if got[want] != 300 {
			t.Errorf("Service %s: answers by settings %v, expected 300 times %s", service, got, want)
		}
	}
	fmt.Println("3 stable pods with the old settings, 1 canary pod with the new; 300 connections to either Service stay with its version")
	w.testNewService(t)
	w.Kube(nil, "delete", "--wait=false", "deployment,service,networkpolicy,mapping", "configured", "configured-canary")
}

// testNewService checks that a connection to a Service that kube-proxy does not know yet is
// answered or refused and never hangs. Otherwise a gateway that connects to a new canary at
// that moment would lose a request to its timeout.
func (w world) testNewService(t *testing.T) {
	const service = `{apiVersion: v1, kind: Service, metadata: {name: new-%d}, spec: {selector: {app: configured}, ports: [{port: 8080, targetPort: http}]}}`
	for i := range 5 {
		ip := w.Kube(fmt.Appendf(nil, service, i), "create", "-f", "-", "-o", "jsonpath={.spec.clusterIP}")
		connection, err := net.DialTimeout("tcp", net.JoinHostPort(string(ip), "8080"), 10*time.Second)
		if err == nil {
			_ = connection.Close()
		} else if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Service new-%d, just made: %v", i, err)
		}
		w.Kube(nil, "delete", "--wait=false", "service", fmt.Sprintf("new-%d", i))
	}
}

// serviceAddress returns the URL of a Service's port 8080.
func (w world) serviceAddress(name string) string {
	return "http://" + strings.TrimSpace(string(w.Kube(nil, "get", "service", name, "-o", "jsonpath={.spec.clusterIP}"))) + ":8080/"
}

type pod struct{ name, ip, track string }

// pods returns the running pods of an application.
func (w world) pods(t *testing.T, app string) []pod {
	t.Helper()
	var list struct {
		Items []struct {
			Metadata struct {
				Name   string
				Labels map[string]string
			}
			Status struct{ PodIP string }
		}
	}
	if err := json.Unmarshal(w.Kube(nil, "get", "pods", "-o", "json"), &list); err != nil {
		t.Fatal(err)
	}
	var out []pod
	for _, p := range list.Items {
		if strings.HasPrefix(p.Metadata.Name, app+"-") {
			out = append(out, pod{p.Metadata.Name, p.Status.PodIP, p.Metadata.Labels["canarize.dev/track"]})
		}
	}
	return out
}

// version returns the version that answers a new connection.
func version(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.Header.Get("X-Version")
}

// testAdmin checks that Envoy's admin interface listens on its pod's loopback only, and
// that port-forward reaches it there, as in production.
func testAdmin(t *testing.T, w world) {
	address := forward(t, w.Site, "8001")
	if got := site.Get("http://" + address + "/ready"); strings.TrimSpace(got) != "LIVE" {
		t.Errorf("Envoy's admin interface, by port-forward, says it is %q, expected LIVE", got)
	}
	logs := string(w.Kube(nil, "-n", "emissary", "logs", "deployment/emissary-ingress"))
	if !strings.Contains(logs, "cds.json") {
		t.Errorf("the gateway's logs do not say that it has written clusters: %s", logs)
	}
}
