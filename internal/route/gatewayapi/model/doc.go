// Package model is a pure model of what a conformant implementation of the
// Gateway API does with a set of Kubernetes objects: which routes attach to which
// listeners, which rule of which route takes a request, and which share of its
// requests each backend gets.
//
//	read      decoded objects → routes, Gateways and what they refer to; wrong values
//	attach    routes → listeners that accept them, with the hostnames that are left
//	rank      which of two matches takes a request that fits both
//	ask       a request → the rule that takes it
//	share     the backends of a rule → shares, and the errors of broken references
//	report    the whole set: shares by match, matches without requests, findings
//
// The facts are those of release 1.6 of the specification. The comments name the type
// whose documentation in apis/v1 of sigs.k8s.io/gateway-api has the fact, or the test of
// its conformance suite. Where the specification leaves something open, the model
// computes every reading of it. If the readings differ, the answer says so instead of
// choosing one.
//
// The objects are decoded JSON and not the Go types of that module: their decoder drops
// unknown fields and cannot say where a value of the wrong type stands.
//
// The package reads no file, clock or cluster. The same set of objects gives the same
// answers in any order, as long as no two objects have the same kind, namespace and
// name. No input makes it panic.
package model
