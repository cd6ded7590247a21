package canary

import (
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/servicename"
)

// warnAboutAddresses warns about variables and arguments by which the canary calls its own
// stable Service.
func (d *derivation) warnAboutAddresses(w *workload, podSpec *manifest.Node) {
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range manifest.Items(podSpec, list) {
			d.warnAboutEnvironment(w, c)
			d.warnAboutArguments(w, c)
		}
	}
}

func (d *derivation) warnAboutEnvironment(w *workload, container *manifest.Node) {
	for _, e := range manifest.Items(container, "env") {
		name, value := manifest.GetString(e, "name"), manifest.GetString(e, "value")
		if !w.mayName(value) {
			continue
		}
		for _, s := range w.named(servicename.InVariable(name, value)) {
			d.warn(note.StableAddress, w.object, "in the canary, %s still names the stable Service %s", name, s)
		}
	}
}

func (d *derivation) warnAboutArguments(w *workload, container *manifest.Node) {
	var arguments []string
	for _, field := range []string{"command", "args"} {
		for _, a := range manifest.Items(container, field) {
			arguments = append(arguments, a.Value)
		}
	}
	if !slices.ContainsFunc(arguments, w.mayName) {
		return
	}
	for _, s := range w.named(servicename.InArguments(arguments)) {
		d.warn(note.StableAddress, w.object, "in the canary, the arguments of container %s still name the stable Service %s", manifest.GetString(container, "name"), s)
	}
}

// mayName reports whether a text contains the name of one of the workload's Services. It
// spares the work of parsing texts that do not.
func (w *workload) mayName(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(w.services, func(s *service) bool { return strings.Contains(text, s.object.Name()) })
}

// named returns those of the workload's Services that are among names.
func (w *workload) named(names []servicename.Name) []string {
	var services []string
	for _, s := range w.services {
		if slices.ContainsFunc(names, func(n servicename.Name) bool {
			return n.Service == s.object.Name() && (n.Namespace == "" || n.Namespace == w.namespace)
		}) {
			services = append(services, s.object.Name())
		}
	}
	return services
}
