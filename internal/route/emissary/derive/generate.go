package derive

import (
	"fmt"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// generate makes a canary Mapping for a Service to which no Mapping of the
// input routes, if the user asks for one. Otherwise it adds a note.
func (d *derivation) generate() error {
	unrouted := d.unrouted()
	if !d.request.Generate {
		for _, s := range unrouted {
			d.note(note.Info, s.Stable, "no Mapping of the input routes to it, so its canary gets no requests through Emissary; pass the Mapping too, or --gen-mapping")
		}
		return nil
	}
	if len(unrouted) > 1 {
		return fmt.Errorf("--gen-mapping: %s and %s would have the same route %s%s; pass Mappings for them, or run canarize for each of them",
			describe(unrouted[0].Stable), describe(unrouted[1].Stable), d.request.Hostname, d.request.Prefix)
	}
	for _, s := range unrouted {
		if d.request.Weight == nil {
			return s.Stable.Errorf(nil, "--gen-mapping: a canary Mapping needs a weight: pass --canary-weight N")
		}
		if d.request.Digits > 0 {
			return s.Stable.Errorf(nil, "--gen-mapping: a share below 1 %% needs the stable Mapping too; pass it, or use a whole percentage")
		}
		if err := d.generated(s); err != nil {
			return err
		}
	}
	return nil
}

// unrouted returns the Services with a canary that no route leads to. It leaves out
// second Services of pods that another one gives their requests, such as headless ones.
func (d *derivation) unrouted() (services []manifest.Derived) {
	served := map[string]bool{}
	pods := func(s manifest.Derived) string {
		return fmt.Sprint(d.request.Set.Namespace(s.Stable), manifest.StringMap(s.Stable.Root, "spec", "selector"))
	}
	routed := func(s manifest.Derived) bool {
		return d.request.Elsewhere[d.request.Set.ID(s.Stable)] || d.routed[serviceAt{d.request.Set.Namespace(s.Stable), s.Stable.Name()}]
	}
	for _, s := range d.request.Services {
		served[pods(s)] = served[pods(s)] || routed(s)
	}
	for _, s := range d.request.Services {
		if !served[pods(s)] {
			services = append(services, s)
		}
	}
	return services
}

func describe(o *manifest.Object) string { return o.ID().String() + " (" + o.Pos.String() + ")" }

func (d *derivation) generated(s manifest.Derived) error {
	port, err := httpPort(s.Stable)
	if err != nil {
		return err
	}
	namespace := d.request.Set.Namespace(s.Stable)
	metadata := manifest.NewMap("name", s.Stable.Name())
	if s.Stable.Namespace() != "" {
		manifest.PutString(metadata, "namespace", s.Stable.Namespace())
	}
	spec := manifest.NewMap("hostname", d.request.Hostname, "prefix", d.request.Prefix, "service", s.Canary.Name()+":"+port)
	c := manifest.NewObject(manifest.NewMap("apiVersion", group+"/v3alpha1", "kind", "Mapping", "metadata", metadata, "spec", spec), s.Stable)
	r := derived{owner: s.Stable, canary: c, namespace: namespace}
	d.setWeight(r, spec)
	d.finish(r, d.canaryName(s.Stable.Name()))
	d.warn(note.GeneratedRoute, s.Stable, fmt.Sprintf("a Mapping was generated for its canary at %s%s; the stable Service must have one with the same hostname and prefix, or the canary gets every request", d.request.Hostname, d.request.Prefix))
	return nil
}

// httpPort returns the HTTP port of a Service: its only port, or the one whose
// appProtocol, name or number says HTTP.
func httpPort(s *manifest.Object) (string, error) {
	ports := manifest.Items(s.Root, "spec", "ports")
	if len(ports) == 1 {
		return manifest.GetString(ports[0], "port"), nil
	}
	says := []func(p *manifest.Node) bool{
		func(p *manifest.Node) bool {
			protocol := manifest.GetString(p, "appProtocol")
			return strings.HasPrefix(protocol, "http") || strings.HasPrefix(protocol, "grpc") || strings.HasPrefix(protocol, "kubernetes.io/h2c")
		},
		func(p *manifest.Node) bool { return manifest.GetString(p, "name") == "http" },
		func(p *manifest.Node) bool {
			name := manifest.GetString(p, "name")
			return strings.HasPrefix(name, "http") || strings.HasPrefix(name, "grpc") || name == "web"
		},
		func(p *manifest.Node) bool { return manifest.GetString(p, "port") == "80" },
		func(p *manifest.Node) bool { return manifest.GetString(p, "port") == "8080" },
	}
	for _, says := range says {
		for _, p := range ports {
			if says(p) {
				return manifest.GetString(p, "port"), nil
			}
		}
	}
	return "", s.Errorf(manifest.Get(s.Root, "spec"), "--gen-mapping: none of its ports is marked as HTTP; name one http")
}
