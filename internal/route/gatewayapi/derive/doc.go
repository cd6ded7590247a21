// Package derive is the traffic router for the Gateway API. For every HTTPRoute and
// GRPCRoute that leads to a Service with a canary, it derives a second route that gives the
// canary its share, or changes the backends of the stable one. Package
// internal/route/gatewayapi/model computes what a gateway does with both, and derive
// refuses whatever would not be exactly the requested share, or would take requests from
// another route.
//
// A second route is a copy of the stable one with one more header condition in every
// match, so it ranks before the stable route, and takes of its requests those that fit the
// condition (HTTPRouteRule, GRPCRouteRule). All rules are copied: a header ranks before a
// query parameter, so a copy of some rules would take requests of the others.
package derive
