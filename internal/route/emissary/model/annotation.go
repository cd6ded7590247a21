package model

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
	k8syaml "sigs.k8s.io/yaml"
)

// annotationKey is the annotation of a Service or Ingress that contains
// Emissary resources as YAML documents.
const annotationKey = "getambassador.io/config"

// AnnotationObjects returns the objects in the getambassador.io/config
// annotation of a Service or Ingress in the shape of ordinary objects: name and
// namespace in metadata, the rest in spec. An object without a namespace or
// labels gets those of the owner. Versions are not converted; see ToV3Alpha1.
// Source: annotations.go in Emissary's pkg/snapshot.
func AnnotationObjects(owner map[string]any) ([]map[string]any, error) {
	if !ownsAnnotations(owner) {
		return nil, nil
	}
	meta := object(owner["metadata"])
	source := text(object(meta["annotations"])[annotationKey])
	if source == "" {
		return nil, nil
	}
	var out []map[string]any
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(source)))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: annotation %s is not YAML: %w", identity(owner), annotationKey, err)
		}
		decoded, err := decodeDocument(&document)
		if err != nil {
			return nil, fmt.Errorf("%s: annotation %s: %w", identity(owner), annotationKey, err)
		}
		if decoded != nil {
			out = append(out, unfold(decoded, meta))
		}
	}
}

// decodeDocument decodes through JSON, so that the values have the same types
// as in other objects.
func decodeDocument(document *yaml.Node) (map[string]any, error) {
	source, err := yaml.Marshal(document)
	if err != nil {
		return nil, err
	}
	var decoded any
	if err := k8syaml.Unmarshal(source, &decoded); err != nil {
		return nil, err
	}
	if decoded == nil {
		return nil, nil
	}
	m, ok := decoded.(map[string]any)
	if !ok {
		return nil, errors.New("a document is not an object")
	}
	return m, nil
}

// unfold turns a flat object from an annotation into the shape of an ordinary
// one.
func unfold(flat, owner map[string]any) map[string]any {
	meta := map[string]any{}
	for k, v := range object(flat["metadata"]) {
		meta[k] = v
	}
	spec := map[string]any{}
	for k, v := range object(flat["spec"]) {
		spec[k] = v
	}
	out := map[string]any{"metadata": meta, "spec": spec, "apiVersion": text(flat["apiVersion"])}
	for k, v := range flat {
		switch k {
		case "apiVersion", "metadata", "spec":
		case "kind", "status":
			out[k] = v
		case "name", "namespace", "generation":
			meta[k] = v
		case "metadata_labels":
			meta["labels"] = v
		default:
			spec[k] = v
		}
	}
	if text(meta["namespace"]) == "" {
		meta["namespace"] = owner["namespace"]
	}
	if meta["labels"] == nil && owner["labels"] != nil {
		meta["labels"] = owner["labels"]
	}
	// The API group was once called "ambassador".
	if version, found := strings.CutPrefix(text(out["apiVersion"]), "ambassador/"); found {
		out["apiVersion"] = apiGroup + version
	}
	return out
}

func ownsAnnotations(o map[string]any) bool {
	switch text(o["apiVersion"]) + " " + text(o["kind"]) {
	case "v1 Service", "networking.k8s.io/v1 Ingress", "networking.k8s.io/v1beta1 Ingress", "extensions/v1beta1 Ingress":
		return true
	}
	return false
}

// annotated returns the resources in an object's annotation, converted to
// v3alpha1. Emissary orders them by the owner's name, not by their own
// (fetcher.py).
func annotated(owner map[string]any, log *journal) []*resource {
	objects, err := AnnotationObjects(owner)
	if err != nil {
		log.warn(err.Error() + ": Emissary ignores the annotation")
		return nil
	}
	meta := object(owner["metadata"])
	namespace := text(meta["namespace"])
	if namespace == "" {
		namespace = "default"
	}
	var out []*resource
	for i, o := range objects {
		if text(o["apiVersion"]) == apiGroup+"v1" {
			o = ToV3Alpha1(o)
		}
		r := newResource(o)
		if r == nil || (&catalog{}).storage(r.kind) == nil {
			continue
		}
		delete(r.labels, "ambassador_crd")
		if !watched(r.version) {
			r.refused, r.version = "has the unknown apiVersion "+text(o["apiVersion"])+": Emissary ignores it", "v3alpha1"
		}
		r.key = text(meta["name"]) + "." + namespace + "." + strconv.Itoa(i+1)
		out = append(out, r)
	}
	return out
}
