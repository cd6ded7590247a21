package derive

import (
	"errors"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// mappings returns the Mappings and TCPMappings that an object of the input is or, in its
// getambassador.io/config annotation, contains; the latter as v3alpha1 objects.
func mappings(o *manifest.Object) ([]*manifest.Object, error) {
	switch {
	case o.Group() == group && isMapping(o.Kind()):
		return []*manifest.Object{o}, nil
	case o.Group() != "" || o.Kind() != "Service":
		return nil, nil
	}
	const key = "getambassador.io/config"
	text := manifest.Get(o.Root, "metadata", "annotations", key)
	if text == nil {
		return nil, nil
	}
	values, err := model.AnnotationObjects(o.Value()) // with the namespace as written
	if err != nil {
		return nil, o.Errorf(text, "annotation %s: %w", key, errors.Unwrap(err))
	}
	var all []*manifest.Object
	for _, v := range values {
		if kind, _ := v["kind"].(string); isMapping(kind) {
			all = append(all, annotated(o, v))
		}
	}
	return all, nil
}

func isMapping(kind string) bool { return kind == "Mapping" || kind == "TCPMapping" }

// annotated returns the v3alpha1 object with the same meaning as a Mapping in
// an annotation.
func annotated(owner *manifest.Object, v map[string]any) *manifest.Object {
	v = model.ToV3Alpha1(v)
	spec, _ := v["spec"].(map[string]any)
	modernise(spec)
	meta, _ := v["metadata"].(map[string]any)
	metadata := manifest.NewMap()
	for _, key := range []string{"name", "namespace", "labels"} {
		if meta[key] != nil {
			manifest.Put(metadata, key, manifest.From(meta[key]))
		}
	}
	kind, _ := v["kind"].(string)
	root := manifest.NewMap("apiVersion", group+"/v3alpha1", "kind", kind, "metadata", metadata, "spec", manifest.From(any(spec)))
	return manifest.NewObject(root, owner)
}

// modernise rewrites the fields of a v1 or v2 spec, which allowed several
// forms, to the form that the v3alpha1 schema accepts (crds.yaml in
// pkg/api/getambassador.io).
func modernise(spec map[string]any) {
	asList(spec, "ambassador_id", "allow_upgrade", "remove_request_headers", "remove_response_headers")
	if cors, ok := spec["cors"].(map[string]any); ok {
		asList(cors, "origins", "methods", "headers", "exposed_headers")
		if age, ok := cors["max_age"]; ok {
			cors["max_age"] = plainText(age)
		}
	}
	for _, field := range []string{"add_request_headers", "add_response_headers"} {
		headers, _ := spec[field].(map[string]any)
		for name, value := range headers {
			if _, structured := value.(map[string]any); !structured {
				headers[name] = map[string]any{"value": plainText(value)}
			}
		}
	}
	if use, ok := spec["use_websocket"].(bool); ok {
		delete(spec, "use_websocket")
		if use && spec["allow_upgrade"] == nil {
			spec["allow_upgrade"] = []any{"websocket"}
		}
	}
	for _, field := range []string{"timeout_ms", "connect_timeout_ms", "idle_timeout_ms", "weight"} {
		if s, ok := spec[field].(string); ok {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				spec[field] = n
			}
		}
	}
}

// asList splits a string with commas into a list.
func asList(m map[string]any, fields ...string) {
	for _, field := range fields {
		s, ok := m[field].(string)
		if !ok {
			continue
		}
		var list []any
		for part := range strings.SplitSeq(s, ",") {
			list = append(list, strings.TrimSpace(part))
		}
		m[field] = list
	}
}

func plainText(v any) string { return manifest.From(v).Value }
