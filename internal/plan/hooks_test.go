package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/hook"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/plan"
)

// cart is an application that reads the ConfigMap flags.
const cart = `apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}, annotations: {helm.sh/hook: of the pods}}
    spec: {containers: [{name: main, image: "cart:1", envFrom: [{configMapRef: {name: flags}}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{port: 80}]}
---
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: cart}
spec: {hostname: "*", prefix: /cart/, service: cart}
`

// extra returns one more object, with annotations in YAML flow style.
func extra(kind, name, annotations, rest string) string {
	version := map[string]string{"Job": "batch/v1", "Deployment": "apps/v1", "Mapping": "getambassador.io/v3alpha1", "CustomResourceDefinition": "apiextensions.k8s.io/v1"}[kind]
	if version == "" {
		version = "v1"
	}
	return fmt.Sprintf("---\napiVersion: %s\nkind: %s\nmetadata: {name: %s, annotations: %s}\n%s\n", version, kind, name, annotations, rest)
}

func job(name, annotations, image string) string {
	return extra("Job", name, annotations, fmt.Sprintf("spec: {template: {spec: {restartPolicy: Never, containers: [{name: task, image: %q}]}}}", image))
}

func setOf(t rapid.TB, name, text string) *manifest.Set {
	objects, err := manifest.Parse(manifest.Source{Name: name, Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	set, err := plan.NewSet(objects, "")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// names returns the kinds and names of objects, sorted.
func names(objects []map[string]any) string {
	var all []string
	for _, o := range objects {
		all = append(all, kind(o)+" "+name(o))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// TestHooksAreNotApplied: whatever its kind, a hook is neither applied nor copied, and it has
// one note. What only looks like a hook is applied.
func TestHooksAreNotApplied(t *testing.T) {
	const application, copies = "Deployment cart, Mapping cart, Service cart", "Deployment cart-canary, Mapping cart-canary, Service cart-canary"
	for _, c := range []struct {
		name, input          string
		stable, canary, note string // beside the application's
	}{
		{"a migration", job("migrate", `{helm.sh/hook: "pre-install,pre-upgrade"}`, "cart:1"), "", "",
			"note: world.yml:20: Job migrate: is a Helm hook (pre-install, pre-upgrade): canarize does not run hooks, so it is not applied; run it before the release (canarize generate --hooks pre-upgrade prints it)"},
		{"a test", extra("Pod", "probe", `{helm.sh/hook: test}`, "spec: {containers: [{name: a, image: a}]}"), "", "",
			"note: world.yml:20: Pod probe: is a Helm hook (test): canarize does not run hooks, so it is not applied; an upgrade does not run it either"},
		{"a hook of Argo CD", job("migrate", `{argocd.argoproj.io/hook: PreSync}`, "tool:1"), "", "",
			"note: world.yml:20: Job migrate: is an Argo CD hook (PreSync): canarize does not run hooks, so it is not applied; run it before the release (canarize generate --hooks PreSync prints it)"},
		{"a workload", extra("Deployment", "proxy", `{helm.sh/hook: post-install}`, "spec: {selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: a, image: a}]}}}"), "", "",
			"note: world.yml:20: Deployment proxy: is a Helm hook (post-install): canarize does not run hooks, so it is not applied; an upgrade does not run it either"},
		{"configuration that only the installation makes", extra("ConfigMap", "flags", `{helm.sh/hook: pre-install}`, "data: {a: b}"), "", "",
			"note: world.yml:20: ConfigMap flags: is a Helm hook (pre-install): canarize does not run hooks, so it is not applied; an upgrade does not run it either"},
		{"configuration that every upgrade makes", extra("ConfigMap", "flags", `{helm.sh/hook: "pre-install,pre-upgrade"}`, "data: {a: b}"), "", "",
			"warning: world.yml:20: ConfigMap flags: is a Helm hook (pre-install, pre-upgrade), so it is not applied, and Deployment cart reads it: both versions read the one in the cluster, and running the hook changes it for stable too; remove the annotation to give the canary a copy of its own (generated-config)"},
		{"configuration that nobody reads", extra("Secret", "other", `{argocd.argoproj.io/hook: "PreSync,Sync"}`, "stringData: {a: b}"), "", "",
			"note: world.yml:20: Secret other: is an Argo CD hook (PreSync, Sync): canarize does not run hooks, so it is not applied; run it before the release (canarize generate --hooks PreSync prints it) and at the promotion (canarize generate --hooks Sync prints it)"},
		{"a claim", extra("PersistentVolumeClaim", "data", `{helm.sh/hook: pre-install}`, "spec: {accessModes: [ReadWriteMany]}"), "", "",
			"note: world.yml:20: PersistentVolumeClaim data: is a Helm hook (pre-install): canarize does not run hooks, so it is not applied; an upgrade does not run it either"},
		{"a route", extra("Mapping", "second", `{helm.sh/hook: post-upgrade}`, "spec: {hostname: '*', prefix: /cart/, service: cart}"), "", "",
			"note: world.yml:20: Mapping second: is a Helm hook (post-upgrade): canarize does not run hooks, so it is not applied; run it after the promotion (canarize generate --hooks post-upgrade prints it)"},
		{"a CRD of Helm 2", extra("CustomResourceDefinition", "carts.example.com", `{helm.sh/hook: crd-install}`, ""), "", "",
			"note: world.yml:20: CustomResourceDefinition carts.example.com: is a Helm hook (crd-install): canarize does not run hooks, so it is not applied; run it before the release (canarize generate --hooks crd-install prints it)"},
		{"a name for every run", "---\napiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-, annotations: {argocd.argoproj.io/hook: Sync}}\n", "", "",
			"note: world.yml:20: Job: is an Argo CD hook (Sync): canarize does not run hooks, so it is not applied; run it at the promotion (canarize generate --hooks Sync prints it)"},

		{"a Job", job("index", `{}`, "tool:1"), "Job index", "", ""},
		{"a Pod", extra("Pod", "probe", `{helm.sh/resource-policy: keep}`, "spec: {containers: [{name: a, image: a}]}"), "Pod probe", "", ""},
		{"a wave", job("index", `{argocd.argoproj.io/sync-wave: "-1"}`, "tool:1"), "Job index", "", ""},
		{"what hooks have besides", job("index", `{helm.sh/hook-weight: "1", helm.sh/hook-delete-policy: hook-succeeded}`, "tool:1"), "Job index", "", ""},
		{"configuration", extra("ConfigMap", "flags", `{argocd.argoproj.io/sync-wave: "-1"}`, "data: {a: b}"), "ConfigMap flags", "ConfigMap flags-canary", ""},
		{"a label", "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other, labels: {helm.sh/chart: cart-1.0, helm.sh/hook: pre-upgrade}}\n", "ConfigMap other", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			planned, err := plan.Release(setOf(t, "world.yml", cart+c.input), plan.ReleaseOptions{Generate: options()})
			if err != nil {
				t.Fatal(err)
			}
			with := func(rest, more string) string {
				all := strings.Split(rest, ", ")
				if more != "" {
					all = append(all, more)
				}
				slices.Sort(all)
				return strings.Join(all, ", ")
			}
			if diff := cmp.Diff(with(application, c.stable), names(planned.Plan.Stable)); diff != "" {
				t.Errorf("stable: %s", diff)
			}
			if diff := cmp.Diff(with(copies, c.canary), names(planned.Plan.Canary)); diff != "" {
				t.Errorf("canary: %s", diff)
			}
			var notes []string
			for _, n := range planned.Notes {
				if n.Level > note.Debug {
					notes = append(notes, n.String())
				}
			}
			if diff := cmp.Diff(c.note, strings.Join(notes, "\n")); diff != "" {
				t.Errorf("notes: %s", diff)
			}
		})
	}
}

// TestRefusedHooks checks what only hooks have.
func TestRefusedHooks(t *testing.T) {
	hookOf := func(text string) string {
		return strings.Replace(text, "metadata: {name: cart}", "metadata: {name: cart, annotations: {helm.sh/hook: post-install}}", 1)
	}
	image := func(text string) func(*plan.Options) {
		return func(o *plan.Options) {
			i, err := canary.ParseImage(text)
			if err != nil {
				t.Fatal(err)
			}
			o.Canary.Images = []canary.Image{i}
		}
	}
	migrate := job("migrate", `{helm.sh/hook: pre-upgrade}`, "migrations:1")
	for _, c := range []struct {
		name, input string
		change      func(*plan.Options)
		want        string
	}{
		{"the only workload", hookOf(cart), nil, "world.yml:1: Deployment cart: no canary possible: it is a Helm hook (post-install), which canarize does not apply"},
		{"the only container with an image", cart + migrate, image("migrations:2"), "world.yml:20: Job migrate: --image migrations:2: only this object has such a container, and it is a Helm hook (pre-upgrade), which canarize does not apply; pass the image to canarize generate --hooks instead"},
		{"the only container with a name", cart + migrate, image("task=cart:2"), "world.yml:20: Job migrate: --image task=cart:2: only this object has such a container"},
		{"a workload to include", cart + extra("Deployment", "proxy", `{helm.sh/hook: post-install}`, "spec: {}"), func(o *plan.Options) {
			o.Canary.Include = []canary.WorkloadRef{{Kind: "deployment", Name: "proxy"}}
		}, "world.yml:20: Deployment proxy: --include deployment/proxy: it is a Helm hook (post-install), which canarize does not apply; remove the annotation to release it"},
		{"no container has the image", cart + migrate, image("nobody:2"), "--image nobody:2: no container has an image of this repository"},
		{"an image that both have", cart + job("migrate", `{helm.sh/hook: pre-upgrade}`, "cart:1"), image("cart:2"), ""},
		{"a Service that would take the canary's pods", strings.Replace(cart, "labels: {app: cart}", "labels: {app: cart, team: a}", 1) +
			extra("Service", "team", `{helm.sh/hook: post-install}`, "spec: {selector: {team: a}, ports: [{port: 80}]}"), nil, "Service team: its selector would also select the canary pods of Deployment cart, and as a Helm hook (post-install) it may exist in the cluster"},
		{"a Service that does not", cart + extra("Service", "team", `{helm.sh/hook: post-install}`, "spec: {selector: {app: cart}, ports: [{port: 80}]}"), nil, ""},
		{"a claim that pods share", strings.Replace(cart, "spec: {containers", "spec: {volumes: [{name: v, persistentVolumeClaim: {claimName: data}}], containers", 1) +
			extra("PersistentVolumeClaim", "data", `{helm.sh/hook: pre-install}`, "spec: {accessModes: [ReadWriteMany]}"), nil, ""},
		{"a claim of one pod", strings.Replace(cart, "spec: {containers", "spec: {volumes: [{name: v, persistentVolumeClaim: {claimName: data}}], containers", 1) +
			extra("PersistentVolumeClaim", "data", `{helm.sh/hook: pre-install}`, "spec: {accessModes: [ReadWriteOnce]}"), nil, "it mounts the PersistentVolumeClaim data (ReadWriteOnce)"},
		{"the canary's name", cart + extra("ConfigMap", "flags", `{}`, "") + extra("ConfigMap", "flags-canary", `{helm.sh/hook: test}`, ""), nil, "its canary would be named flags-canary, and ConfigMap flags-canary is in the input already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			if c.change != nil {
				c.change(&o)
			}
			_, err := plan.Generate(setOf(t, "world.yml", c.input), o)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, expected %q", err, c.want)
			}
		})
	}
}

func TestHooks(t *testing.T) {
	const hooked = `{helm.sh/hook: "pre-upgrade,test"}`
	input := cart + extra("ConfigMap", "z", `{helm.sh/hook: pre-upgrade, helm.sh/hook-weight: "-1"}`, "data: {a: b}") + job("migrate", hooked, "docker.io/library/cart:1")
	cron := "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly, namespace: other, annotations: " + hooked + "}\nspec: {jobTemplate: {spec: {template: {spec: {initContainers: [{name: task, image: \"cart:1\"}]}}}}}\n"
	for _, c := range []struct {
		name, input, phase string
		options            plan.HookOptions
		image, want        string
	}{
		{name: "in order", input: input, phase: "pre-upgrade", want: "ConfigMap /z Job /migrate docker.io/library/cart:1"},
		{name: "an image", input: input, phase: "pre-upgrade", image: "cart:2", want: "ConfigMap /z Job /migrate cart:2"},
		{name: "an image that only the application has", input: cart + job("migrate", hooked, "tool:1"), phase: "test", image: "cart:2", want: "Job /migrate tool:1"},
		{name: "an image by the container's name", input: input + cron, phase: "test:1/2", image: "task=tool:2", want: "Job /migrate tool:2"},
		{name: "the next step", input: input + cron, phase: "test:2/2", image: "task=tool:2", want: "CronJob other/nightly tool:2"},
		{name: "a namespace", input: input, phase: "pre-upgrade", options: plan.HookOptions{Namespace: "blue"}, want: "ConfigMap blue/z Job blue/migrate docker.io/library/cart:1"},
		{name: "none", input: input, phase: "post-upgrade", want: ""},
		{name: "none of Argo CD's", input: input, phase: "PreSync", want: ""},
		{name: "no such image", input: input, phase: "pre-upgrade", image: "nobody:2", want: "error: --image nobody:2: no container of the input matches it"},
		{name: "two steps", input: input + job("seed", hooked, "a"), phase: "pre-upgrade", want: "error: the pre-upgrade hooks have 2 steps, and each has to end before the next begins: 1 is ConfigMap z, Job migrate; 2 is Job seed; run them one after the other, with --hooks pre-upgrade:1/2 and so on"},
		{name: "another number of steps", input: input, phase: "pre-upgrade:2/2", want: "error: the number of steps of the pre-upgrade hooks is 1, not 2: 1 is ConfigMap z, Job migrate; run all of them, one after the other"},
		{name: "no steps", input: cart, phase: "pre-upgrade:1/1", want: "error: the number of steps of the pre-upgrade hooks is 0, not 1: there are none; run all of them, one after the other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := c.options
			phase, _, _ := strings.Cut(c.phase, ":")
			if _, err := fmt.Sscanf(c.phase, phase+":%d/%d", &o.Step, &o.Steps); err != nil {
				o.Step, o.Steps = 0, 0
			}
			var err error
			if o.Phase, err = hook.ParsePhase(phase); err != nil {
				t.Fatal(err)
			}
			if c.image != "" {
				i, err := canary.ParseImage(c.image)
				if err != nil {
					t.Fatal(err)
				}
				o.Images = []canary.Image{i}
			}
			set := setOf(t, "world.yml", c.input)
			before, _ := manifest.Print(set.Objects)
			objects, err := plan.Hooks(set, o)
			var have []string
			for _, o := range objects {
				have = append(have, fmt.Sprintf("%s %s/%s", o.Kind(), o.Namespace(), o.Name()))
				for _, list := range []string{"containers", "initContainers"} {
					for _, c := range manifest.Items(canary.PodSpec(o), list) {
						have = append(have, manifest.GetString(c, "image"))
					}
				}
			}
			if err != nil {
				have = []string{"error: " + err.Error()}
			}
			if diff := cmp.Diff(c.want, strings.Join(have, " ")); diff != "" {
				t.Error(diff)
			}
			if after, _ := manifest.Print(set.Objects); string(before) != string(after) {
				t.Error("the input has changed")
			}
		})
	}
}

