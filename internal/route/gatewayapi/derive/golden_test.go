package derive_test

import (
	"testing"

	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/gatewayapi/derive"
	"github.com/canarize/canarize/internal/route/routetest"
)

// TestGolden derives the routes of every input in testdata/golden.
func TestGolden(t *testing.T) {
	routetest.Golden(t, func(t *testing.T, request route.Request, options string) (route.Result, error) {
		var router struct{ Strategy derive.Strategy }
		routetest.Options(t, options, &router)
		return derive.Router{Strategy: router.Strategy}.Canary(request)
	})
}
