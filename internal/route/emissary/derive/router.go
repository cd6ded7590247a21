package derive

import (
	"cmp"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/servicename"
)

// Router derives canary Mappings for the Emissary in the given namespace.
type Router struct {
	Namespace string  // Emissary's own
	Version   Version // of Emissary
}

// Canary implements route.Router.
func (r Router) Canary(request route.Request) (route.Result, error) {
	d := &derivation{router: r, request: request, services: map[serviceAt]*manifest.Derived{}, routed: map[serviceAt]bool{}}
	for i := range request.Services {
		s := &request.Services[i]
		d.services[serviceAt{request.Set.Namespace(s.Stable), s.Stable.Name()}] = s
	}
	for _, o := range request.Set.Objects {
		if err := d.object(o); err != nil {
			return route.Result{}, err
		}
	}
	if err := d.generate(); err != nil {
		return route.Result{}, err
	}
	// Check the names first: an object with a name that exists already would
	// change what Emissary does.
	if err := request.Set.CheckNew(d.result.Derived); err != nil {
		return route.Result{}, err
	}
	if err := d.verify(); err != nil {
		return route.Result{}, err
	}
	return d.result, nil
}

type serviceAt struct{ namespace, name string }

type derivation struct {
	router   Router
	request  route.Request
	services map[serviceAt]*manifest.Derived // the Services with a canary
	routed   map[serviceAt]bool              // the Services that a Mapping routes to
	routes   []derived
	result   route.Result
}

// derived is a stable Mapping and the canary Mapping made for it.
type derived struct {
	owner     *manifest.Object // the object of the input: the Mapping, or the Service with it in an annotation
	stable    *manifest.Object // the Mapping; nil if the canary was generated without one
	canary    *manifest.Object
	rest      *manifest.Object // gets the requests of a sample that the canary does not get; nil without a sample
	value     map[string]any   // the canary, decoded
	namespace string
	tcp       bool
}

const group = "getambassador.io"

func (d *derivation) note(level note.Level, o *manifest.Object, text string) {
	d.result.Notes = append(d.result.Notes, note.Note{Level: level, Object: o, Text: text})
}

func (d *derivation) warn(name note.Name, o *manifest.Object, text string) {
	d.result.Notes = append(d.result.Notes, note.Note{Level: note.Warning, Name: name, Object: o, Text: text})
}

// object derives the routes for an object of the input.
func (d *derivation) object(o *manifest.Object) error {
	all, err := mappings(o)
	for _, m := range all {
		if err == nil {
			err = d.mapping(o, m)
		}
	}
	return err
}

// mapping derives the canary of one Mapping or TCPMapping.
func (d *derivation) mapping(owner, stable *manifest.Object) error {
	if err := checkService(stable); err != nil {
		return err
	}
	spec := manifest.Get(stable.Root, "spec")
	namespace := d.request.Set.Namespace(stable)
	pair, target, at, err := d.target(manifest.GetString(spec, "service"), namespace)
	if err != nil {
		return stable.Errorf(manifest.Get(spec, "service"), "%w", err)
	}
	if pair == nil {
		return nil
	}
	if manifest.IsTrue(manifest.Get(spec, "shadow")) {
		d.note(note.Info, owner, "gets no canary: a shadow Mapping only mirrors requests")
		return nil
	}
	if err := d.checkExact(owner, stable); err != nil {
		return err
	}
	d.routed[at] = true
	if tcp := stable.Kind() == "TCPMapping"; tcp && *d.request.Weight == 0 {
		d.note(note.Info, owner, "gets no canary at a weight of 0, with which a release begins: Envoy refuses a TCPMapping with it, and every other change of its configuration too")
		return nil
	}
	c := stable.Clone()
	cspec := manifest.Get(c.Root, "spec")
	manifest.PutString(cspec, "service", target.WithService(pair.Canary.Name()).String())
	r := derived{owner: owner, stable: stable, canary: c, namespace: namespace, tcp: stable.Kind() == "TCPMapping"}
	d.setWeight(r, cspec)
	if d.request.Digits > 0 {
		d.sample(&r)
	}
	d.finish(r, d.canaryName(stable.Name()))
	return nil
}

