package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
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
	now     time.Time // when it was read, by the gateway's clock; zero if unknown
	through Tunnel
}

// unchanged returns how long the routes have not changed; 0 if unknown.
func (v pageView) unchanged() time.Duration {
	if v.now.IsZero() || v.Changed.IsZero() {
		return 0
	}
	return max(v.now.Sub(v.Changed), 0)
}

// readView reads a page.
func (g *Gateways) readView(ctx context.Context, of viewKey) (pageView, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*g.cluster.Timeout()) // the routes of thousands of Mappings take a while
	defer cancel()
	tunnel, err := g.tunnels.open(ctx, of.pod)
	if err != nil {
		return pageView{}, err
	}
	view, now, err := page(ctx, tunnel, of.page.port, of.page.path, of.page.parse)
	if errors.Is(err, context.DeadlineExceeded) {
		g.tunnels.drop(of.pod, tunnel) // the tunnel may be dead
	}
	return pageView{view, now, tunnel}, err
}

// view returns a page of a pod that is read after the call began.
func (g *Gateways) view(ctx context.Context, pod podID, page *viewPage) (pageView, error) {
	return g.views.get(ctx, viewKey{pod, page}, g.where.Every)
}

// answer holds what a pod does, and how that differs from what it should do.
type answer struct {
	source   string   // the pages that were used
	problems []string // differences from the wanted shares
	view     pageView
}

// query queries a pod once.
func (g *Gateways) query(ctx context.Context, pod podID, wants []Want) (answer, error) {
	routes, noRoutes := g.envoyView(ctx, pod, wants)
	switch {
	case ctx.Err() != nil || errors.As(noRoutes, new(tunnelError)) || errors.Is(noRoutes, context.DeadlineExceeded):
		return answer{}, noRoutes
	case noRoutes == nil:
		// Emissary computes its answer anew each time, so it is not queried while Envoy
		// has problems.
		if problems := Check(routes.View, wants); len(problems) > 0 {
			return answer{byEnvoy, problems, routes}, nil
		}
	}
	diagnostics, noDiagnostics := g.view(ctx, pod, diagnosticsPage)
	switch {
	case ctx.Err() != nil:
		return answer{}, context.Cause(ctx)
	case noRoutes != nil && noDiagnostics != nil:
		g.tunnels.drop(pod, diagnostics.through) // the tunnel may be the reason
		return answer{}, errors.Join(noRoutes, noDiagnostics)
	case noRoutes != nil:
		return answer{byDiagnostics, Check(diagnostics.View, wants), diagnostics}, nil
	case noDiagnostics != nil:
		return answer{byEnvoy, nil, routes}, nil
	}
	routes.Errors = diagnostics.Errors
	return answer{byBoth, Check(routes.View, wants), routes}, nil
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

// page gets and parses a page of a pod. It also returns the time of the pod's clock.
func page(ctx context.Context, tunnel Tunnel, port int, path string, parse func([]byte) (View, error)) (View, time.Time, error) {
	fail := func(err error) (View, time.Time, error) {
		return View{}, time.Time{}, fmt.Errorf("%s: %w", tunnel.Pod(), err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, tunnel.URL(port, path), nil)
	if err != nil {
		return fail(err)
	}
	response, err := tunnel.Client().Do(request)
	if err != nil {
		return fail(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fail(fmt.Errorf("port %d: %s", port, response.Status))
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, pageLimit))
	if err != nil {
		return fail(fmt.Errorf("port %d: %w", port, err))
	}
	view, err := parse(text)
	if err != nil {
		return fail(err)
	}
	now, _ := http.ParseTime(response.Header.Get("Date")) // zero without one
	return view, now, nil
}
