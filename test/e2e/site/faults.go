package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// faults are the JSON of the gateway's switch (test/cluster/gateway/fault).
type faults struct {
	Freeze bool   `json:"freeze"`
	Slow   string `json:"slow"`
	Stale  bool   `json:"stale"`
}

// Freeze makes one pod of the gateway refuse every configuration, until Thaw.
func (s *Site) Freeze(pod string) {
	s.t.Helper()
	s.setFaults(pod, faults{Freeze: true, Slow: "0s"})
}

// Slow makes every validation of one pod of the gateway take longer by d, until Thaw.
func (s *Site) Slow(pod string, d time.Duration) {
	s.t.Helper()
	s.setFaults(pod, faults{Slow: d.String()})
}

// Stale keeps the diagnostics of one pod of the gateway as they are, until Thaw.
func (s *Site) Stale(pod string) {
	s.t.Helper()
	s.setFaults(pod, faults{Slow: "0s", Stale: true})
}

// Thaw ends all faults of one pod of the gateway.
func (s *Site) Thaw(pod string) {
	s.t.Helper()
	s.setFaults(pod, faults{Slow: "0s"})
}

func (s *Site) setFaults(pod string, f faults) {
	s.t.Helper()
	body, err := json.Marshal(f)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, s.PodURL(pod, 8879)+"/faults", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	client := http.Client{Timeout: limit}
	response, err := client.Do(r)
	if err != nil {
		s.t.Fatalf("set the faults of %s: %v", pod, err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("set the faults of %s: %s", pod, response.Status)
	}
}

// PodURL is the address of a port of one pod of the gateway: 8080 for requests, 8877
// for metrics and diagnostics.
func (s *Site) PodURL(pod string, port int) string {
	s.t.Helper()
	ip := s.Kube(nil, "-n", "emissary", "get", "pod", pod, "-o", "jsonpath={.status.podIP}")
	return "http://" + net.JoinHostPort(string(ip), strconv.Itoa(port))
}

// GatewayPods makes n pods of the gateway and gives their names when all are ready
// and no other is left.
func (s *Site) GatewayPods(n int) []string {
	s.t.Helper()
	s.Kube(nil, "-n", "emissary", "scale", "deployment/emissary-ingress", "--replicas", strconv.Itoa(n))
	s.Kube(nil, "-n", "emissary", "rollout", "status", "--timeout=2m", "deployment/emissary-ingress")
	var pods []string
	s.Await(fmt.Sprintf("exactly %d pods of the gateway", n), func() bool {
		pods = strings.Fields(string(s.Kube(nil, "-n", "emissary", "get", "pods", "-l", "product=aes", "-o", "jsonpath={.items[*].metadata.name}")))
		return len(pods) == n
	})
	slices.Sort(pods)
	return pods
}
