package hook

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/manifest"
)

// object returns an object with metadata in YAML.
func object(t rapid.TB, kind, metadata string) *manifest.Object {
	version := map[string]string{"Job": "batch/v1", "Workflow": "argoproj.io/v1alpha1"}[kind]
	if version == "" {
		version = "v1"
	}
	text := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata:\n%s\n", version, kind, metadata)
	objects, err := manifest.Parse(manifest.Source{Name: "in.yml", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

// annotated returns a Job with annotations in YAML flow style.
func annotated(t rapid.TB, annotations string) *manifest.Object {
	return object(t, "Job", "  name: a\n  annotations: "+annotations)
}

func TestOf(t *testing.T) {
	for annotations, want := range map[string]string{
		`{helm.sh/hook: pre-upgrade}`:                                   "a Helm hook (pre-upgrade)",
		`{helm.sh/hook: " Pre-Install ,PRE-UPGRADE"}`:                   "a Helm hook (pre-install, pre-upgrade)",
		`{helm.sh/hook: "test-success,test"}`:                           "a Helm hook (test)",
		`{helm.sh/hook: crd-install}`:                                   "a Helm hook (crd-install)",
		`{helm.sh/hook: "pre-upgrade,post-rollback"}`:                   "a Helm hook (pre-upgrade, post-rollback)",
		`{argocd.argoproj.io/hook: "PreSync, PostSync"}`:                "an Argo CD hook (PreSync, PostSync)",
		`{argocd.argoproj.io/hook: "PreSync,,presync,Hmm"}`:             "an Argo CD hook (PreSync)",
		`{argocd.argoproj.io/hook: "Skip,Sync"}`:                        "an Argo CD hook (Sync)",
		`{argocd.argoproj.io/hook: PreDelete}`:                          "an Argo CD hook (PreDelete)",
		`{helm.sh/hook: pre-upgrade, argocd.argoproj.io/hook: PreSync}`: "a hook of Helm (pre-upgrade) and of Argo CD (PreSync)",
		`{helm.sh/hook: pre-upgrad, argocd.argoproj.io/hook: SyncFail}`: "an Argo CD hook (SyncFail)",
	} {
		h, is := Of(annotated(t, annotations))
		if !is || h.String() != want {
			t.Errorf("%s: %v, %s, expected %s", annotations, is, h, want)
		}
	}
}

func TestNoHook(t *testing.T) {
	for _, metadata := range []string{
		"  name: a",
		"  name: a\n  annotations: {argocd.argoproj.io/sync-wave: '5'}",
		"  name: a\n  annotations: {helm.sh/resource-policy: keep, helm.sh/hook-weight: '1', helm.sh/hook-delete-policy: hook-succeeded}",
		"  name: a\n  annotations: {argocd.argoproj.io/hook-delete-policy: HookSucceeded, argocd.argoproj.io/sync-options: Prune=false}",
		"  name: a\n  labels: {helm.sh/chart: a-1.0, helm.sh/hook: pre-upgrade}",
		"  name: a\n  annotations: {meta.helm.sh/release-name: a, example.com/helm.sh/hook: x}",
		"  name: a\n  annotations: {}",
		"  name: a\n  annotations: null",
		"  name: a\nspec: {template: {metadata: {annotations: {helm.sh/hook: pre-upgrade}}}}",
	} {
		if h, is := Of(object(t, "Job", metadata)); is {
			t.Errorf("%s\nis taken for %s", metadata, h)
		}
	}
}

func TestNote(t *testing.T) {
	const noHooks = "canarize does not run hooks, so it is not applied; "
	for annotations, want := range map[string]string{
		`{helm.sh/hook: pre-upgrade}`:                                   "is a Helm hook (pre-upgrade): " + noHooks + "run it before the release (canarize generate --hooks pre-upgrade prints it)",
		`{helm.sh/hook: "post-upgrade,pre-upgrade"}`:                    "is a Helm hook (post-upgrade, pre-upgrade): " + noHooks + "run it before the release (canarize generate --hooks pre-upgrade prints it) and after the promotion (canarize generate --hooks post-upgrade prints it)",
		`{argocd.argoproj.io/hook: Sync}`:                               "is an Argo CD hook (Sync): " + noHooks + "run it at the promotion (canarize generate --hooks Sync prints it)",
		`{helm.sh/hook: pre-upgrade, argocd.argoproj.io/hook: PreSync}`: "is a hook of Helm (pre-upgrade) and of Argo CD (PreSync): " + noHooks + "run it before the release (canarize generate --hooks pre-upgrade prints it)",
		`{helm.sh/hook: "pre-install,post-delete"}`:                     "is a Helm hook (pre-install, post-delete): " + noHooks + "an upgrade does not run it either",
		`{helm.sh/hook: test}`:                                          "is a Helm hook (test): " + noHooks + "an upgrade does not run it either",
		`{argocd.argoproj.io/hook: Skip}`:                               "is not applied, as the annotation argocd.argoproj.io/hook: Skip asks",
		`{helm.sh/hook: "pre-upgrade,"}`:                                `is not applied: Helm does not know its annotation helm.sh/hook: "pre-upgrade,", and leaves it out too; correct the annotation, or remove it`,
		`{helm.sh/hook: null}`:                                          `is not applied: Helm does not know its annotation helm.sh/hook: "", and leaves it out too; correct the annotation, or remove it`,
		`{argocd.argoproj.io/hook: presync, helm.sh/hook: test}`:        "is a Helm hook (test): " + noHooks + "an upgrade does not run it either",
		`{argocd.argoproj.io/hook: presync}`:                            `is not applied: Argo CD does not know its annotation argocd.argoproj.io/hook: "presync", and leaves it out too; correct the annotation, or remove it`,
	} {
		h, is := Of(annotated(t, annotations))
		if !is || h.Note() != want {
			t.Errorf("%s: %v\n%s\nexpected\n%s", annotations, is, h.Note(), want)
		}
	}
}

func TestParsePhase(t *testing.T) {
	for name, want := range map[string]string{
		"pre-upgrade": "pre-upgrade", "Post-Upgrade": "post-upgrade", "test-success": "test", "crd-install": "crd-install",
		"presync": "PreSync", "Sync": "Sync",
		"Skip": "", "": "", "pre-upgrade,test": "", "upgrade": "",
	} {
		p, err := ParsePhase(name)
		if p.Name != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v, expected %q", name, p.Name, err, want)
		}
	}
	if _, err := ParsePhase("x"); !strings.Contains(err.Error(), "expected one of pre-install, post-install, ") || strings.Contains(err.Error(), "Skip") {
		t.Error(err)
	}
}

func TestSteps(t *testing.T) {
	helm := func(kind, name, hook, weight string) string {
		return kind + " " + fmt.Sprintf("  name: %s\n  annotations: {helm.sh/hook: %q, helm.sh/hook-weight: %q}", name, hook, weight)
	}
	argo := func(kind, name, wave string) string {
		return kind + " " + fmt.Sprintf("  name: %s\n  annotations: {argocd.argoproj.io/hook: PreSync, argocd.argoproj.io/sync-wave: %q, helm.sh/hook-weight: \"7\"}", name, wave)
	}
	for name, c := range map[string]struct {
		phase   string
		objects []string
		want    string
	}{
		"none": {"pre-upgrade", []string{helm("Job", "a", "pre-install", "")}, ""},
		"weights, then names": {"pre-upgrade", []string{
			helm("ConfigMap", "z", "pre-upgrade", "0"), helm("Secret", "b", "pre-upgrade,pre-install", "-5"), helm("Job", "x", "pre-upgrade", "10"), helm("Role", "a", "pre-upgrade", "no number"),
		}, "b a z x"},
		"each Job ends a step": {"pre-upgrade", []string{
			helm("Job", "b", "pre-upgrade", "1"), helm("Pod", "a", "pre-upgrade", "2"), helm("ConfigMap", "last", "pre-upgrade", "3"), helm("ConfigMap", "first", "pre-upgrade", "-3"),
		}, "first b | a | last"},
		"Helm minds no kind":   {"pre-upgrade", []string{helm("ConfigMap", "settings", "pre-upgrade", ""), helm("Job", "migrate", "pre-upgrade", "")}, "migrate | settings"},
		"Argo CD minds kinds":  {"PreSync", []string{argo("Job", "migrate", "0"), argo("ConfigMap", "settings", "0"), argo("Secret", "key", "-1")}, "key settings migrate"},
		"wave is the weight":   {"PreSync", []string{argo("Job", "b", "x"), argo("Job", "c", "8"), argo("Workflow", "a", "-2")}, "a | b | c"},
		"phases of both tools": {"pre-upgrade", []string{argo("Job", "a", ""), helm("Job", "b", "pre-upgrade", "")}, "b"},
	} {
		var hooks []Hook
		for _, text := range c.objects {
			kind, metadata, _ := strings.Cut(text, " ")
			h, is := Of(object(t, kind, metadata))
			if !is {
				t.Fatalf("%s: no hook", text)
			}
			hooks = append(hooks, h)
		}
		phase, err := ParsePhase(c.phase)
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		for _, step := range Steps(hooks, phase) {
			var names []string
			for _, h := range step {
				names = append(names, h.Object.Name())
			}
			steps = append(steps, strings.Join(names, " "))
		}
		if have := strings.Join(steps, " | "); have != c.want {
			t.Errorf("%s: %s, expected %s", name, have, c.want)
		}
	}
}

// TestIn: any value of the annotations makes a hook, which has a note, and nothing else does.
func TestIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var objects []*manifest.Object
		var want []string
		for i := range rapid.IntRange(0, 6).Draw(t, "objects") {
			metadata := fmt.Sprintf("  name: o%d", i)
			if key := rapid.SampledFrom([]string{"", "helm.sh/hook", "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave"}).Draw(t, "key"); key != "" {
				metadata += fmt.Sprintf("\n  annotations: {%s: %q}", key, rapid.StringMatching(`[A-Za-z ,-]{0,12}`).Draw(t, "value"))
				if strings.HasSuffix(key, "/hook") {
					want = append(want, fmt.Sprint("o", i))
				}
			}
			objects = append(objects, object(t, "ConfigMap", metadata))
		}
		set, err := manifest.NewSet(objects, "default")
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, h := range In(set) {
			have = append(have, h.Object.Name())
			if h.Note() == "" {
				t.Errorf("%s has no note", h.Object.ID())
			}
		}
		if !slices.Equal(have, want) {
			t.Errorf("hooks %v, expected %v", have, want)
		}
	})
}
