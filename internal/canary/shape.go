package canary

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// shape describes what a value must be if it is present. Only fields that
// canarize reads or writes have one; the API server checks the rest.
type shape struct {
	want   want
	fields map[string]shape // of a mapping
	keys   []string         // of fields, sorted, so that errors are deterministic
	item   *shape           // of a list
}

type want int

const (
	wantMapping want = iota
	wantList
	wantText
	wantLabels
	wantNumber // whole, from 0
	wantBoolean
)

func mapping(fields map[string]shape) shape {
	return shape{want: wantMapping, fields: fields, keys: slices.Sorted(maps.Keys(fields))}
}

func listOf(item shape) shape { return shape{want: wantList, item: &item} }

type fields = map[string]shape

// The shapes, from k8s.io/api (core/v1, apps/v1, autoscaling/v2,
// networking.k8s.io/v1) and monitoring.coreos.com/v1.
var (
	text      = shape{want: wantText}
	number    = shape{want: wantNumber}
	boolean   = shape{want: wantBoolean}
	reference = mapping(fields{"name": text})
	byLabel   = mapping(fields{
		"matchLabels":      {want: wantLabels},
		"matchExpressions": listOf(mapping(fields{"key": text, "operator": text, "values": listOf(text)})),
	})
	selected  = mapping(fields{"labelSelector": byLabel})
	container = mapping(fields{
		"name": text, "image": text,
		"env":     listOf(mapping(fields{"name": text, "value": text, "valueFrom": mapping(fields{"configMapKeyRef": reference, "secretKeyRef": reference})})),
		"envFrom": listOf(mapping(fields{"configMapRef": reference, "secretRef": reference})),
	})
	volume = mapping(fields{
		"name": text, "configMap": reference, "secret": mapping(fields{"secretName": text}),
		"projected":             mapping(fields{"sources": listOf(mapping(fields{"configMap": reference, "secret": reference}))}),
		"persistentVolumeClaim": mapping(fields{"claimName": text}),
		"csi":                   mapping(fields{"nodePublishSecretRef": reference}),
		"azureFile":             mapping(fields{"secretName": text}),
	})
	affinity = mapping(fields{
		"requiredDuringSchedulingIgnoredDuringExecution":  listOf(selected),
		"preferredDuringSchedulingIgnoredDuringExecution": listOf(mapping(fields{"podAffinityTerm": selected})),
	})
	podTemplate = mapping(fields{
		"metadata": mapping(fields{"labels": {want: wantLabels}}),
		"spec": mapping(fields{
			"containers": listOf(container), "initContainers": listOf(container), "volumes": listOf(volume),
			"imagePullSecrets": listOf(reference), "hostNetwork": boolean,
			"affinity":                  mapping(fields{"podAffinity": affinity, "podAntiAffinity": affinity}),
			"topologySpreadConstraints": listOf(selected),
		}),
	})
	peers = listOf(mapping(fields{"podSelector": byLabel, "namespaceSelector": byLabel}))
)

func withSpec(spec fields) shape { return mapping(fields{"spec": mapping(spec)}) }

// shapes lists the shapes of the objects that canarize knows, by role.
var shapes = map[string]shape{
	"workload": withSpec(fields{
		"replicas": number, "selector": byLabel, "template": podTemplate, "paused": boolean,
		"serviceName": text, "volumeClaimTemplates": listOf(mapping(nil)),
	}),
	"service": withSpec(fields{
		"selector": {want: wantLabels}, "type": text, "clusterIP": text,
		"ports": listOf(mapping(fields{"name": text, "appProtocol": text, "port": number})),
	}),
	"scaler": withSpec(fields{
		"scaleTargetRef": mapping(fields{"kind": text, "name": text}), "minReplicas": number, "maxReplicas": number,
	}),
	"policy": withSpec(fields{
		"podSelector": byLabel,
		"ingress":     listOf(mapping(fields{"from": peers})), "egress": listOf(mapping(fields{"to": peers})),
	}),
	"budget": withSpec(fields{"selector": byLabel}),
	"monitor": withSpec(fields{
		"selector": byLabel, "namespaceSelector": mapping(fields{"any": boolean, "matchNames": listOf(text)}),
	}),
}

var subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// checkObject checks the name and the shape of an object that has a role.
func checkObject(o *manifest.Object, role string) error {
	if role == "" {
		return nil
	}
	meta := manifest.Get(o.Root, "metadata")
	switch name := o.Name(); {
	case name == "":
		return o.Errorf(meta, "metadata.generateName creates a new object on every apply; give it a metadata.name")
	case role == "service" && (len(name) > maxLabelName || strings.Contains(name, ".")):
		return o.Errorf(manifest.Get(meta, "name"), "metadata.name %q is not a valid name of a Service; use at most %d lower-case letters, digits and dashes", name, maxLabelName)
	case !subdomain.MatchString(name):
		return o.Errorf(manifest.Get(meta, "name"), "metadata.name %q is not a valid name; use lower-case letters, digits, dashes and dots, a letter or digit first and last", name)
	}
	return shapes[role].check(o, o.Root, nil)
}

// check compares a value with its shape. path leads to the value.
func (s shape) check(o *manifest.Object, n *manifest.Node, path []string) error {
	if n == nil {
		return nil
	}
	what := func() string { return strings.ReplaceAll(strings.Join(path, "."), ".[", "[") }
	switch s.want {
	case wantText:
		if manifest.CheckString(o, "", n) != nil { // naming the value costs more than checking it
			return manifest.CheckString(o, what(), n)
		}
	case wantLabels:
		if manifest.CheckLabels(o, "", n) != nil {
			return manifest.CheckLabels(o, what(), n)
		}
	case wantNumber:
		if i, err := strconv.ParseInt(n.Value, 10, 32); manifest.KindName(n) != "number" || err != nil || i < 0 || n.Value != strconv.FormatInt(i, 10) {
			return o.Errorf(n, "%s is %s, not a whole number; write digits only, without quotes", what(), describe(n))
		}
	case wantBoolean:
		if !manifest.IsBoolean(n) {
			return o.Errorf(n, "%s is %s; write true or false, without quotes", what(), describe(n))
		}
	case wantList:
		return s.checkItems(o, n, path, what)
	case wantMapping:
		if !manifest.IsMap(n) {
			return o.Errorf(n, "%s is %s, not a mapping; write KEY: VALUE lines under it, indented", what(), describe(n))
		}
		for _, key := range s.keys {
			if err := s.fields[key].check(o, manifest.Get(n, key), append(path, key)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s shape) checkItems(o *manifest.Object, n *manifest.Node, path []string, what func() string) error {
	if !manifest.IsList(n) {
		return o.Errorf(n, "%s is %s, not a list; begin every entry with a dash", what(), describe(n))
	}
	for i, item := range n.Content {
		if err := s.item.check(o, item, append(path, "["+strconv.Itoa(i)+"]")); err != nil {
			return err
		}
	}
	return nil
}

// describe names a value in an error. Scalars are shown by their text.
func describe(n *manifest.Node) string {
	switch kind := manifest.KindName(n); kind {
	case "string":
		return fmt.Sprintf("the string %q", n.Value)
	case "number", "boolean":
		return n.Value
	default:
		return "a " + kind
	}
}
