package wiring

import (
	"fmt"
	"strings"
	"testing"

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
		if got := fmt.Sprintf("%T", system); err != nil || got != c.want {
			t.Errorf("%s with %s: got %s, want %s, error %v", c.name, c.variable, got, c.want, err)
		}
		if _, annotates := system.(ci.Annotator); annotates != strings.HasPrefix(c.want, "azure") {
			t.Errorf("%s with %s: annotates %t", c.name, c.variable, annotates)
		}
	}
	if _, err := CISystem("jenkins", func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "azure-pipelines") {
		t.Errorf("error %v", err)
	}
}
