package live

import (
	"encoding/json"
	"fmt"
	"strings"
)

// ListenersPath is the page of Envoy's admin interface that shows its listeners. They
// contain the weights of TCPMappings.
const ListenersPath = "/config_dump?resource=dynamic_listeners"

// listenersDump has the parts of Envoy's answer that describe TCP routes
// (envoy.admin.v3.ListenersConfigDump).
type listenersDump struct {
	Configs []struct {
		dynamicListener
		Dynamic []dynamicListener `json:"dynamic_listeners"`
	} `json:"configs"`
}

type dynamicListener struct {
	Name   string `json:"name"`
	Active struct {
		Listener struct {
			Chains []struct {
				Match   json.RawMessage `json:"filter_chain_match"`
				Filters []filter        `json:"filters"`
			} `json:"filter_chains"`
		} `json:"listener"`
	} `json:"active_state"`
}

type filter struct {
	Config struct {
		Type     string `json:"@type"`
		Cluster  string `json:"cluster"`
		Weighted struct {
			Clusters []struct {
				Name   string `json:"name"`
				Weight uint32 `json:"weight"`
			} `json:"clusters"`
		} `json:"weighted_clusters"`
	} `json:"typed_config"`
}

// ParseListeners parses Envoy's answer to ListenersPath. The weights of TCP clusters
// are relative to their sum, unlike the thresholds of routes.
func ParseListeners(text []byte) (View, error) {
	var dump listenersDump
	if err := json.Unmarshal(text, &dump); err != nil {
		return View{}, fmt.Errorf("listeners of Envoy: %w", err)
	}
	var v View
	for _, c := range dump.Configs {
		for _, l := range append(c.Dynamic, c.dynamicListener) {
			for _, chain := range l.Active.Listener.Chains {
				for _, f := range chain.Filters {
					if group, isTCP := f.group(); isTCP {
						group.Match = strings.TrimSpace(l.Name + " " + string(chain.Match))
						v.Groups = append(v.Groups, group)
					}
				}
			}
		}
	}
	return v, nil
}

func (f filter) group() (g Group, isTCP bool) {
	if !strings.HasSuffix(f.Config.Type, ".TcpProxy") {
		return Group{}, false
	}
	if f.Config.Cluster != "" {
		return Group{Members: []Member{{Cluster: f.Config.Cluster, Share: 100}}}, true
	}
	sum := 0.0
	for _, c := range f.Config.Weighted.Clusters {
		sum += float64(c.Weight)
	}
	if sum == 0 {
		return Group{}, false
	}
	for _, c := range f.Config.Weighted.Clusters {
		g.Members = append(g.Members, Member{Cluster: c.Name, Share: 100 * float64(c.Weight) / sum})
	}
	return g, true
}
