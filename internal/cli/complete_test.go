package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/rollout"
)

// completions returns what a shell offers, without descriptions.
func completions(t *testing.T, args ...string) []string {
	t.Helper()
	code, stdout, _ := run(t.Context(), t, "", append([]string{"__complete"}, args...)...)
	if code != exitDone {
		t.Errorf("%q: exit code %d", args, code)
	}
	var all []string
	for line := range strings.Lines(stdout) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if !strings.HasPrefix(name, ":") {
			all = append(all, name)
		}
	}
	return all
}

func TestCompletion(t *testing.T) {
	t.Chdir(t.TempDir())
	api := kubetest.New()
	serve(t, api)
	putNamespaces(api, "shop", "eu")
	putRelease(t, api, "shop", "web", shopState(rollout.Standing, func(s *rollout.State) {
		s.Gates = []string{"smoke", "sign-off", "bad\x1b[2J"}
		s.Passed = []rollout.Approval{{Gate: "smoke"}}
	}))
	putRelease(t, api, "shop", "cart", shopState(rollout.Promoted, nil))
	putRelease(t, api, "eu", "mail", shopState(rollout.Standing, nil))
	for args, want := range map[string]string{
		"status |":                       "cart web",
		"report |":                       "cart web",
		"hold |":                         "web",
		"promote w|":                     "web",
		"shift -n eu |":                  "mail",
		"shift --context staging |":      "",
		"approve |":                      "web",
		"approve web |":                  "sign-off",
		"approve cart |":                 "",
		"approve web sign-off |":         "",
		"status web |":                   "",
		"status -n |":                    "eu shop",
		"run --emissary-namespace e|":    "eu",
		"status --context |":             "prod staging",
		"run --color |":                  "always auto never",
		"run --dry-run s|":               "server",
		"report -o |":                    "html json junit markdown",
		"schema -o |":                    "json markdown",
		"simulate --scenario errors-1-|": "errors-1-2",
		"generate --accept shared-c|":    "shared-claim",
		"help statu|":                    "status",
		"statu|":                         "status",
	} {
		before, last, _ := strings.Cut(args, "|")
		words := strings.Fields(before)
		if strings.HasSuffix(before, " ") {
			words = append(words, last)
		}
		got := completions(t, words...)
		slices.Sort(got)
		if strings.Join(got, " ") != want && !(want == "errors-1-2" && slices.Contains(got, want)) {
			t.Errorf("canarize %s: %q instead of %q", args, got, want)
		}
	}
	if err := os.WriteFile("release.yml", []byte("apiVersion: canarize.dev/v1alpha1\nkind: Release\nmetadata: {namespace: eu}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := completions(t, "reject", ""); strings.Join(got, " ") != "mail" {
		t.Errorf("with a release file: %q", got)
	}
}

// TestCompletionAlone: without a cluster nothing is completed, and nothing is said.
func TestCompletionAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("KUBECONFIG", "none")
	for _, args := range [][]string{{"status", ""}, {"approve", "web", ""}, {"status", "-n", ""}, {"status", "--context", ""}} {
		if got := completions(t, args...); len(got) > 0 {
			t.Errorf("%q: %q", args, got)
		}
	}
}

// TestFlagValues: a flag is completed with values that its check accepts, and its help
// names all of them.
func TestFlagValues(t *testing.T) {
	for flag, values := range flagValues {
		cmd, _, err := newRoot("canarize", Streams{}).Find([]string{"run"})
		if err != nil {
			t.Fatal(err)
		}
		f := cmd.Flags().Lookup(flag)
		if f == nil {
			t.Errorf("run has no --%s", flag)
			continue
		}
		for _, value := range values {
			if !strings.Contains(f.Usage, value) && f.DefValue != value {
				t.Errorf("the help of --%s does not name %s", flag, value)
			}
		}
	}
}
