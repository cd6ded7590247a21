package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/canarize/canarize/internal/kube"
)

// Ports of every Emissary pod.
const (
	adminPort       = 8001 // of Envoy; on the pod's own localhost only
	diagnosticsPort = 8877
)

// pageLimit bounds what a pod may answer. The routes of ten thousand Mappings are
// about 20 MB.
const pageLimit = 200 << 20

const (
	byEnvoy       = "Envoy's routes"
	byDiagnostics = "Emissary's diagnostics"
	byBoth        = byEnvoy + " and " + byDiagnostics
)

// look asks a pod once, and says what it is to be believed for and what is not as
// it is wanted.
func (g *Gateways) look(ctx context.Context, p *gatewayPod, wants []Want) (source string, problems []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*g.cluster.Timeout()) // routes of thousands of Mappings take a while
	defer cancel()
	tunnel, err := g.tunnel(ctx, p)
	if err != nil {
		return "", nil, err
	}
	routes, noRoutes := envoyView(ctx, tunnel, wants)
	if noRoutes == nil {
		// Emissary makes its answer anew each time; there is no hurry to ask it.
		if problems := Check(routes, wants); len(problems) > 0 {
			return byEnvoy, problems, nil
		}
	}
	diagnostics, noDiagnostics := page(ctx, tunnel, diagnosticsPort, DiagnosticsPath, ParseDiagnostics)
	switch {
	case noRoutes != nil && noDiagnostics != nil:
		g.mu.Lock()
		g.drop(p.uid) // it may be the tunnel
		g.mu.Unlock()
		return "", nil, errors.Join(noRoutes, noDiagnostics)
	case noRoutes != nil:
		return byDiagnostics, Check(diagnostics, wants), nil
	case noDiagnostics != nil:
		return byEnvoy, nil, nil
	}
	routes.Errors = diagnostics.Errors
	return byBoth, Check(routes, wants), nil
}

// tunnel is the one to a pod that is open, or a new one.
func (g *Gateways) tunnel(ctx context.Context, p *gatewayPod) (*kube.Tunnel, error) {
	g.mu.Lock()
	open, found := g.tunnels[p.uid]
	g.mu.Unlock()
	if found {
		select {
		case <-open.Closed():
		default:
			return open, nil
		}
	}
	tunnel, err := g.cluster.Forward(ctx, p.namespace, p.name)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drop(p.uid)
	g.tunnels[p.uid] = tunnel
	return tunnel, nil
}

func envoyView(ctx context.Context, tunnel *kube.Tunnel, wants []Want) (View, error) {
	view, err := page(ctx, tunnel, adminPort, ConfigDumpPath, ParseConfigDump)
	if err != nil || !slices.ContainsFunc(wants, func(w Want) bool { return w.TCP }) {
		return view, err
	}
	listeners, err := page(ctx, tunnel, adminPort, ListenersPath, ParseListeners)
	view.Groups = append(view.Groups, listeners.Groups...)
	return view, err
}

// page gets a page of a pod.
func page(ctx context.Context, tunnel *kube.Tunnel, port int, path string, parse func([]byte) (View, error)) (View, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, tunnel.URL(port, path), nil)
	if err != nil {
		return View{}, err
	}
	response, err := tunnel.Client().Do(request)
	if err != nil {
		return View{}, fmt.Errorf("%s: %w", tunnel.Pod(), err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return View{}, fmt.Errorf("%s: port %d: %s", tunnel.Pod(), port, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, pageLimit))
	if err != nil {
		return View{}, fmt.Errorf("%s: port %d: %w", tunnel.Pod(), port, err)
	}
	view, err := parse(text)
	if err != nil {
		return View{}, fmt.Errorf("%s: %w", tunnel.Pod(), err)
	}
	return view, nil
}
