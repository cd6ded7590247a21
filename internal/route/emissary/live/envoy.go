package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// ConfigDumpPath is the page of Envoy's admin interface, port 8001 of an Emissary pod,
// that shows its routes.
const ConfigDumpPath = "/config_dump?resource=dynamic_route_configs"

// configDump has the parts of Envoy's answer that describe routes
// (envoy.admin.v3.ConfigDump). With ?resource=, the configs are route configurations;
// without it, they are inside a RoutesConfigDump.
type configDump struct {
	Configs []struct {
		dynamicRoutes
		Dynamic []dynamicRoutes `json:"dynamic_route_configs"`
	} `json:"configs"`
}

type dynamicRoutes struct {
	Updated string `json:"last_updated"`
	Config  struct {
		Name         string        `json:"name"`
		VirtualHosts []virtualHost `json:"virtual_hosts"`
	} `json:"route_config"`
}

type virtualHost struct {
	Name    string       `json:"name"`
	Domains []string     `json:"domains"`
	Routes  []envoyRoute `json:"routes"`
}

type envoyRoute struct {
	Match map[string]any `json:"match"`
	Route *struct {
		Cluster string `json:"cluster"`
	} `json:"route"`
}

// ParseConfigDump parses Envoy's answer to ConfigDumpPath. It drops redirects and
// direct answers, because they have no cluster.
func ParseConfigDump(text []byte) (View, error) {
	var dump configDump
	if err := json.Unmarshal(text, &dump); err != nil {
		return View{}, fmt.Errorf("config_dump of Envoy: %w", err)
	}
	if len(dump.Configs) == 0 {
		return View{}, errors.New("config_dump of Envoy: it has no routes yet")
	}
	var v View
	for _, c := range dump.Configs {
		for _, d := range append(c.Dynamic, c.dynamicRoutes) {
			if updated, err := time.Parse(time.RFC3339, d.Updated); err == nil && updated.After(v.Changed) {
				v.Changed = updated
			}
			for _, host := range d.Config.VirtualHosts {
				groups, err := host.groups()
				if err != nil {
					return View{}, fmt.Errorf("config_dump of Envoy: route configuration %q: virtual host %q: %w", d.Config.Name, host.Name, err)
				}
				v.Groups = append(v.Groups, groups...)
			}
		}
	}
	return v, nil
}

// hosts names the hosts whose requests a virtual host gets.
func (h virtualHost) hosts() string {
	if len(h.Domains) == 0 {
		return h.Name
	}
	return "host " + strings.Join(h.Domains, ", ")
}

func (h virtualHost) groups() ([]Group, error) {
	all := newGrouping()
	for _, r := range h.Routes {
		if r.Route == nil || r.Route.Cluster == "" {
			continue
		}
		threshold, err := threshold(r.Match)
		if err != nil {
			return nil, err
		}
		key, err := matchKey(r.Match)
		if err != nil {
			return nil, err
		}
		group := Group{Match: fmt.Sprintf("%s (%s)", pathOf(r.Match), h.hosts()), Route: routeOfMatch(r.Match)}
		all.add(key, group, Member{Cluster: r.Route.Cluster}, threshold)
	}
	return all.groups(), nil
}

// matchKey returns what the routes of a group have in common: all their conditions
// except the share, and except case_sensitive, which may differ between Mappings.
func matchKey(match map[string]any) (string, error) {
	common := maps.Clone(match)
	delete(common, "runtime_fraction")
	delete(common, "case_sensitive")
	key, err := json.Marshal(common)
	return string(key), err
}

func pathOf(match map[string]any) string {
	for _, field := range []string{"prefix", "path"} {
		if s, isText := match[field].(string); isText {
			return s
		}
	}
	if regex, isObject := match["safe_regex"].(map[string]any); isObject {
		return fmt.Sprint(regex["regex"])
	}
	return "requests"
}

// threshold returns the percentage up to which a route gets requests. Envoy leaves out
// defaults: a numerator of 0, a denominator of HUNDRED, and the whole fraction if there
// is none (envoy.type.v3.FractionalPercent).
func threshold(match map[string]any) (float64, error) {
	runtime, found := match["runtime_fraction"].(map[string]any)
	if !found {
		return 100, nil
	}
	fraction, _ := runtime["default_value"].(map[string]any)
	numerator, isNumber := fraction["numerator"].(float64)
	if _, found := fraction["numerator"]; found && (!isNumber || numerator < 0) {
		return 0, fmt.Errorf("numerator %v is not a number from 0", fraction["numerator"])
	}
	denominator := fraction["denominator"]
	if denominator == nil {
		denominator = "HUNDRED"
	}
	name, _ := denominator.(string)
	of, known := map[string]float64{"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}[name]
	if !known {
		return 0, fmt.Errorf("unknown denominator %v", denominator)
	}
	return 100 * numerator / of, nil
}
