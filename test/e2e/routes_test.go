//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/canarize/canarize/test/e2e/site"
)

// forward runs `kubectl port-forward` to a port of the gateway's pod until the end of the
// test, and returns the local address.
func forward(t *testing.T, s *site.Site, port string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.Kubectl, "--kubeconfig", s.Kubeconfig, "-n", "emissary",
		"port-forward", "deployment/emissary-ingress", ":"+port)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n') // Forwarding from 127.0.0.1:PORT -> 8001
	late.Stop()
	_, address, found := strings.Cut(strings.TrimSpace(line), "from ")
	if err != nil || !found {
		t.Fatalf("port-forward says %q, %v", line, err)
	}
	address, _, _ = strings.Cut(address, " ")
	return address
}

// absent is the weight of a canary without a route in Envoy.
const absent = -1

// envoyRoutes follows the weight of the sample's canary in Envoy itself, by polling the dump
// of its routes on the gateway's pod.
type envoyRoutes struct {
	mu      sync.Mutex
	weights []observed
}

// observed is a weight of Envoy, and the time when it was first seen.
type observed struct {
	weight int
	at     time.Time
}

// followRoutes follows the canary of a namespace until the end of the test.
func followRoutes(t *testing.T, s *site.Site, namespace string) *envoyRoutes {
	t.Helper()
	cluster := "cluster_sampleapp_canary_" + namespace + "_8080_" + namespace
	url := "http://" + forward(t, s, "8001") + "/config_dump?resource=dynamic_route_configs"
	if _, known := canaryWeight(site.Get(url), cluster); !known {
		t.Fatalf("Envoy's routes cannot be read: %.200q", site.Get(url))
	}
	r := &envoyRoutes{}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if weight, known := canaryWeight(site.Get(url), cluster); known {
				r.add(weight)
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return r
}

func (r *envoyRoutes) add(weight int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.weights); n == 0 || r.weights[n-1].weight != weight {
		r.weights = append(r.weights, observed{weight, time.Now()})
	}
}

// last returns Envoy's present weight, and since when it has it.
func (r *envoyRoutes) last() observed {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.weights) == 0 {
		return observed{weight: absent}
	}
	return r.weights[len(r.weights)-1]
}

// since returns how long after a time Envoy first had a weight, or no route, for the canary;
// 0 if it had it before.
func (r *envoyRoutes) since(weight int, began time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.weights {
		if o.at.After(began) && o.weight <= weight {
			return o.at.Sub(began)
		}
	}
	return 0
}

// await waits until Envoy has a weight for the canary, and returns since when.
func (r *envoyRoutes) await(t *testing.T, weight int) time.Time {
	t.Helper()
	await(t, fmt.Sprintf("a canary at %d %% in Envoy", weight), func() bool { return r.last().weight == weight })
	return r.last().at
}

// canaryWeight reads the weight of the routes to a cluster from a dump; absent if there is
// no such route.
func canaryWeight(dump, cluster string) (weight int, known bool) {
	var parsed struct {
		Configs []struct {
			Routes struct {
				Hosts []struct {
					Routes []struct {
						Match struct {
							Fraction struct {
								Default struct{ Numerator int } `json:"default_value"`
							} `json:"runtime_fraction"`
						}
						Route struct{ Cluster string }
					}
				} `json:"virtual_hosts"`
			} `json:"route_config"`
		}
	}
	if json.Unmarshal([]byte(dump), &parsed) != nil || len(parsed.Configs) == 0 {
		return 0, false
	}
	weight = absent
	for _, c := range parsed.Configs {
		for _, h := range c.Routes.Hosts {
			for _, r := range h.Routes {
				if r.Route.Cluster == cluster {
					weight = max(weight, r.Match.Fraction.Default.Numerator)
				}
			}
		}
	}
	return weight, true
}
