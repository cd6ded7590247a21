package site

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Get returns a page, or "" if there is none.
func Get(url string) string {
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

// Thresholds returns the thresholds of the Mappings without headers for a prefix, in Envoy's
// order, from the gateway's diagnostics: "web-canary 10, web 100".
func (s *Site) Thresholds(prefix string) string {
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
	if json.Unmarshal([]byte(Get(s.Diagnostics+"/ambassador/v0/diag/?json=true")), &diagnostics) != nil {
		return ""
	}
	var out []string
	for _, r := range diagnostics.Routes {
		if r.Prefix != prefix || len(r.Headers) > 0 {
			continue
		}
		for _, m := range r.Route.Mappings {
			out = append(out, fmt.Sprintf("%s %d", m.Name, m.Weight))
		}
	}
	return strings.Join(out, ", ")
}

// Counted returns the number of requests that Envoy has sent since its start to the cluster
// with a statistics name; 0 if Envoy does not know the name.
func (s *Site) Counted(stats string) int {
	s.t.Helper()
	prefix := fmt.Sprintf("envoy_cluster_upstream_rq_total{envoy_cluster_name=%q} ", stats)
	for line := range strings.Lines(Get(s.Diagnostics + "/metrics")) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), prefix); found {
			n, err := strconv.Atoi(value)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

// Query asks Prometheus for one number. It returns "" for no result and for NaN.
func (s *Site) Query(query string) string {
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	page := Get(s.Prometheus + "/api/v1/query?query=" + url.QueryEscape(query))
	if json.Unmarshal([]byte(page), &answer) != nil || len(answer.Data.Result) != 1 {
		return ""
	}
	value, _ := answer.Data.Result[0].Value[1].(string)
	if value == "NaN" {
		return ""
	}
	return value
}
