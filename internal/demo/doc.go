// Package demo releases a version of a small shop in one process: clients, a gateway and
// the shop's servers talk HTTP over loopback, and the cluster is an API server in memory. The
// requests go through a proxy of this process, or through a real Envoy.
// Everything that decides is the product's own: the derivation of the canary, the engine,
// Emissary's router and metric source, the judge, the record.
package demo
