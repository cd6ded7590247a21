package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/canarize/canarize/internal/emissary/live"
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
func (g *Gateways) look(ctx context.Context, p *gatewayPod, wants []live.Want) (source string, problems []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*g.cluster.options.Timeout) // routes of thousands of Mappings take a while
	defer cancel()
	tunnel, err := g.tunnel(ctx, p)
	if err != nil {
		return "", nil, err
	}
	routes, noRoutes := envoyView(ctx, tunnel, wants)
	if noRoutes == nil {
		// Emissary makes its answer anew each time; there is no hurry to ask it.
		if problems := live.Check(routes, wants); len(problems) > 0 {
			return byEnvoy, problems, nil
		}
	}
	diagnostics, noDiagnostics := page(ctx, tunnel, diagnosticsPort, live.DiagnosticsPath, live.ParseDiagnostics)
	switch {
	case noRoutes != nil && noDiagnostics != nil:
		g.mu.Lock()
		g.drop(p.uid) // it may be the tunnel
		g.mu.Unlock()
		return "", nil, errors.Join(noRoutes, noDiagnostics)
	case noRoutes != nil:
		return byDiagnostics, live.Check(diagnostics, wants), nil
	case noDiagnostics != nil:
		return byEnvoy, nil, nil
	}
	routes.Errors = diagnostics.Errors
	return byBoth, live.Check(routes, wants), nil
}

// tunnel is the one to a pod that is open, or a new one.
func (g *Gateways) tunnel(ctx context.Context, p *gatewayPod) (*Tunnel, error) {
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

func envoyView(ctx context.Context, tunnel *Tunnel, wants []live.Want) (live.View, error) {
	view, err := page(ctx, tunnel, adminPort, live.ConfigDumpPath, live.ParseConfigDump)
	if err != nil || !slices.ContainsFunc(wants, func(w live.Want) bool { return w.TCP }) {
		return view, err
	}
	listeners, err := page(ctx, tunnel, adminPort, live.ListenersPath, live.ParseListeners)
	view.Groups = append(view.Groups, listeners.Groups...)
	return view, err
}

// page gets a page of a pod.
func page(ctx context.Context, tunnel *Tunnel, port int, path string, parse func([]byte) (live.View, error)) (live.View, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, tunnel.url(port, path), nil)
	if err != nil {
		return live.View{}, err
	}
	response, err := tunnel.Client().Do(request)
	if err != nil {
		return live.View{}, fmt.Errorf("%s: %w", tunnel.pod, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return live.View{}, fmt.Errorf("%s: port %d: %s", tunnel.pod, port, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, pageLimit))
	if err != nil {
		return live.View{}, fmt.Errorf("%s: port %d: %w", tunnel.pod, port, err)
	}
	view, err := parse(text)
	if err != nil {
		return live.View{}, fmt.Errorf("%s: %w", tunnel.pod, err)
	}
	return view, nil
}
