// Package emissary is the traffic router for Emissary-ingress: for every Mapping
// that routes to a Service with a canary it derives the Mapping that gives the
// canary its share, and refuses where Emissary would do something else than
// what was asked for.
//
// What Emissary really does is computed by package internal/route/emissary/model.
package derive