// TestLawHooks: whichever objects of an application are hooks, none of them is applied,
// copied or left without a note.
func TestLawHooks(t *testing.T) {
	planned := 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		hooks := map[string]bool{}
		for _, o := range w.objects {
			if !w.chance(20, "hook?") {
				continue
			}
			annotations, _ := dig(o, "metadata", "annotations").(obj)
			annotations = maps.Clone(annotations)
			if annotations == nil {
				annotations = obj{}
			}
			annotations[one(w, "tool", "helm.sh/hook", "argocd.argoproj.io/hook")] = one(w, "phase", "pre-upgrade", "PreSync", "test, pre-install", "Skip", "unknown", "")
			o["metadata"].(obj)["annotations"] = annotations
			hooks[kind(o)+" "+namespace(o)+"/"+name(o)+group(o)] = true
		}
		objects, err := manifest.Parse(encoded(t, w.objects, "json"))
		if err != nil {
			t.Fatal(err)
		}
		set, err := plan.NewSet(objects, w.options.Canary.Namespace)
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Release(set, plan.ReleaseOptions{Generate: w.options, Name: "all"})
		if err != nil {
			return // nothing is left to release, for example
		}
		planned++
		for _, o := range append(slices.Clone(p.Plan.Stable), p.Plan.Canary...) {
			if hooks[kind(o)+" "+namespace(o)+"/"+name(o)+group(o)] {
				t.Errorf("%s is a hook, and is applied", identity(o))
			}
			for _, key := range []string{"helm.sh/hook", "argocd.argoproj.io/hook"} {
				if _, found := strs(o, "metadata", "annotations")[key]; found {
					t.Errorf("%s has the annotation of a hook", identity(o))
				}
			}
		}
		if len(p.Plan.Stable)+len(hooks) != len(w.objects) {
			t.Errorf("%d of %d objects are applied, and %d are hooks", len(p.Plan.Stable), len(w.objects), len(hooks))
		}
		for _, n := range p.Notes {
			if n.Level > note.Debug {
				id := set.ID(n.Object)
				delete(hooks, id.Kind+" "+id.Namespace+"/"+id.Name+id.Group)
			}
		}
		if len(hooks) > 0 {
			t.Errorf("hooks without a note: %v", hooks)
		}
	})
	if planned == 0 {
		t.Error("no world could be released")
	}
}
