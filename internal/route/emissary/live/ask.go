package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// The ports of every Emissary pod.
const (
	adminPort       = 8001 // of Envoy; only on the pod's localhost
	diagnosticsPort = 8877
)

// pageLimit limits the size of a page. The routes of ten thousand Mappings take about
// 20 MB.
const pageLimit = 200 << 20

const (
	byEnvoy       = "Envoy's routes"
	byDiagnostics = "Emissary's diagnostics"
	byBoth        = byEnvoy + " and " + byDiagnostics
)

// viewKey identifies a page of a gateway pod that describes its routes.
type viewKey struct {
	pod  podID
	page *viewPage
}

// viewPage is a kind of page.
type viewPage struct {
	port  int
	path  string
	parse func([]byte) (View, error)
}

var (
	routesPage      = &viewPage{adminPort, ConfigDumpPath, ParseConfigDump}
	listenersPage   = &viewPage{adminPort, ListenersPath, ParseListeners}
	diagnosticsPage = &viewPage{diagnosticsPort, DiagnosticsPath, ParseDiagnostics}
)

// pageView is the content of a page, with the tunnel that it was read through. It is
// shared and must not be changed.
type pageView struct {
	View
	through Tunnel
}

// readView reads a page.
func (g *Gateways) readView(ctx context.Context, of viewKey) (pageView, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*g.cluster.Timeout()) // the routes of thousands of Mappings take a while
	defer cancel()
	tunnel, err := g.tunnels.open(ctx, of.pod)
	if err != nil {
		return pageView{}, err
	}
	view, err := page(ctx, tunnel, of.page.port, of.page.path, of.page.parse)
	if errors.Is(err, context.DeadlineExceeded) {
		g.tunnels.drop(of.pod, tunnel) // the tunnel may be dead
	}
	return pageView{view, tunnel}, err
}

// view returns a page of a pod that is read after the call began.
func (g *Gateways) view(ctx context.Context, pod podID, page *viewPage) (pageView, error) {
	return g.views.get(ctx, viewKey{pod, page}, g.where.Every)
}

// query queries a pod once. It returns which sources it used, and the differences from
// wants.
func (g *Gateways) query(ctx context.Context, pod podID, wants []Want) (source string, problems []string, err error) {
	routes, noRoutes := g.envoyView(ctx, pod, wants)
	switch {
	case ctx.Err() != nil || errors.As(noRoutes, new(tunnelError)) || errors.Is(noRoutes, context.DeadlineExceeded):
		return "", nil, noRoutes
	case noRoutes == nil:
		// Emissary computes its answer anew each time, so it is not queried while Envoy
		// has problems.
		if problems := Check(routes.View, wants); len(problems) > 0 {
			return byEnvoy, problems, nil
		}
	}
	diagnostics, noDiagnostics := g.view(ctx, pod, diagnosticsPage)
	switch {
	case ctx.Err() != nil:
		return "", nil, context.Cause(ctx)
	case noRoutes != nil && noDiagnostics != nil:
		g.tunnels.drop(pod, diagnostics.through) // the tunnel may be the reason
		return "", nil, errors.Join(noRoutes, noDiagnostics)
	case noRoutes != nil:
		return byDiagnostics, Check(diagnostics.View, wants), nil
	case noDiagnostics != nil:
		return byEnvoy, nil, nil
	}
	routes.Errors = diagnostics.Errors
	return byBoth, Check(routes.View, wants), nil
}

// envoyView returns what Envoy does with requests.
func (g *Gateways) envoyView(ctx context.Context, pod podID, wants []Want) (pageView, error) {
	routes, err := g.view(ctx, pod, routesPage)
	if err != nil || !slices.ContainsFunc(wants, func(w Want) bool { return w.TCP }) {
		return routes, err
	}
	listeners, err := g.view(ctx, pod, listenersPage)
	routes.Groups = slices.Concat(routes.Groups, listeners.Groups)
	return routes, err
}

// page gets and parses a page of a pod.
func page(ctx context.Context, tunnel Tunnel, port int, path string, parse func([]byte) (View, error)) (View, error) {
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
