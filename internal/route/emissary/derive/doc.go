// Package derive is the traffic router for Emissary-ingress. For every Mapping
// that routes to a Service with a canary, it derives the Mapping that gives the
// canary its share. It returns an error if Emissary would do anything other
// than what was requested.
//
// Package internal/route/emissary/model computes what Emissary really does.
package derive