// checkExact returns an error if the canary cannot get an exact share.
func (d *derivation) checkExact(owner, stable *manifest.Object) error {
	if err := checkFields(stable); err != nil {
		return err
	}
	if d.request.Weight == nil {
		return stable.Errorf(nil, "it routes to a Service with a canary, and a canary Mapping needs a weight: pass --canary-weight N (without one Emissary would give the canary half of the requests)")
	}
	if redirect := manifest.Get(stable.Root, "spec", "host_redirect"); manifest.IsTrue(redirect) {
		return stable.Errorf(redirect, "host_redirect: a redirect cannot give a canary a share; make a canary of the Service that it redirects to")
	}
	if most := d.router.Version.MaxTCPShare(); *d.request.Weight > most && stable.Kind() == "TCPMapping" {
		why := "Envoy refuses a weight of 0 for the rest; use a smaller share"
		if !d.router.Version.TCPWeightIsShare() {
			why = "with a weight w, Emissary up to 4.1 gives the share w/(w+100), and it accepts no weight over 100; use a smaller share, or name a later Emissary with --emissary-version"
		}
		return owner.Errorf(nil, "a TCPMapping can give a canary at most %d %%: %s", most, why)
	}
	return d.checkSample(owner, stable)
}

// target returns the Service with a canary that a Mapping's service names, or
// nil. Text that names no Service, such as an IP address, is not an error,
// unless its host is such a Service: then the rest of the text is wrong.
func (d *derivation) target(text, namespace string) (*manifest.Derived, servicename.Address, serviceAt, error) {
	address, at, wrong := serviceOf(text, namespace)
	pair := d.services[at]
	if pair == nil {
		return nil, address, at, nil
	}
	return pair, address, at, wrong
}

// serviceOf returns the Service that a Mapping's service names; zero if that is a host
// outside the cluster. If the text is wrong, serviceOf returns the Service that its host
// names, and an error.
func serviceOf(text, namespace string) (servicename.Address, serviceAt, error) {
	address, wrong := servicename.ParseAddress(text)
	host := address.Host
	if wrong != nil {
		host = hostOf(text)
	}
	name, known := servicename.Parse(host)
	if !known {
		return address, serviceAt{}, wrong
	}
	return address, serviceAt{cmp.Or(name.Namespace, namespace), name.Service}, wrong
}

// hostOf returns the part between a scheme or user and a port or path.
func hostOf(service string) string {
	if _, rest, found := strings.Cut(service, "://"); found {
		service = rest
	}
	if end := strings.IndexAny(service, "/?#"); end >= 0 {
		service = service[:end]
	}
	service = service[strings.LastIndex(service, "@")+1:]
	host, _, _ := strings.Cut(service, ":")
	return host
}

// canaryName returns the name of a canary Mapping. It has no dots, because
// Emissary 3.10 identifies a Mapping by its name up to the first dot.
func (d *derivation) canaryName(stable string) string {
	valid := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, stable)
	return d.request.Name(strings.Trim(valid, "-"))
}

// setWeight sets the weight that really gives the requested share.
func (d *derivation) setWeight(r derived, spec *manifest.Node) {
	weight := *d.request.Weight
	if r.tcp {
		weight, _ = d.router.Version.TCPWeight(float64(weight))
		d.noteTCP(r, weight)
	}
	manifest.Put(spec, "weight", manifest.NewInt(weight))
}

// finish names the canary, gives it its own statistics and adds it.
func (d *derivation) finish(r derived, name string) {
	d.request.Finish(r.canary, name)
	r.value = d.request.Set.Value(r.canary)
	cluster := d.setStats(r)
	d.routes = append(d.routes, r)
	pair := manifest.Derived{Stable: r.owner, Canary: r.canary}
	d.result.Derived = append(d.result.Derived, pair)
	stable := ""
	if r.stable != nil {
		stable = r.stable.Name()
	}
	d.result.Routes = append(d.result.Routes, route.Route{Derived: pair, Name: stable, TimeoutMS: Timeout(r.value), Target: cluster})
}

// setStats gives the canary its own statistics name, the one that Emissary
// would choose, and returns the name of its cluster. A stats_name that is
// copied from the stable Mapping, or set for all Mappings in the Module, would
// add up the metrics of both versions. The model knows no name for a
// TCPMapping, which has its own unless one was copied.
func (d *derivation) setStats(r derived) (cluster string) {
	spec := manifest.Get(r.canary.Root, "spec")
	cluster, stats := model.Names(r.value, optionsFor(r.value, d.router.Namespace))
	if copied := manifest.GetString(spec, "stats_name"); copied != "" {
		stats = d.request.Name(copied)
	}
	if stats = statsName(stats); stats != "" {
		manifest.PutString(spec, "stats_name", stats)
		object.Spec(r.value)["stats_name"] = stats
	}
	return cluster
}

// statsName keeps letters, digits and underscores, and replaces the rest by
// underscores.
func statsName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, s)
}
