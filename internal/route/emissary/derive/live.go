package derive

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"

	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// defaultTimeout is the timeout of a request in milliseconds if a Mapping sets
// none (irhttpmapping.py).
const defaultTimeout = 3000

// Version is a version of Emissary.
type Version = model.Version

// ImageVersion returns the version of Emissary that a container image has by its name and
// tag.
func ImageVersion(image string) (v Version, known bool) { return model.ImageVersion(image) }

// Weight returns the weight that gives a canary route of a kind its share in
// percent.
func Weight(kind string, percent int, version Version) int {
	if kind != "TCPMapping" {
		return percent
	}
	weight, _ := version.TCPWeight(float64(percent))
	return weight
}

// Share returns the percentage that a canary route's weight asks for. Without a
// weight it is 50, because Emissary divides the requests equally between
// members without a weight.
func Share(canary map[string]any, version Version) int {
	weight := 0
	switch n := object.Spec(canary)["weight"].(type) {
	case int64:
		weight = int(n)
	case float64:
		weight = int(n)
	default:
		return 50
	}
	if canary["kind"] == "TCPMapping" && weight > 0 {
		return int(math.Round(version.TCPShare(weight)))
	}
	return weight
}

// Timeout returns the timeout of a request to a canary route, in milliseconds.
func Timeout(canary map[string]any) int {
	switch n := object.Spec(canary)["timeout_ms"].(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	}
	return defaultTimeout
}

// own lists the fields of a canary route that differ from the stable route's.
var own = [...]string{"service", "weight", "stats_name"}

// Resync returns the canary route that matches a stable route, which may have
// been edited since: it has stable's spec except for the canary's own fields.
// stable is a Mapping, or the Service whose annotation contains the Mapping
// with that name. The result has no fields of the API server.
func Resync(stable map[string]any, name string, canary map[string]any) (synced map[string]any, changed bool, err error) {
	route, err := StableRoute(stable, name)
	if err != nil || route == nil {
		return nil, false, err // the stable route is gone, there is nothing to copy
	}
	before, after := object.Spec(canary), maps.Clone(object.Spec(route))
	for _, field := range own {
		delete(after, field)
		if v, found := before[field]; found {
			after[field] = v
		}
	}
	kept := map[string]any{}
	for _, field := range []string{"name", "namespace", "labels", "annotations"} {
		if v, found := object.Metadata(canary)[field]; found {
			kept[field] = v
		}
	}
	synced = map[string]any{"apiVersion": route["apiVersion"], "kind": canary["kind"], "metadata": kept, "spec": after}
	return synced, !reflect.DeepEqual(before, after), nil
}

// StableRoute returns the route itself, or the route with that name in a
// Service's annotation. It returns nil if the route is gone.
func StableRoute(stable map[string]any, name string) (map[string]any, error) {
	if stable["kind"] != "Service" {
		return stable, nil
	}
	objects, err := model.AnnotationObjects(stable)
	if err != nil {
		return nil, fmt.Errorf("cannot read its annotation any more: %w", err)
	}
	for _, o := range objects {
		if object.ID(o).Name == name {
			o = model.ToV3Alpha1(o)
			modernise(object.Spec(o))
			return o, nil
		}
	}
	return nil, nil
}

// Cluster returns the name of a route's Envoy cluster, or "" for a TCPMapping,
// which the model does not know. namespace is Emissary's own.
func Cluster(route map[string]any, namespace string) string {
	cluster, _ := model.Names(route, optionsFor(route, namespace))
	return cluster
}

// Stats returns the name under which Envoy counts the requests of a route, or
// "" for a TCPMapping, which has none.
func Stats(route map[string]any, namespace string) string {
	_, stats := model.Names(route, optionsFor(route, namespace))
	return stats
}

// optionsFor returns the options of the first Emissary installation that a
// route is for.
func optionsFor(route map[string]any, namespace string) model.Options {
	options := model.Options{Namespace: namespace}
	if ids, _ := object.Spec(route)["ambassador_id"].([]any); len(ids) > 0 && ids[0] != "_automatic_" {
		options.AmbassadorID, _ = ids[0].(string)
	}
	return options
}

// Installation returns the ambassador_id of the first Emissary installation that a route is
// for; "" is the default.
func Installation(route map[string]any) string { return optionsFor(route, "").AmbassadorID }

// Freezing returns why a Mapping makes Envoy refuse every configuration of an installation;
// nothing if it does not.
func Freezing(mapping map[string]any, ambassadorID string) (reasons []string) {
	for _, p := range model.Freezing([]map[string]any{mapping}, model.Options{AmbassadorID: ambassadorID}) {
		reasons = append(reasons, p.Text)
	}
	return reasons
}

// SampleHeader is the header by which a share below one percent is taken.
const SampleHeader = model.SampleHeader

// endpointModule returns a Module with the only kind of default resolver with which Emissary
// accepts a load_balancer.
func endpointModule(ambassadorID string) map[string]any {
	return map[string]any{
		"apiVersion": group + "/v3alpha1", "kind": "Module", "metadata": map[string]any{"name": "ambassador"},
		"spec": map[string]any{"ambassador_id": []any{cmp.Or(ambassadorID, "default")}, "config": map[string]any{"resolver": "endpoint"}},
	}
}

// RealShare returns the share in percent that a canary route really gets next
// to its stable route. It does not consider other routes and Hosts, and it assumes that the
// resolvers exist that the routes need. The error
// says what prevents the share. namespace is Emissary's own.
func RealShare(stable, canary map[string]any, namespace string, version Version) (float64, error) {
	options := optionsFor(canary, namespace)
	options.Version = version
	options.AssumeResolvers = true
	objects := []map[string]any{stable, canary}
	if object.Spec(canary)["load_balancer"] != nil {
		objects = append(objects, endpointModule(options.AmbassadorID))
	}
	report := model.Evaluate(objects, options)
	id := object.ID(canary)
	key := serviceAt{namespace: id.Namespace, name: id.Name}
	s := newShares(report)
	if g := s.tcp[key]; g != nil && len(g.Rows) == 2 {
		for _, row := range g.Rows {
			if rowKey(row.Namespace, row.Mapping) == key {
				return row.Share, nil
			}
		}
	}
	g := s.groups[key]
	switch {
	case g == nil:
		return 0, fmt.Errorf("it is dropped by Emissary: it %s", s.why(key))
	case len(g.Rows) != 2:
		return 0, errors.New("it is not in one group with its stable route, so its weight has no effect")
	case g.Unrouted > 0:
		return 0, fmt.Errorf("%d %% of the requests of its group are routed nowhere", g.Unrouted)
	}
	for _, row := range g.Rows {
		if rowKey(row.Namespace, row.Mapping) == key {
			return float64(row.Share), nil
		}
	}
	return 0, nil
}
