package hub

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAnnotated: the copies have the annotations, and the originals stay unchanged.
func TestAnnotated(t *testing.T) {
	object := func(annotations map[string]any) map[string]any {
		meta := map[string]any{"name": "a"}
		if annotations != nil {
			meta["annotations"] = annotations
		}
		return map[string]any{"kind": "Service", "metadata": meta}
	}
	given := []map[string]any{object(nil), object(map[string]any{"own": "1", "run": "old"})}
	have := annotated(given, map[string]string{"run": "new"})
	if diff := cmp.Diff([]map[string]any{object(map[string]any{"run": "new"}), object(map[string]any{"own": "1", "run": "new"})}, have); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]map[string]any{object(nil), object(map[string]any{"own": "1", "run": "old"})}, given); diff != "" {
		t.Errorf("the original has changed: %s", diff)
	}
}
