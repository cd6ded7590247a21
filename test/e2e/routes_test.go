//go:build e2e

package e2e

import (
	"bufio"
	"context"
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
	address, stop, err := tunnel(t.Context(), s, port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address
}

// tunnel runs `kubectl port-forward` to a port of a gateway pod until it is stopped, and
// returns the local address. kubectl ends by itself as soon as the pod refuses a connection.
func tunnel(ctx context.Context, s *site.Site, port string) (address string, stop func(), err error) {
	cmd := exec.CommandContext(ctx, s.Kubectl, "--kubeconfig", s.Kubeconfig, "-n", "emissary",
		"port-forward", "deployment/emissary-ingress", ":"+port)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	line, err := bufio.NewReader(out).ReadString('\n') // Forwarding from 127.0.0.1:PORT -> 8001
	_, address, found := strings.Cut(strings.TrimSpace(line), "from ")
	if err != nil || !found {
		stop()
		return "", nil, fmt.Errorf("port-forward says %q, %v", line, err)
	}
	address, _, _ = strings.Cut(address, " ")
	return address, stop, nil
}

// absent is the weight of a canary without a route in Envoy.
const absent = -1

// unread is the weight while no gateway pod answers: more than any other, so that it never
// counts as a canary without traffic.
const unread = 1000

// envoyRoutes follows the weight of the sample's canary in Envoy itself, by polling the dump
// of its routes on a pod of the gateway; on another one if that pod, or its Envoy, ends.
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
	r := &envoyRoutes{}
	r.add(unread)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			address, close, err := tunnel(ctx, s, "8001")
			if err != nil {
				continue
			}
			r.poll(ctx, "http://"+address+"/config_dump?resource=dynamic_route_configs", cluster)
			close()
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	r.now(t)
	return r
}

// poll adds the weights that one gateway pod has, until the pod does not answer.
func (r *envoyRoutes) poll(ctx context.Context, url, cluster string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		weight, known := canaryWeight(site.Get(url), cluster)
		if ctx.Err() != nil {
			return
		}
		if !known {
			r.add(unread)
			return
		}
		r.add(weight)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
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
	return r.weights[len(r.weights)-1]
}

// now returns a weight that was read.
func (r *envoyRoutes) now(t *testing.T) int {
	t.Helper()
	weight := unread
	await(t, "Envoy's routes", func() bool { weight = r.last().weight; return weight != unread })
	return weight
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
