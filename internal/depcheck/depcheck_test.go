// Package depcheck holds the test of who may import whom. The table is the
// right-hand column of docs/architecture.md.
package depcheck

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/canarize/canarize/"

// allowed lists, for every package, the packages of this module that it may
// import. A package that is not listed fails the test: it needs a line here and
// one in docs/architecture.md.
var allowed = map[string][]string{
	"cmd/canarize":               {"internal/cli"},
	"internal/cli":               {"internal/analysis", "internal/app", "internal/canary", "internal/ci", "internal/doctor", "internal/emissary", "internal/input", "internal/kube", "internal/manifest", "internal/redact", "internal/report", "internal/rollout", "internal/runner", "internal/simulate", "internal/spool"},
	"internal/ci":                {"internal/rollout"},
	"internal/ci/azurepipelines": {"internal/ci"},
	"internal/ci/github":         {"internal/ci"},
	"internal/report":            {"internal/chart", "internal/doctor", "internal/manifest", "internal/rollout"},
	"internal/app":               {"internal/analysis", "internal/analysis/lines", "internal/canary", "internal/chart", "internal/ci", "internal/ci/azurepipelines", "internal/ci/github", "internal/doctor", "internal/emissary", "internal/emissary/live", "internal/gate", "internal/kube", "internal/manifest", "internal/metric", "internal/metric/azuremonitor", "internal/metric/emissary", "internal/metric/endpoint", "internal/metric/exposition", "internal/metric/pods", "internal/metric/prometheus", "internal/metric/scrape", "internal/metric/web", "internal/redact", "internal/report", "internal/rollout", "internal/runner", "internal/simulate", "internal/traffic", "internal/traffic/emissary", "internal/watch"},
	"internal/input":             {"internal/manifest"},
	"internal/manifest":          {},
	"internal/canary":            {"internal/manifest"},
	"internal/emissary":          {},
	"internal/emissary/live":     {},
	"internal/readiness":         {},
	"internal/kube":              {"internal/emissary/live", "internal/readiness"},
	"internal/analysis":          {},
	"internal/analysis/lines":    {"internal/analysis"},
	"internal/rollout":           {"internal/analysis", "internal/excerpt", "internal/manifest", "internal/metric", "internal/redact"},
	"internal/gate":              {"internal/excerpt", "internal/redact", "internal/rollout"},
	"internal/watch":             {"internal/analysis", "internal/metric", "internal/rollout"},
	"internal/runner":            {"internal/analysis", "internal/manifest", "internal/rollout"},
	"internal/doctor":            {"internal/canary", "internal/emissary", "internal/manifest", "internal/readiness", "internal/rollout", "internal/traffic/emissary"},
	"internal/traffic":           {"internal/manifest"},
	"internal/traffic/emissary":  {"internal/emissary", "internal/manifest", "internal/traffic"},
	"internal/simulate":          {"internal/analysis"},
	"internal/simulate/peer":     {"internal/analysis"},
	"internal/chart":             {},
	"internal/excerpt":           {},
	"internal/redact":            {},
	"internal/spool":             {},
	"internal/depcheck":          {},
	"app":                        {},
	"bench":                      {"bench/section"},
	"bench/section":              {},
	"bench/decisions":            {"bench/section", "internal/analysis", "internal/chart", "internal/simulate", "internal/simulate/peer"},
	"test/pipelines":             {"internal/ci", "internal/ci/azurepipelines", "test/pipelines/expand"},
	"test/pipelines/expand":      {},
	"test/faults":                {},
	"test/integration":           {"internal/doctor", "internal/emissary/live", "internal/kube", "internal/readiness", "internal/report", "internal/rollout", "test/faults", "test/pipelines/expand"},
	"test/script":                {"internal/cli"},

	"internal/metric":              {"internal/analysis"},
	"internal/metric/azuremonitor": {"internal/metric", "internal/metric/endpoint", "internal/metric/prometheus"},
	"internal/metric/emissary":     {"internal/metric", "internal/metric/exposition", "internal/metric/scrape"},
	"internal/metric/endpoint":     {"internal/excerpt", "internal/metric", "internal/redact"},
	"internal/metric/exposition":   {},
	"internal/metric/metrictest":   {"internal/analysis", "internal/metric"},
	"internal/metric/pods":         {"internal/metric", "internal/metric/exposition", "internal/metric/scrape"},
	"internal/metric/prometheus":   {"internal/metric", "internal/metric/endpoint"},
	"internal/metric/scrape":       {"internal/metric", "internal/metric/exposition"},
	"internal/metric/web":          {"internal/analysis", "internal/analysis/lines", "internal/metric", "internal/metric/endpoint"},
}

// pure are the packages that decide: they may not reach the world outside.
var pure = []string{"internal/manifest", "internal/canary", "internal/emissary", "internal/traffic", "internal/traffic/emissary", "internal/analysis", "internal/analysis/lines", "internal/metric", "internal/metric/exposition", "internal/rollout", "internal/doctor", "internal/chart", "internal/simulate/peer", "internal/excerpt", "internal/redact"}

// outside are packages of the standard library by which a program reaches the
// world, the clock and chance included.
var outside = []string{"os", "os/exec", "net", "net/http", "math/rand", "math/rand/v2", "io/ioutil", "syscall"}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		may, listed := allowed[name]
		if !listed {
			t.Errorf("%s is in no room: list it here and in docs/architecture.md", name)
		}
		for _, imported := range p.Imports {
			own, isOwn := strings.CutPrefix(imported, module)
			if isOwn && !slices.Contains(may, own) {
				t.Errorf("%s may not import %s", name, own)
			}
			if slices.Contains(pure, name) && slices.Contains(outside, imported) {
				t.Errorf("%s is pure and may not import %s", name, imported)
			}
		}
	}
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
