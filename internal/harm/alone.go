package harm

import (
	"slices"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// recreate warns about a workload whose versions take turns.
func (e *examination) recreate(s *subject) {
	if s.is("Deployment") && manifest.GetString(s.Stable.Root, "spec", "strategy", "type") == "Recreate" {
		e.warn(note.Recreate, s.Stable, "has strategy Recreate, which never runs two versions at the same time, and a canary runs beside stable; check that both may, or release it without a canary")
	}
}

// paused warns about a workload that makes no pods.
func (e *examination) paused(s *subject) {
	if manifest.IsTrue(manifest.Get(s.Stable.Root, "spec", "paused")) {
		e.warn(note.PausedWorkload, s.Stable, "spec.paused is true, so the canary will not start; remove it")
	}
}

// hostPorts warns about ports of the node, which one pod of a node can have. With
// hostNetwork all ports of the containers are the node's.
func (e *examination) hostPorts(s *subject) {
	network := manifest.IsTrue(manifest.Get(s.spec, "hostNetwork"))
	field := "hostPort"
	if network {
		field = "containerPort"
	}
	var ports []string
	for _, c := range containers(s.spec) {
		for _, p := range manifest.Items(c, "ports") {
			if port := manifest.GetString(p, field); port != "" && port != "0" {
				ports = add(ports, port)
			}
		}
	}
	effect := "so a canary pod needs a node without a stable pod; make sure that there is one"
	if s.is("DaemonSet") {
		effect = "and stable has a pod on every node, so no canary pod can start; release it without a canary"
	}
	switch {
	case network && len(ports) == 0:
		e.warn(note.HostNetwork, s.Stable, "uses hostNetwork, %s", effect)
	case network:
		e.warn(note.HostNetwork, s.Stable, "uses hostNetwork with %s %s, %s", counted(ports, "port", "ports"), list(ports), effect)
	case len(ports) > 0:
		e.warn(note.HostPort, s.Stable, "uses hostPort %s, %s", list(ports), effect)
	}
}

// containers returns the containers of a pod, init containers first.
func containers(spec *manifest.Node) []*manifest.Node {
	return slices.Concat(manifest.Items(spec, "initContainers"), manifest.Items(spec, "containers"))
}

// running returns the containers that run as long as their pod: an init container does
// if it always restarts.
func running(spec *manifest.Node) []*manifest.Node {
	var all []*manifest.Node
	for _, c := range manifest.Items(spec, "initContainers") {
		if manifest.GetString(c, "restartPolicy") == "Always" {
			all = append(all, c)
		}
	}
	return append(all, manifest.Items(spec, "containers")...)
}
