//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unapplied are kinds of test/bundle that are not applied: the control plane has no CRDs for
// them, and a webhook without pods would refuse the objects of other tests.
var unapplied = []string{
	"AuthorizationPolicy", "Canary", "Certificate", "CiliumNetworkPolicy", "Component", "DestinationRule",
	"ExternalSecret", "PeerAuthentication", "Prometheus", "PrometheusRule", "Rollout", "ScaledObject",
	"SealedSecret", "Server", "ServiceDefaults", "ServiceIntentions", "ServiceProfile",
	"TriggerAuthentication", "ValidatingWebhookConfiguration", "VirtualService",
}

// testBundle applies the applications of test/bundle, and their canaries beside them.
func (s suite) testBundle(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(s.root, "test", "bundle", "*", "generate.args"))
	if err != nil || len(found) < 15 {
		t.Fatal(len(found), "applications", err)
	}
	for _, path := range found {
		e := readExample(t, filepath.Dir(path))
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s.checkApplication(t, e)
		})
	}
}

// checkApplication applies an application and its canary, if canarize makes one.
func (s suite) checkApplication(t *testing.T, e example) {
	k := s.kubectlFor(t, e)
	stable := applied(t, s.read(t, e))
	e.createNamespaces(t, k, stable)
	k.run(t, nil, "create", "serviceaccount", "default") // as the controller would; Pods need it
	stable = parseObjects(t, k.run(t, list(t, stable), "apply", "--server-side", "-o", "json", "-f", "-"))

	c := program{path: s.canarize, dir: e.dir}
	generate := slices.Concat([]string{"generate"}, e.generate, e.inputs)
	if e.refused(t) {
		refused := exec.CommandContext(t.Context(), c.path, generate...)
		refused.Dir = c.dir
		if out, err := refused.Output(); err == nil || refused.ProcessState.ExitCode() != 2 || len(out) > 0 {
			t.Fatalf("canarize %q: %v, printed %q; expected exit code 2 and no output", generate, err, head(out))
		}
		return
	}
	file := filepath.Join(t.TempDir(), "canary.yaml")
	if err := os.WriteFile(file, list(t, applied(t, parseObjects(t, c.run(t, nil, generate...)))), 0o600); err != nil {
		t.Fatal(err)
	}
	canary := applyTwice(t, k, file)
	checkNoLeak(t, stable, canary)
	checkNoTheft(t, stable, canary)
	checkNamespaces(t, e.namespaces(stable), canary)
	if len(ofKind(canary, "Mapping")) > 0 {
		live := filepath.Join(t.TempDir(), "live.json")
		if err := os.WriteFile(live, list(t, slices.Concat(stable, canary)), 0o600); err != nil {
			t.Fatal(err)
		}
		checkTraffic(t, c.run(t, nil, "traffic", "-o", "json", live), canary, 10)
	}
}

// refused reports whether canarize makes nothing of an application, according to the
// outcome that test/bundle checks.
func (e example) refused(t *testing.T) bool {
	t.Helper()
	outcome, err := os.ReadFile(filepath.Join(e.dir, "outcome.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains("\n"+string(outcome), "\nerror: ")
}

// applied returns the objects without those of kinds that are not applied, which it logs.
func applied(t *testing.T, all []object) []object {
	t.Helper()
	return slices.DeleteFunc(all, func(o object) bool {
		left := slices.Contains(unapplied, o.Kind) || strings.HasPrefix(o.APIVersion, "serving.knative.dev/")
		if left {
			t.Logf("not applied: %s", o)
		}
		return left
	})
}
