package derive

import (
	"errors"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// annotation derives the canaries of the Mappings in a Service's
// getambassador.io/config annotation, as separate v3alpha1 objects.
func (d *derivation) annotation(owner *manifest.Object) error {
	const key = "getambassador.io/config"
	text := manifest.Get(owner.Root, "metadata", "annotations", key)
	if text == nil {
		return nil
	}
	values, err := model.AnnotationObjects(owner.Value()) // with the namespace as written
	if err != nil {
		return owner.Errorf(text, "annotation %s: %w", key, errors.Unwrap(err))
	}
	for _, v := range values {
		kind, _ := v["kind"].(string)
		if kind != "Mapping" && kind != "TCPMapping" {
			continue
		}
		if err := d.mapping(owner, annotated(owner, v)); err != nil {
			return err
		}
	}
	return nil
}

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
