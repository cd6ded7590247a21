package derive

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// Strategy is how the canary's route takes its share.
type Strategy string

// The strategies.
const (
	// IDs gives the canary the requests whose random id is in a sample. Both versions have
	// clusters and statistics of their own.
	IDs Strategy = "ids"
	// Weights sends all requests through the canary's route, whose backends have weights. It
	// does not need random ids, but most gateways count both versions together.
	Weights Strategy = "weights"
	// InPlace changes the backends of the stable route instead of making another one. It
	// needs nothing but weights, so every gateway can do it.
	InPlace Strategy = "route"
)

// Strategies returns all strategies. The first one is the default.
func Strategies() []Strategy { return []Strategy{IDs, Weights, InPlace} }

// Router derives the routes of canaries.
type Router struct{ Strategy Strategy } // "" means the default

// defaultTimeout is how long a request may take if the route does not say, in milliseconds:
// Envoy's default.
const defaultTimeout = 15_000

// isRoute reports whether an object is a route that can have a canary.
func isRoute(o *manifest.Object) bool {
	return o.Group() == model.APIGroup && (o.Kind() == "HTTPRoute" || o.Kind() == "GRPCRoute")
}

// backend is a reference of a rule to a Service.
type backend struct {
	rule    int
	node    *manifest.Node
	service manifest.ID
}

// backends returns the Services that the rules of a route send requests to.
func backends(set *manifest.Set, o *manifest.Object) (out []backend) {
	for i, rule := range manifest.Items(o.Root, "spec", "rules") {
		for _, ref := range manifest.Items(rule, "backendRefs") {
			if id, is := service(ref, set.Namespace(o)); is {
				out = append(out, backend{i, ref, id})
			}
		}
	}
	return out
}

// service returns the Service that a reference names (BackendObjectReference).
func service(ref *manifest.Node, namespace string) (id manifest.ID, is bool) {
	group, kind := manifest.GetString(ref, "group"), cmp.Or(manifest.GetString(ref, "kind"), "Service")
	id = manifest.ID{Kind: "Service", Namespace: cmp.Or(manifest.GetString(ref, "namespace"), namespace), Name: manifest.GetString(ref, "name")}
	return id, group == "" && kind == "Service" && id.Name != ""
}

// Leads implements route.Deriver.
func (Router) Leads(set *manifest.Set) (route.Leads, error) {
	var leads route.Leads
	for _, o := range set.Objects {
		if isRoute(o) {
			for _, b := range backends(set, o) {
				leads.Add(b.service.Namespace, b.service.Name)
			}
		}
	}
	return leads, nil
}

// Canary implements route.Deriver.
func (r Router) Canary(request route.Request) (route.Result, error) {
	d := &derivation{Request: request, strategy: cmp.Or(r.Strategy, Strategies()[0]), services: map[manifest.ID]manifest.Derived{}}
	for _, s := range request.Services {
		d.services[request.Set.ID(s.Stable)] = s
	}
	for _, o := range request.Set.Objects {
		if isRoute(o) {
			d.find(o)
		}
	}
	if len(d.routes) == 0 {
		return d.result, nil
	}
	for _, step := range []func() error{d.check, d.derive, d.policies, d.verify} {
		if err := step(); err != nil {
			return route.Result{}, err
		}
	}
	for _, r := range d.routes {
		pair := manifest.Derived{Stable: r.stable, Canary: r.canary}
		d.result.Derived = append(d.result.Derived, pair)
		d.result.Routes = append(d.result.Routes, route.Route{Derived: pair, Name: r.stable.Name(), TimeoutMS: r.timeout()})
	}
	d.noteHeader()
	return d.result, nil
}

type derivation struct {
	route.Request
	strategy Strategy
	services map[manifest.ID]manifest.Derived // with a canary
	routes   []*derived
	before   *model.Model
	result   route.Result
}

// derived is a stable route with its canary.
type derived struct {
	stable, canary *manifest.Object
	header         string
	backends       []backend // of the stable route, that have a canary
}

