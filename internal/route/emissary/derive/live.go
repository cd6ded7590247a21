package derive

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// defaultTimeout is how long a request may take, in milliseconds, where a
// Mapping does not say (irhttpmapping.py).
const defaultTimeout = 3000

// Weight is the number that gives a canary route of a kind its share in percent.
func Weight(kind string, percent int) int {
	if kind != "TCPMapping" {
		return percent
	}
	weight, _ := model.TCPWeight(float64(percent))
	return weight
}

// Share is the percent that the weight on a canary route asks for. Without a
// weight it is half: Emissary divides between unweighted members equally.
func Share(canary map[string]any) int {
	spec, _ := canary["spec"].(map[string]any)
	weight := 0
	switch n := spec["weight"].(type) {
	case int64:
		weight = int(n)
	case float64:
		weight = int(n)
	default:
		return 50
	}
	if canary["kind"] == "TCPMapping" && weight > 0 {
		return int(math.Round(100 * float64(weight) / float64(weight+100)))
	}
	return weight
}

// Timeout is how long a request to a canary route may take, in milliseconds.
func Timeout(canary map[string]any) int {
	spec, _ := canary["spec"].(map[string]any)
	switch n := spec["timeout_ms"].(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	}
	return defaultTimeout
}

// own are the fields of a canary route that differ from the stable one's.
var own = [...]string{"service", "weight", "stats_name"}

// Resync gives what a canary route has to be beside a stable one, which may have
// been edited since: stable's spec but for what is the canary's own. stable is a
// Mapping, or the Service in whose annotation the Mapping of that name stands.
// The result has nothing that the API server adds.
func Resync(stable map[string]any, name string, canary map[string]any) (synced map[string]any, changed bool, err error) {
	route, err := StableRoute(stable, name)
	if err != nil || route == nil {
		return nil, false, err // a stable route that is gone has nothing to take over
	}
	spec, _ := route["spec"].(map[string]any)
	before, _ := canary["spec"].(map[string]any)
	after := maps.Clone(spec)
	for _, field := range own {
		delete(after, field)
		if v, found := before[field]; found {
			after[field] = v
		}
	}
	meta, _ := canary["metadata"].(map[string]any)
	kept := map[string]any{}
	for _, field := range []string{"name", "namespace", "labels", "annotations"} {
		if v, found := meta[field]; found {
			kept[field] = v
		}
	}
	synced = map[string]any{"apiVersion": route["apiVersion"], "kind": canary["kind"], "metadata": kept, "spec": after}
	return synced, !reflect.DeepEqual(before, after), nil
}

// StableRoute is the route that a stable object is, or that a Service carries
// under a name in its annotation; nil when it is gone.
func StableRoute(stable map[string]any, name string) (map[string]any, error) {
	if stable["kind"] != "Service" {
		return stable, nil
	}
	objects, err := model.AnnotationObjects(stable)
	if err != nil {
		return nil, fmt.Errorf("its annotation can no longer be read: %w", err)
	}
	for _, o := range objects {
		if meta, _ := o["metadata"].(map[string]any); meta["name"] == name {
			o = model.ToV3Alpha1(o)
			spec, _ := o["spec"].(map[string]any)
			modernise(spec)
			return o, nil
		}
	}
	return nil, nil
}

// Cluster is the name of a route's Envoy cluster; "" of a TCPMapping, which the
// model does not know. namespace is Emissary's own.
func Cluster(route map[string]any, namespace string) string {
	return model.ClusterName(route, optionsFor(route, namespace))
}

// Stats is the name under which Envoy counts the requests of a route; "" of a
// TCPMapping, which has none.
func Stats(route map[string]any, namespace string) string {
	return model.StatsName(route, optionsFor(route, namespace))
}

// optionsFor is the view of the first Emissary that a route is for.
func optionsFor(route map[string]any, namespace string) model.Options {
	options := model.Options{Namespace: namespace}
	spec, _ := route["spec"].(map[string]any)
	if ids, _ := spec["ambassador_id"].([]any); len(ids) > 0 && ids[0] != "_automatic_" {
		options.AmbassadorID, _ = ids[0].(string)
	}
	return options
}

// RealShare is the share in percent of a canary route beside its stable one, as
// the weight makes it; other routes and Hosts are not looked at. The error says
// what stands in the way. namespace is Emissary's own.
func RealShare(stable, canary map[string]any, namespace string) (float64, error) {
	report := model.Evaluate([]map[string]any{stable, canary}, optionsFor(canary, namespace))
	meta, _ := canary["metadata"].(map[string]any)
	key := serviceAt{}
	key.namespace, _ = meta["namespace"].(string)
	key.name, _ = meta["name"].(string)
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
		return 0, errors.New("it and its stable route are not one group to Emissary, so its weight means nothing")
	case g.Unrouted > 0:
		return 0, fmt.Errorf("%d %% of the requests are routed nowhere", g.Unrouted)
	}
	for _, row := range g.Rows {
		if rowKey(row.Namespace, row.Mapping) == key {
			return float64(row.Share), nil
		}
	}
	return 0, nil
}
