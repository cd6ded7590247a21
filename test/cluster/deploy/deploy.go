// Package deploy installs cluster DNS, the gateway that replaces Emissary, and Prometheus on
// a node.
package deploy

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"path"
	"strings"

	"github.com/canarize/canarize/test/cluster/controlplane"
	"github.com/canarize/canarize/test/cluster/launch"
	"github.com/canarize/canarize/test/cluster/node"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// The Services of a test cluster have fixed addresses, which are known from the start.
const (
	gatewayHost     = 80
	diagnosticsHost = 88
	prometheusHost  = 90
)

func address(n node.Network, host byte) netip.Addr {
	a := n.Services.Addr().As4()
	a[3] = host
	return netip.AddrFrom4(a)
}

// GatewayURL returns the URL for requests through the gateway.
func GatewayURL(n node.Network) string { return "http://" + address(n, gatewayHost).String() }

// DiagnosticsURL returns the URL of the gateway's metrics and diagnostics.
func DiagnosticsURL(n node.Network) string {
	return "http://" + net.JoinHostPort(address(n, diagnosticsHost).String(), "8877")
}

// PrometheusURL returns the URL of Prometheus.
func PrometheusURL(n node.Network) string {
	return "http://" + net.JoinHostPort(address(n, prometheusHost).String(), "9090")
}

// Install installs everything; AwaitDeployments waits for it. It also applies the
// ServiceMonitor, whose targets Prometheus scrapes.
func Install(ctx context.Context, s controlplane.State, serviceMonitor []byte) error {
	config, err := prometheusConfig(serviceMonitor)
	if err != nil {
		return err
	}
	settings, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "prometheus", "namespace": "monitoring"},
		"data": object{"prometheus.yml": string(config)},
	})
	if err != nil {
		return err
	}
	var all [][]byte
	for _, name := range []string{"dns", "gateway", "prometheus"} {
		b, err := manifests.ReadFile(path.Join("manifests", name+".yaml"))
		if err != nil {
			return err
		}
		all = append(all, b)
	}
	addresses := strings.NewReplacer(
		"DNS_ADDRESS", s.Network.DNS().String(),
		"GATEWAY_ADDRESS", address(*s.Network, gatewayHost).String(),
		"DIAGNOSTICS_ADDRESS", address(*s.Network, diagnosticsHost).String(),
		"PROMETHEUS_ADDRESS", address(*s.Network, prometheusHost).String(),
	)
	objects := addresses.Replace(string(bytes.Join(append(all, settings, serviceMonitor), []byte("\n---\n"))))
	return kubectl(ctx, s, objects, "apply", "--server-side", "-f", "-")
}

// AwaitDeployments returns when all Deployments of a cluster have their pods.
func AwaitDeployments(ctx context.Context, s controlplane.State) error {
	return kubectl(ctx, s, "", "wait", "--for=condition=Available", "deployments", "--all", "--all-namespaces", "--timeout=120s")
}

// Apply applies the manifests in a file or folder.
func Apply(ctx context.Context, s controlplane.State, path string) error {
	return kubectl(ctx, s, "", "apply", "-f", path)
}

// AwaitRoute returns when the gateway answers a URL with 200. The gateway learns a Service's
// address a moment after the Service's pods are ready.
func AwaitRoute(ctx context.Context, url string) error {
	return launch.Await(ctx, "an answer of "+url, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	})
}

func kubectl(ctx context.Context, s controlplane.State, input string, args ...string) error {
	cmd := exec.CommandContext(ctx, s.Kubectl, append([]string{"--kubeconfig", s.Kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}