// has reports whether a rule of the route leads to a canary.
func (r *derived) has(rule int) bool {
	return slices.ContainsFunc(r.backends, func(b backend) bool { return b.rule == rule })
}

// of counts the parts into which the requests are divided: the canary gets Weight of them.
func (d *derivation) of() int64 { return 100 << (4 * d.Digits) }

func (d *derivation) note(level note.Level, name note.Name, o *manifest.Object, format string, args ...any) {
	d.result.Notes = append(d.result.Notes, note.Note{Level: level, Name: name, Object: o, Text: fmt.Sprintf(format, args...)})
}

// find adds a route that leads to a Service with a canary.
func (d *derivation) find(o *manifest.Object) {
	r := &derived{stable: o}
	for _, b := range backends(d.Set, o) {
		if _, has := d.services[b.service]; has {
			r.backends = append(r.backends, b)
		}
	}
	if len(r.backends) > 0 {
		d.routes = append(d.routes, r)
	}
}

// derive makes the routes of the canaries.
func (d *derivation) derive() error {
	for _, r := range d.routes {
		r.canary = r.stable.Clone()
		switch {
		case d.strategy != InPlace:
			if err := d.chooseHeader(r); err != nil {
				return err
			}
			d.Finish(r.canary, d.Name(r.stable.Name()))
		case d.Namespace != "":
			manifest.PutString(r.canary.Metadata(), "namespace", d.Namespace)
		}
		rules := manifest.Items(r.canary.Root, "spec", "rules")
		for i, rule := range rules {
			if manifest.IsNull(rule) { // without backends
				rule = manifest.NewMap()
				rules[i] = rule
			}
			if r.header != "" {
				d.restrict(rule, r.header)
			}
			if err := d.replace(r, i, rule); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteHeader says what the share depends on that the input does not show.
func (d *derivation) noteHeader() {
	if d.strategy == InPlace {
		for _, r := range d.routes {
			d.note(note.Info, "", r.stable, "it is changed itself; when the canary is gone, apply it again as it is in the input")
		}
		return
	}
	fact := "the gateway makes the " + idHeader + " of every request itself, of random digits"
	if d.strategy == Weights {
		fact = "every request has the header " + d.routes[0].header
	}
	d.note(note.Info, "", d.routes[0].stable, "its canary gets its share if %s, as Envoy does by default", fact)
}

// chooseHeader chooses a header that no match of the route has: an entry with the same name
// would be ignored. Every request has these headers, because Envoy sets them.
func (d *derivation) chooseHeader(r *derived) error {
	headers := []string{idHeader}
	if d.strategy == Weights {
		headers = []string{"x-forwarded-proto", idHeader}
	}
	var taken *manifest.Node
	for _, header := range headers {
		found := matching(r.stable, header)
		if found == nil {
			r.header = header
			return nil
		}
		taken = cmp.Or(taken, found)
	}
	return r.stable.Errorf(taken, "a match of the route already has a condition on %s, by which the canary's route would take its share; choose --gateway-strategy %s", strings.Join(headers, " and on "), d.otherwise())
}

// otherwise returns the strategy to recommend if this one is not possible.
func (d *derivation) otherwise() Strategy {
	if d.strategy == IDs {
		return Weights
	}
	return InPlace
}

// matching returns a condition of a route on a header, or nil.
func matching(o *manifest.Object, header string) *manifest.Node {
	for _, rule := range manifest.Items(o.Root, "spec", "rules") {
		for _, match := range manifest.Items(rule, "matches") {
			for _, h := range manifest.Items(match, "headers") {
				if strings.EqualFold(manifest.GetString(h, "name"), header) {
					return h
				}
			}
		}
	}
	return nil
}

// restrict adds the condition to every match of a rule. A rule without matches has one that
// every request fits.
func (d *derivation) restrict(rule *manifest.Node, header string) {
	value := ".+"
	switch {
	case *d.Weight == 0:
		value = none
	case d.strategy == IDs:
		value = sample(*d.Weight, d.Digits)
	}
	matches := manifest.Get(rule, "matches")
	if matches == nil || len(matches.Content) == 0 {
		matches = manifest.NewList(manifest.NewMap())
		manifest.Put(rule, "matches", matches)
	}
	for i, match := range matches.Content {
		if manifest.IsNull(match) { // every request fits it
			match = manifest.NewMap()
			matches.Content[i] = match
		}
		headers := manifest.Get(match, "headers")
		if headers == nil {
			headers = manifest.NewList()
			manifest.Put(match, "headers", headers)
		}
		headers.Content = append(headers.Content, manifest.NewMap("name", header, "type", "RegularExpression", "value", value))
	}
}

// replace sends the requests of a rule to the canary instead of stable, or divides those of
// stable between both.
func (d *derivation) replace(r *derived, index int, rule *manifest.Node) error {
	if !r.has(index) {
		return nil
	}
	refs, namespace := manifest.Get(rule, "backendRefs"), d.Set.Namespace(r.stable)
	if d.strategy == IDs {
		for _, ref := range refs.Content {
			d.toCanary(ref, namespace)
		}
		return nil
	}
	factor, err := d.factor(refs, namespace)
	if err != nil {
		return r.stable.Errorf(manifest.Get(rule, "backendRefs"), "rules[%d]: %w", index, err)
	}
	divided := manifest.NewList()
	for _, ref := range refs.Content {
		weight := weightOf(ref) * factor
		copied := manifest.Clone(ref)
		manifest.Put(ref, "weight", manifest.NewInt(int(weight)))
		divided.Content = append(divided.Content, ref)
		if d.toCanary(copied, namespace) && weight > 0 {
			part := weight * int64(*d.Weight) / d.of()
			manifest.Put(ref, "weight", manifest.NewInt(int(weight-part)))
			manifest.Put(copied, "weight", manifest.NewInt(int(part)))
			divided.Content = append(divided.Content, copied)
		}
	}
	manifest.Put(rule, "backendRefs", divided)
	return nil
}

// weightOf returns the weight of a backend of a route that the model has read.
func weightOf(ref *manifest.Node) int64 {
	if w, err := strconv.ParseInt(manifest.GetString(ref, "weight"), 10, 64); err == nil {
		return w
	}
	return 1 // the default
}

// maxWeight is the largest weight that the API accepts (BackendRef).
const maxWeight = 1_000_000

// factor returns the smallest number by which the weights of a rule have to be multiplied
// so that the share of the canary is a whole number of them. It is 1 if the sum of the
// weights can stay.
func (d *derivation) factor(refs *manifest.Node, namespace string) (int64, error) {
	factor, largest := int64(1), int64(0)
	for _, ref := range refs.Content {
		weight := weightOf(ref)
		largest = max(largest, weight)
		id, _ := service(ref, namespace)
		if _, has := d.services[id]; !has {
			continue
		}
		if part := weight * factor * int64(*d.Weight) % d.of(); part != 0 {
			factor *= d.of() / divisor(part, d.of())
		}
	}
	if largest*factor > maxWeight {
		return 0, fmt.Errorf("weights of at most %d cannot divide the share of stable exactly; give its backendRefs smaller weights", maxWeight)
	}
	return factor, nil
}

// divisor returns the greatest common divisor.
func divisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// toCanary makes a reference one to the canary of its Service, and reports whether that has
// one.
func (d *derivation) toCanary(ref *manifest.Node, namespace string) bool {
	id, _ := service(ref, namespace)
	s, has := d.services[id]
	if has {
		manifest.PutString(ref, "name", s.Canary.Name())
	}
	return has
}

// timeout returns how long a request to the canary may take, in milliseconds.
func (r *derived) timeout() int {
	longest := time.Duration(0)
	for i, rule := range manifest.Items(r.stable.Root, "spec", "rules") {
		if !r.has(i) {
			continue
		}
		// A Duration of the Gateway API is one of Go too (GEP-2257).
		limit, err := time.ParseDuration(manifest.GetString(rule, "timeouts", "request"))
		if err != nil || limit <= 0 {
			limit = defaultTimeout * time.Millisecond
		}
		longest = max(longest, limit)
	}
	return int(longest.Milliseconds())
}
