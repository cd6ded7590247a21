// Package traffic shows what becomes of the HTTPRoutes and GRPCRoutes of a set of
// manifests, with the files and lines of what is wrong with them.
package traffic

import (
	"slices"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// Report is what a conformant implementation does with the routes of a set.
type Report struct {
	model.Report
	// Any reports whether the set has a route or Gateway.
	Any bool
	// Found holds the problems as FILE:LINE: KIND NAMESPACE/NAME: TEXT.
	Found []string
	// Asked is the request that was asked about, or nil. Answers has what each Gateway
	// does with it.
	Asked   *model.Request
	Answers []model.Answer
}

// Evaluate evaluates the routes of a set, and what becomes of a request unless it is nil.
func Evaluate(set *manifest.Set, options model.Options, request *model.Request) Report {
	objects := make([]map[string]any, len(set.Objects))
	declared := map[model.ID]*manifest.Object{}
	out := Report{Asked: request}
	for i, o := range set.Objects {
		objects[i] = set.Value(o)
		if id := model.IDOf(objects[i]); o.Group() == model.APIGroup {
			declared[id] = o
			out.Any = out.Any || id.Kind == "HTTPRoute" || id.Kind == "GRPCRoute" || id.Kind == "Gateway"
		}
	}
	if !out.Any {
		return out
	}
	routes := model.New(objects, options)
	out.Report = routes.Report()
	if request != nil {
		out.Answers = routes.Ask(*request)
	}
	for _, p := range out.Problems {
		o := declared[p.Object]
		out.Found = append(out.Found, o.At(manifest.Nearest(o.Root, p.Path...)).String()+": "+p.String())
	}
	return out
}

// Taken reports whether a request was asked about, and every Gateway has a route for it.
func (r Report) Taken() bool {
	return len(r.Answers) > 0 && !slices.ContainsFunc(r.Answers, func(a model.Answer) bool { return a.Group == nil })
}
