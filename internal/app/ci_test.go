package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/ci"
)

func TestCISystem(t *testing.T) {
	for _, c := range []struct {
		name, variable string
		want           string
	}{
		{"auto", "", "<nil>"}, {"auto", "TF_BUILD", "azurepipelines.Agent"}, {"auto", "GITHUB_ACTIONS", "github.Runner"},
		{"none", "TF_BUILD", "<nil>"}, {"azure-pipelines", "", "azurepipelines.Agent"}, {"github", "TF_BUILD", "github.Runner"},
	} {
		system, err := CISystem(c.name, func(name string) string {
			if name == c.variable {
				return "True"
			}
			return ""
		})
		if have := fmt.Sprintf("%T", system); err != nil || have != c.want {
			t.Errorf("%s with %s: %s instead of %s, error %v", c.name, c.variable, have, c.want, err)
		}
		if _, annotates := system.(ci.Annotator); annotates != strings.HasPrefix(c.want, "azure") {
			t.Errorf("%s with %s: annotates %t", c.name, c.variable, annotates)
		}
	}
	if _, err := CISystem("jenkins", func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "azure-pipelines") {
		t.Errorf("error %v", err)
	}
}

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
		t.Errorf("what was given has changed: %s", diff)
	}
}
