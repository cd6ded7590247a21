// Package canary derives, from the manifests of an application's new version,
// the objects that run it beside the stable one: workloads, Services, the
// configuration they read, autoscalers, network policies and monitors.
//
// It is pure: the same set of objects and options gives the same result. Routes
// are not its business; see package route.
//
// Its laws: no Service, workload, autoscaler or disruption budget of the input
// ever selects a canary pod, and nothing of the canary selects another pod. They
// are checked on every result before it is returned.
package canary
