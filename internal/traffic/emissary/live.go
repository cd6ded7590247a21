package emissary

import (
	"fmt"
	"maps"
	"math"
	"reflect"

	"github.com/canarize/canarize/internal/emissary"
)

// defaultTimeout is how long a request may take, in milliseconds, where a
// Mapping does not say (irhttpmapping.py).
const defaultTimeout = 3000

// Weight is the number that gives a canary route of a kind its share in percent.
func Weight(kind string, percent int) int {
	if kind != "TCPMapping" {
		return percent
	}
	weight, _ := emissary.TCPWeight(float64(percent))
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
	spec, err := stableSpec(stable, name)
	if err != nil {
		return nil, false, err
	}
	if spec == nil {
		return nil, false, nil // a stable route that is gone has nothing to take over
	}
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
	synced = map[string]any{"apiVersion": canary["apiVersion"], "kind": canary["kind"], "metadata": kept, "spec": after}
	return synced, !reflect.DeepEqual(before, after), nil
}

func stableSpec(stable map[string]any, name string) (map[string]any, error) {
	if stable["kind"] != "Service" {
		spec, _ := stable["spec"].(map[string]any)
		return spec, nil
	}
	objects, err := emissary.AnnotationObjects(stable)
	if err != nil {
		return nil, fmt.Errorf("its annotation can no longer be read: %w", err)
	}
	for _, o := range objects {
		if meta, _ := o["metadata"].(map[string]any); meta["name"] == name {
			spec, _ := emissary.ToV3Alpha1(o)["spec"].(map[string]any)
			modernise(spec)
			return spec, nil
		}
	}
	return nil, nil
}
