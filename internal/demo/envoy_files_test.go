package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/live"
)

// discovery is a file of discovery.
type discovery struct {
	Version   string            `json:"version_info"`
	Resources []json.RawMessage `json:"resources"`
}

func readDiscovery(t *testing.T, f *files, name string) (d discovery) {
	t.Helper()
	text, err := os.ReadFile(f.path(name))
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil || len(d.Resources) == 0 {
		t.Fatalf("%s: %v: %s", name, err, text)
	}
	return d
}

// TestEnvoyFiles: canarize reads from Envoy's routes the share that the Mappings ask for, every
// cluster that a route leads to exists with its addresses, and what is the same is not written
// again.
func TestEnvoyFiles(t *testing.T) {
	f := &files{dir: t.TempDir(), clusters: map[string]string{}, written: map[string]string{}}
	stable := arm{"shop", "cluster_shop_demo", "shop_demo", time.Second}
	canary := arm{"shop-canary", "cluster_shop_canary_demo", "shop_canary_demo", 1500 * time.Millisecond}
	addresses := map[string][]string{stable.cluster: {"127.0.0.1:1001", "127.0.0.1:1002"}, canary.cluster: {}}
	write := func(s split) {
		t.Helper()
		if err := f.write(routing{s, addresses}); err != nil {
			t.Fatal(err)
		}
	}
	if write(split{stable: stable}); f.version != 3 {
		t.Errorf("%d files for one cluster", f.version)
	}
	write(split{stable, canary, true, 5})
	for _, weight := range []int{0, 5, 100} {
		write(split{stable, canary, true, weight})
		routes := readDiscovery(t, f, routesFile)
		view, err := live.ParseConfigDump(fmt.Appendf(nil, `{"configs": [{"route_config": %s}]}`, routes.Resources[0]))
		if err != nil {
			t.Fatal(err)
		}
		if len(view.Groups) != 1 || len(view.Groups[0].Members) != 2 {
			t.Fatalf("%+v", view)
		}
		shares := map[string]float64{}
		for _, m := range view.Groups[0].Members {
			shares[m.Cluster] = m.Share
		}
		if shares[canary.cluster] != float64(weight) || shares[stable.cluster] != float64(100-weight) {
			t.Errorf("weight %d: %v", weight, shares)
		}
		if text := string(routes.Resources[0]); strings.Count(text, canaryHeader) != 1 || !strings.Contains(text, `"timeout":"1.5s"`) {
			t.Errorf("weight %d: %s", weight, text)
		}
	}
	before := f.version
	if write(split{stable, canary, true, 100}); f.version != before {
		t.Error("the same routing was written again")
	}
	addresses[canary.cluster] = []string{"127.0.0.1:1003"}
	if write(split{stable, canary, true, 100}); f.version != before+1 {
		t.Errorf("%d files changed with an address", f.version-before)
	}
	write(split{stable: stable})
	clusters := readDiscovery(t, f, clustersFile)
	var all []string
	for _, resource := range clusters.Resources {
		var c struct {
			Name, Type string
			Stats      string `json:"alt_stat_name"`
		}
		if err := json.Unmarshal(resource, &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c.Name+" "+c.Type+" "+c.Stats)
	}
	if want := []string{canary.cluster + " EDS " + canary.stats, stable.cluster + " EDS " + stable.stats}; !slices.Equal(all, want) {
		t.Errorf("clusters %q, not %q: one that had a route has to stay", all, want)
	}
	var endpoints struct {
		Cluster   string `json:"cluster_name"`
		Endpoints []struct {
			All []struct {
				Endpoint struct {
					Address struct {
						Socket struct {
							Address string
							Port    int `json:"port_value"`
						} `json:"socket_address"`
					}
				}
			} `json:"lb_endpoints"`
		}
	}
	if err := json.Unmarshal(readDiscovery(t, f, endpointsFile(stable.cluster)).Resources[0], &endpoints); err != nil {
		t.Fatal(err)
	}
	if e := endpoints.Endpoints[0].All; endpoints.Cluster != stable.cluster || len(e) != 2 || e[1].Endpoint.Address.Socket.Address != "127.0.0.1" || e[1].Endpoint.Address.Socket.Port != 1002 {
		t.Errorf("%+v", endpoints)
	}
	left, err := os.ReadDir(f.dir)
	if err != nil || len(left) != 4 {
		t.Errorf("%v: %v", err, left)
	}
}

// TestFindEnvoy: an Envoy that cannot be found is named, with what to do.
func TestFindEnvoy(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	own := t.TempDir() + "/my-envoy"
	if err := os.WriteFile(own, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"": `"envoy"`, "/nowhere/envoy": "/nowhere/envoy", own: ""} {
		path, err := FindEnvoy(func(string) string { return name })
		switch {
		case want == "" && (err != nil || path != own):
			t.Errorf("%q: %q, %v", name, path, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "install Envoy")):
			t.Errorf("%q: %q, %v", name, path, err)
		}
	}
}
