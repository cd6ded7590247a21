// Package canary derives the canary's objects from the manifests of an
// application's new version: workloads, Services, the configuration they read,
// autoscalers, network policies and monitors.
//
// The package is pure: the same set of objects and options gives the same
// result. Package route and its adapters derive the routes, such as Mappings.
//
// Two laws hold, and Derive checks them on every result: no Service, workload
// or autoscaler of the input selects a canary pod, and nothing of the canary
// selects another pod.
package canary
