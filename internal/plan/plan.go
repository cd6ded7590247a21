package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
)

// ReleaseOptions says which release to plan.
type ReleaseOptions struct {
	Generate Options // its weight is ignored
	Name     string  // of the release; "" is the name of the only workload
	Workload string  // that the manifests must have; "" accepts any
}

// Planned is a release that has not started.
type Planned struct {
	Name  string
	Plan  rollout.Plan
	Notes []note.Note
}

// Release derives the plan of a release from the objects of a new version.
func Release(set *manifest.Set, options ReleaseOptions) (Planned, error) {
	zero := 0
	options.Generate.Weight = &zero
	g, err := Generate(set, options.Generate)
	if err != nil {
		return Planned{}, err
	}
	p := planning{set: set, generated: g, options: options.Generate}
	p.workloads()
	if err := p.oneNamespace(); err != nil {
		return Planned{}, err
	}
	if err := p.expects(options.Workload); err != nil {
		return Planned{}, err
	}
	if len(g.Routes) == 0 {
		return Planned{}, p.noRoute()
	}
	if err := p.derivesOnly(); err != nil {
		return Planned{}, err
	}
	planned := Planned{Name: options.Name, Notes: g.Notes}
	if planned.Name == "" {
		if n := len(p.plan.Workloads); n > 1 {
			return Planned{}, fmt.Errorf("the input has %d workloads to release together; name the release with --name", n)
		}
		planned.Name = p.plan.Workloads[0].Stable.Name
	}
	p.objects(planned.Name)
	p.routes()
	p.warnings()
	planned.Plan = p.plan
	return planned, nil
}

// planning collects the parts of a plan.
type planning struct {
	set       *manifest.Set
	generated Generated
	options   Options
	plan      rollout.Plan
}

func (p *planning) pair(d manifest.Derived) rollout.Pair {
	return rollout.Pair{Stable: p.set.ID(d.Stable), Canary: p.set.ID(d.Canary)}
}

// workloads collects the workloads with their autoscalers, and the configuration.
func (p *planning) workloads() {
	scalers := map[manifest.ID]manifest.ID{}
	for _, d := range p.generated.Derived {
		if d.Canary.Kind() != "HorizontalPodAutoscaler" {
			continue
		}
		id := p.set.ID(d.Canary)
		target := manifest.Get(d.Canary.Root, "spec", "scaleTargetRef")
		scaled := manifest.ID{Group: "apps", Kind: manifest.GetString(target, "kind"), Namespace: id.Namespace, Name: manifest.GetString(target, "name")}
		scalers[scaled] = id
	}
	for _, d := range p.generated.Derived {
		switch pair := p.pair(d); pair.Canary.Kind {
		case "Deployment", "StatefulSet", "DaemonSet":
			p.plan.Workloads = append(p.plan.Workloads, rollout.Workload{Pair: pair, Scaler: scalers[pair.Canary], Replicas: replicas(p.options.Canary.Replicas)})
		case "Service":
			p.plan.Services = append(p.plan.Services, pair)
		case "ConfigMap", "Secret":
			p.plan.Configs = append(p.plan.Configs, pair)
		}
	}
}

// oneNamespace returns an error if the workloads are in several namespaces. A release has
// its record, its lock and its permissions in one.
func (p *planning) oneNamespace() error {
	first := p.plan.Workloads[0].Stable
	for _, w := range p.plan.Workloads {
		if w.Stable.Namespace != first.Namespace {
			return fmt.Errorf("the input has workloads to release in several namespaces (%s, %s), and a release is in one; pass the manifests of one namespace at a time", first, w.Stable)
		}
	}
	return nil
}

// noRoute explains why no canary has a route.
func (p *planning) noRoute() error {
	for _, n := range p.generated.Notes {
		if n.Object.Kind() == "TCPMapping" {
			return n.Object.Errorf(nil, "it %s; generate makes its canary at a weight above 0", n.Text)
		}
	}
	return fmt.Errorf("no Mapping of the input routes to the Service of %s, so it cannot get a share; pass the Mapping's manifest too", p.plan.Workloads[0].Stable)
}

// derivesOnly returns an error if a route cannot be changed in a cluster yet.
func (p *planning) derivesOnly() error {
	for _, r := range p.generated.Routes {
		if slices.ContainsFunc(p.options.Routers, func(n route.Named) bool { return n.Name == r.Router && n.DerivesOnly }) {
			return r.Stable.Errorf(nil, "canarize cannot release by a route of this kind yet; generate derives its canary, for kubectl or a pipeline to apply")
		}
	}
	return nil
}

// expects returns an error if the named workload is not among those of the plan.
func (p *planning) expects(name string) error {
	var names []string
	for _, w := range p.plan.Workloads {
		names = append(names, w.Stable.Name)
	}
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("the release file names the workload %s, but the manifests have %s; correct spec.workload of the release file, or its manifests", name, strings.Join(names, ", "))
}

func replicas(r canary.Replicas) rollout.Replicas {
	return rollout.Replicas{Same: r.Mode == canary.ReplicasSame, N: r.N}
}

// objects collects what is applied: the stable objects with the canary's images, and the
// canary's objects with the label of the release. Hooks are never applied.
func (p *planning) objects(release string) {
	canaries := map[*manifest.Object]map[string]any{}
	for _, d := range p.generated.Derived {
		o := p.set.Value(d.Canary)
		labels := child(child(o, "metadata"), "labels")
		labels[rollout.ReleaseLabel] = release
		p.plan.Canary = append(p.plan.Canary, o)
		canaries[d.Stable] = o
	}
	hooks := map[*manifest.Object]bool{}
	for _, h := range p.generated.Hooks {
		hooks[h.Object] = true
	}
	for _, o := range p.set.Objects {
		if hooks[o] {
			continue
		}
		stable := p.set.Value(o)
		if canary := canaries[o]; canary["kind"] == stable["kind"] {
			copyImages(stable, canary)
		}
		p.plan.Stable = append(p.plan.Stable, stable)
	}
}

// child returns the mapping at a key, and adds it if it is missing.
func child(o map[string]any, key string) map[string]any {
	m, ok := o[key].(map[string]any)
	if !ok {
		m = map[string]any{}
		o[key] = m
	}
	return m
}

// copyImages gives the containers of a stable workload the images of its canary. They
// differ if images were named on the command line.
func copyImages(stable, canary map[string]any) {
	from, to := object.PodSpec(canary), object.PodSpec(stable)
	for _, list := range []string{"initContainers", "containers"} {
		tested, _ := from[list].([]any)
		containers, _ := to[list].([]any)
		for i := range min(len(tested), len(containers)) {
			a, _ := tested[i].(map[string]any)
			b, ok := containers[i].(map[string]any)
			if image, named := a["image"]; named && ok {
				b["image"] = image
			}
		}
	}
}

func (p *planning) warnings() {
	for _, n := range p.generated.Notes {
		if n.Level == note.Warning {
			p.plan.Warnings = append(p.plan.Warnings, rollout.Warning{Name: string(n.Name), Object: p.set.ID(n.Object), Text: n.Text, Accepted: n.Accepted})
		}
	}
}

func (p *planning) routes() {
	for _, r := range p.generated.Routes {
		p.plan.Routes = append(p.plan.Routes, rollout.Route{Pair: p.pair(r.Derived), Name: r.Name, TimeoutMS: r.TimeoutMS, Router: r.Router, Target: r.Target})
	}
}
