package wiring

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/hub"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/live"
)

func TestOpenMetrics(t *testing.T) {
	deployment := func(name string) manifest.ID {
		return manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: name}
	}
	tcp := manifest.ID{Group: "getambassador.io", Kind: "TCPMapping", Namespace: "shop", Name: "db-canary"}
	plan := rollout.Plan{
		Workloads: []rollout.Workload{{Pair: rollout.Pair{Stable: deployment("web"), Canary: deployment("web-canary")}}},
		Routes:    []rollout.Route{{Pair: rollout.Pair{Canary: tcp}}},
	}
	for name, c := range map[string]struct {
		config metric.Config
		says   string // of the error; "" means no error
	}{
		"only TCP":             {metric.Config{}, "only TCPMappings"},
		"an unknown one":       {metric.Config{Source: "statsd"}, "unknown metric source statsd; known: [emissary prometheus pods web azuremonitor]"},
		"prometheus":           {metric.Config{Source: metric.Prometheus, Access: metric.Access{Address: "http://prometheus:9090"}}, ""},
		"prometheus, nowhere":  {metric.Config{Source: metric.Prometheus}, "expected a URL such as https://"},
		"azuremonitor":         {metric.Config{Source: metric.AzureMonitor, Access: metric.Access{Address: "https://a.westeurope.prometheus.monitor.azure.com"}}, ""},
		"azuremonitor, abroad": {metric.Config{Source: metric.AzureMonitor, Access: metric.Access{Address: "https://example.com"}}, "canarize sends the token to no other server"},
		"web":                  {metric.Config{Source: metric.Web, Access: metric.Access{Address: "https://example.com"}, Timeout: time.Second}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			opened, err := sources{}.open(t.Context(), hub.Opening{Router: route.Several{route.Default: &live.Router{}}, Plan: plan, Config: c.config, Getenv: func(string) string { return "" }})
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			if remembers := c.config.Source == metric.Prometheus || c.config.Source == metric.AzureMonitor; opened.Remembers != remembers {
				t.Errorf("it has a history: %v, want %v", opened.Remembers, remembers)
			}
			if r := opened.Reader(time.Time{}); r.Source == nil {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestArchive: the sources that store samples can be read without a cluster.
func TestArchive(t *testing.T) {
	stable := manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	for name, c := range map[metric.SourceName]struct{ address, says string }{
		metric.Prometheus:   {"http://prometheus:9090", ""},
		metric.AzureMonitor: {"https://a.westeurope.prometheus.monitor.azure.com", ""},
		metric.Emissary:     {"", "the metric source emissary keeps no history"},
		metric.Pods:         {"", "the metric source pods keeps no history"},
		metric.Web:          {"https://example.com", "the metric source web keeps no history"},
	} {
		archive, err := Archive(t.Context(), metric.Config{Source: name, Access: metric.Access{Address: c.address}}, stable, func(string) string { return "" })
		if c.says == "" && (err != nil || archive == nil) || c.says != "" && (err == nil || err.Error() != c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// counted is a router whose gateway counts requests.
type counted struct{ route.Live }

// Names implements route.Counted.
func (counted) Names(context.Context, rollout.Route) (stable, canary string, err error) {
	return "web", "web_canary", nil
}

// TestEmissaryIsReadOften: it is read every second through open tunnels, so that a
// catastrophe is found within an interval.
func TestEmissaryIsReadOften(t *testing.T) {
	cluster, err := kube.Connect(kube.Target{Kubeconfig: kubeconfig(t, "https://127.0.0.1:1")}, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gateways := live.NewGateways(cluster, live.Gateway{})
	defer gateways.Close()
	for _, name := range []metric.SourceName{"", metric.Emissary} {
		opened, err := sources{gateways}.open(t.Context(), hub.Opening{Router: counted{}, Plan: rollout.Plan{Routes: []rollout.Route{{}}}, Config: metric.Config{Source: name}})
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		if opened.Every != time.Second || opened.Remembers {
			t.Errorf("source %q: read every %s, remembers %v", name, opened.Every, opened.Remembers)
		}
	}
}
