//go:build e2e

// Package e2e proves the product on a real API server and a real Envoy under load:
// the sample application in two versions, the canary `canarize generate` makes, and
// a gateway that routes as Emissary does (test/cluster/gateway).
//
// Everything runs as plain processes on this machine; neither root nor containers
// are needed. What needs pods is therefore not here: see README.md.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// site is what runs.
type site struct {
	t          *testing.T
	root, bin  string
	kubeconfig string
	kubectl    string
	dir        string // of the control plane
	envoy      string
	port       map[string]int // by what listens there
	gateway    *exec.Cmd
}

const (
	host      = "127.0.0.1"
	namespace = "default"
)

func (s *site) url(what, path string) string {
	return "http://" + net.JoinHostPort(host, strconv.Itoa(s.port[what])) + path
}

func setUp(t *testing.T) *site {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, root: root, bin: t.TempDir(), dir: filepath.Join(t.TempDir(), "control-plane"), port: map[string]int{}}
	for name, folder := range map[string]string{
		"canarize": "cmd/canarize", "app": "app", "cluster": "test/cluster", "gateway": "test/cluster/gateway",
	} {
		s.output(nil, filepath.Join(root, folder), "go", "build", "-o", filepath.Join(s.bin, name), ".")
	}
	for _, what := range []string{"site", "admin", "diagnostics", "stable", "stable-metrics", "canary", "canary-metrics", "prometheus"} {
		s.port[what] = freePort(t)
	}
	s.startCluster()
	s.envoy = strings.TrimSpace(string(s.output(nil, filepath.Join(root, "test", "cluster"), s.program("cluster"), "envoy")))
	s.startApp("stable", "1")
	s.startApp("canary", "2")
	s.apply([]byte(fmt.Sprintf(installation, s.port["site"])))
	s.kube(nil, "apply", "-f", filepath.Join(root, "manifests"))
	s.weigh(0)
	s.startGateway()
	s.await("the canary at 0 %", func() bool { return s.thresholds() == "sampleapp-canary 0, sampleapp 100" })
	return s
}

// installation is what a cluster with Emissary has.
const installation = `
apiVersion: v1
kind: Namespace
metadata: {name: emissary}
---
apiVersion: getambassador.io/v3alpha1
kind: Listener
metadata: {name: http, namespace: emissary}
spec: {port: %d, protocol: HTTP, securityModel: XFP, hostBinding: {namespace: {from: ALL}}}
---
apiVersion: getambassador.io/v3alpha1
kind: Host
metadata: {name: all, namespace: emissary}
spec: {hostname: "*", requestPolicy: {insecure: {action: Route}}}
`

func (s *site) program(name string) string { return filepath.Join(s.bin, name) }

// output runs a program in a folder and gives what it prints.
func (s *site) output(input []byte, dir, name string, args ...string) []byte {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("%s %q: %v\n%s", filepath.Base(name), args, err, errs.Bytes())
	}
	return out.Bytes()
}

func (s *site) kube(input []byte, args ...string) []byte {
	s.t.Helper()
	return s.output(input, s.root, s.kubectl, append([]string{"--kubeconfig", s.kubeconfig}, args...)...)
}

func (s *site) apply(objects []byte) {
	s.t.Helper()
	s.kube(objects, "apply", "-f", "-")
}

// weigh generates the canary at a weight and applies it.
func (s *site) weigh(percent int) {
	s.t.Helper()
	s.apply(s.output(nil, s.root, s.program("canarize"), "generate", "-w", strconv.Itoa(percent), "-I", "registry.example.com/app:2", "manifests"))
}

// start starts a program that ends with the test.
func (s *site) start(env []string, name string, args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	log, err := os.Create(filepath.Join(s.t.TempDir(), filepath.Base(name)+".log"))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		// Envoy ends with the gateway, and an application would drain for long. It
		// may have been killed on purpose, so an error says nothing.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			s.t.Logf("%s said:\n%s", filepath.Base(name), text[max(0, len(text)-3000):])
		}
	})
	return cmd
}

func (s *site) startCluster() {
	s.t.Helper()
	up := exec.Command(s.program("cluster"), "up", "--attached", "--json", "--dir", s.dir)
	up.Dir = filepath.Join(s.root, "test", "cluster")
	up.Stderr = os.Stderr // a build takes minutes
	in, err := up.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := up.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = in.Close()
		if err := up.Wait(); err != nil {
			s.t.Error("end the control plane:", err)
		}
		if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
			s.t.Errorf("the folder of the control plane is left: %v", err)
		}
	})
	var state struct{ Kubeconfig, Kubectl string }
	if err := json.NewDecoder(out).Decode(&state); err != nil {
		s.t.Fatal("start the control plane (its own message is above):", err)
	}
	s.kubeconfig, s.kubectl = state.Kubeconfig, state.Kubectl
}

func (s *site) startApp(track, version string) {
	s.start([]string{
		"HOST=" + host, "VERSION=" + version,
		"PORT=" + strconv.Itoa(s.port[track]), "PROMETHEUS_PORT=" + strconv.Itoa(s.port[track+"-metrics"]),
	}, s.program("app"))
}

func (s *site) startGateway() {
	address := func(what string) string { return net.JoinHostPort(host, strconv.Itoa(s.port[what])) }
	s.gateway = s.start(nil, s.program("gateway"), "--kubeconfig", s.kubeconfig, "--envoy", s.envoy, "--dir", s.t.TempDir(),
		"--bind", host, "--admin", address("admin"), "--diagnostics", address("diagnostics"), "--by-endpoints",
		"--upstream", "sampleapp."+namespace+":8080="+address("stable"),
		"--upstream", "sampleapp-canary."+namespace+":8080="+address("canary"))
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// await waits until something holds, at most a minute.
func (s *site) await(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("within a minute there was not: %s", what)
		}
	}
}

// get gives a page, "" when there is none.
func get(url string) string {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// thresholds are those of the sample application's group, as the diagnostics say.
func (s *site) thresholds() string {
	var diagnostics struct {
		Routes []struct {
			Prefix  string
			Headers []any
			Route   struct {
				Mappings []struct {
					Name   string
					Weight int `json:"_weight"`
				}
			} `json:"_route"`
		} `json:"route_info"`
	}
	if json.Unmarshal([]byte(get(s.url("diagnostics", "/ambassador/v0/diag/?json=true"))), &diagnostics) != nil {
		return ""
	}
	var out []string
	for _, r := range diagnostics.Routes {
		if r.Prefix != "/" || len(r.Headers) > 0 {
			continue
		}
		for _, m := range r.Route.Mappings {
			out = append(out, fmt.Sprintf("%s %d", m.Name, m.Weight))
		}
	}
	return strings.Join(out, ", ")
}

// counted is how many requests Envoy has sent to a cluster, by statistics name.
func (s *site) counted(stats string) int {
	s.t.Helper()
	prefix := fmt.Sprintf("envoy_cluster_upstream_rq_total{envoy_cluster_name=%q} ", stats)
	for _, line := range strings.Split(get(s.url("diagnostics", "/metrics")), "\n") {
		if value, found := strings.CutPrefix(line, prefix); found {
			n, err := strconv.Atoi(value)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatalf("Envoy does not count %s", stats)
	return 0
}
