package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/releasefile"
)

// completed returns the flags of deploy, completed from a release file.
func completed(t *testing.T, spec string, flags ...string) (deployFlags, []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "release.yml")
	text := "apiVersion: canarize.dev/v1alpha1\nkind: Release\nmetadata: {namespace: blue}\nspec: {" + spec + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var f deployFlags
	cmd := &cobra.Command{}
	f.engine.register(cmd.Flags())
	f.register(cmd)
	f.engine.registerWrites(cmd.Flags())
	f.engine.registerCancel(cmd.Flags())
	if err := cmd.ParseFlags(append(flags, "--config", file)); err != nil {
		t.Fatal(err)
	}
	manifests, err := f.complete(cmd.Flags().Args())
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range manifests {
		if rel, err := filepath.Rel(filepath.Dir(file), m); err == nil {
			manifests[i] = rel
		}
	}
	return f, manifests
}

// equal compares flags except for the release file itself.
var equal = cmp.Options{
	cmp.AllowUnexported(deployFlags{}, canaryFlags{}, engineFlags{}, emissaryFlags{}),
	cmpopts.IgnoreTypes(configFlag{}), cmpopts.EquateEmpty(),
}

// TestReleaseFileDefaults: an empty release file changes no flag.
func TestReleaseFileDefaults(t *testing.T) {
	bare, _ := completed(t, "manifests: [a]")
	var plain deployFlags
	cmd := &cobra.Command{}
	plain.engine.register(cmd.Flags())
	plain.register(cmd)
	plain.engine.registerWrites(cmd.Flags())
	plain.engine.registerCancel(cmd.Flags())
	plain.engine.namespace, plain.engine.emissary.namespace = "blue", "emissary"
	if diff := cmp.Diff(plain, bare, equal); diff != "" {
		t.Error(diff)
	}
}

func TestReleaseFileAndFlags(t *testing.T) {
	const spec = `workload: shop, manifests: [base, ../other], images: [a:1, b:2],
  canary: {suffix: -next, replicas: 7, labels: {z: "1", a: b}, include: [sts/db], copyPeers: true},
  router: {emissary: {namespace: edge, version: 4.2}, gateway: {strategy: weights}}, timeouts: {ready: 3m}, onCancel: hold, promotion: {forceConflicts: true}`
	f, manifests := completed(t, spec)
	want := deployFlags{
		name: "shop",
		canary: canaryFlags{
			suffix: "-next", replicas: "7", emissary: emissaryFlags{"edge", "4.2"}, strategy: "weights", copyPeers: true,
			images: []string{"a:1", "b:2"}, labels: []string{"a=b", "z=1"}, include: []string{"sts/db"},
		},
		engine: engineFlags{
			namespace: "blue", emissary: emissaryFlags{"edge", "4.2"}, timeout: 3 * time.Minute, onCancel: "hold", force: true,
			ci: "auto", progress: "auto", color: "auto", dryRun: "none",
		},
	}
	if diff := cmp.Diff(want, f, equal); diff != "" {
		t.Error("the file alone:", diff)
	}
	if diff := cmp.Diff([]string{"base", "../other"}, manifests); diff != "" {
		t.Error(diff)
	}

	f, manifests = completed(t, spec, "-n", "red", "--name", "x", "-I", "c:3", "-s", "-old", "-l", "k=v", "--replicas", "same", "--include", "ds/log", "--copy-peers=false", "--emissary-namespace", "emissary", "--emissary-version", "3.10", "--gateway-strategy", "ids", "--timeout", "1s", "--on-cancel", "zero", "file.yml")
	want = deployFlags{
		name: "x",
		canary: canaryFlags{
			suffix: "-old", replicas: "same", emissary: emissaryFlags{"emissary", "3.10"}, strategy: "ids",
			images: []string{"c:3"}, labels: []string{"k=v"}, include: []string{"ds/log"},
		},
		engine: engineFlags{
			namespace: "red", timeout: time.Second, onCancel: "zero", force: true,
			ci: "auto", progress: "auto", color: "auto", dryRun: "none",
		},
	}
	if diff := cmp.Diff(want, f, equal); diff != "" {
		t.Error("flags and the file:", diff)
	}
	if diff := cmp.Diff([]string{"file.yml"}, manifests); diff != "" {
		t.Error(diff)
	}
}

// TestFieldsOfFlags: the release file has every field to which an error may lead, and
// every flag of the table exists.
func TestFieldsOfFlags(t *testing.T) {
	known := map[string]bool{}
	for _, f := range releasefile.Fields() {
		known[strings.TrimSuffix(strings.TrimSuffix(f.Path, "[]"), ".*")] = true
	}
	run, _, err := newRoot("canarize", Streams{}).Find([]string{"run"})
	if err != nil {
		t.Fatal(err)
	}
	for flag, field := range fieldOf {
		if !known[field] || run.Flags().Lookup(flag) == nil {
			t.Errorf("--%s: %s", flag, field)
		}
	}
}
