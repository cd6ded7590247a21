package derive_test

import (
	"testing"

	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	"github.com/canarize/canarize/internal/route/routetest"
)

// TestGolden derives the routes of every input in testdata/golden.
func TestGolden(t *testing.T) {
	routetest.Golden(t, func(t *testing.T, request route.Request, options string) (route.Result, error) {
		asked := struct {
			Generate          bool
			Prefix, Hostname  string
			EmissaryNamespace string
			Version           derive.Version
		}{Prefix: "/", Hostname: "*", EmissaryNamespace: "emissary"}
		routetest.Options(t, options, &asked)
		request.Generate, request.Prefix, request.Hostname = asked.Generate, asked.Prefix, asked.Hostname
		return derive.Router{Namespace: asked.EmissaryNamespace, Version: asked.Version}.Canary(request)
	})
}
