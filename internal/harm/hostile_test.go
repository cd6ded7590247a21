package harm_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/harm"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/manifest/golden"
	"github.com/canarize/canarize/internal/note"
)

// FuzzExamine checks that no objects make Examine panic, also such that Derive refuses.
// The random numbers of seed replace some of their values by others of any type.
func FuzzExamine(f *testing.F) {
	paths, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatal("no files", err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(file.Data, uint64(1))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		objects, err := manifest.Parse(manifest.Source{Name: "fuzz", Data: text})
		if err != nil {
			return
		}
		examineHostile(t, objects, seed)
	})
}

// TestHostile is FuzzExamine with more random numbers.
func TestHostile(t *testing.T) {
	for name, files := range golden.Files(t) {
		for seed := range uint64(30) {
			objects, err := manifest.Parse(manifest.Source{Name: name, Data: []byte(files["input.yml"])})
			if err != nil {
				t.Fatal(err)
			}
			examineHostile(t, objects, seed)
		}
	}
}

// examineHostile examines objects of which some values are replaced. Every object with a
// pod template counts as a workload with a canary.
func examineHostile(t *testing.T, objects []*manifest.Object, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	for _, o := range objects {
		mutate(o.Root, random)
	}
	set, err := manifest.NewSet(objects, "default")
	if err != nil {
		return
	}
	var derived canary.Result
	for _, o := range objects {
		d := manifest.Derived{Stable: o, Canary: o.Clone()}
		derived.Derived = append(derived.Derived, d)
		derived.Services = append(derived.Services, d)
		if manifest.Get(o.Root, "spec", "template") != nil {
			derived.Pods = append(derived.Pods, canary.Pods{
				Stable: o, Canary: d.Canary, Namespace: set.Namespace(o),
				Labels: manifest.StringMap(o.Root, "spec", "template", "metadata", "labels"),
			})
		}
	}
	notes := harm.Examine(set, derived)
	for _, n := range notes {
		if n.Text == "" || n.Object == nil || (n.Level == note.Warning) != n.Name.Known() {
			t.Errorf("%+v", n)
		}
	}
	if again := harm.Examine(set, derived); !slices.Equal(notes, again) {
		t.Errorf("two examinations differ: %v, %v", notes, again)
	}
}

// mutate replaces some values by others of any type.
func mutate(n *manifest.Node, random *rand.Rand) {
	for _, child := range n.Content {
		mutate(child, random)
	}
	if random.IntN(30) > 0 || n.Kind == yaml.ScalarNode && n.Value == "kind" {
		return
	}
	switch random.IntN(5) {
	case 0:
		*n = *manifest.NewString([]string{"", "$(A)$(B)", "$()", "metadata.labels['", "[", "--", "-D.=", "a\nb"}[random.IntN(8)])
	case 1:
		*n = *manifest.NewInt(random.IntN(3) - 1)
	case 2:
		*n = *manifest.NewList("x", manifest.NewMap("name", "x"))
	case 3:
		*n = *manifest.NewMap("name", "x", "kind", manifest.NewList())
	case 4:
		*n = manifest.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
}

// TestLinear counts the memory that Examine allocates for inputs in which everything
// shares one account, one ConfigMap, one image and one target. Four times as many objects
// may take little more than four times as much.
func TestLinear(t *testing.T) {
	allocations := func(n int) float64 {
		set, derived := manyObjects(t, n)
		return testing.AllocsPerRun(2, func() { harm.Examine(set, derived) })
	}
	small, large := allocations(200), allocations(800)
	if large > 5*small {
		t.Errorf("%.0f allocations for 200 applications, %.0f for 800", small, large)
	}
}

func manyObjects(t *testing.T, n int) (*manifest.Set, canary.Result) {
	t.Helper()
	const application = `apiVersion: apps/v1
kind: Deployment
metadata: {name: webN}
spec:
  selector: {matchLabels: {app: webN}}
  template:
    metadata: {labels: {app: webN}}
    spec:
      serviceAccountName: all
      containers:
        - {name: main, image: "registry.example.com/web:1", envFrom: [{configMapRef: {name: all}}, {secretRef: {name: made}}]}
---
apiVersion: v1
kind: Service
metadata: {name: webN}
spec: {selector: {app: webN}, ports: [{port: 80}]}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: makerN}
spec: {target: {name: made}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: scalerN}
spec: {scaleTargetRef: {name: web0}, triggers: [{type: kafka, metadata: {topic: topicN}}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: bindN}
roleRef: {kind: Role, name: roleN}
subjects: [{kind: ServiceAccount, name: all}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: roleN}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: jobN}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: main, image: "registry.example.com/web:1"}]}}}}}
---
`
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: all}\ndata:\n  KAFKA_GROUP_ID: web\n")
	for i := range n {
		fmt.Fprintf(&text, "  KEY_%d: value\n", i)
	}
	text.WriteString("---\n")
	for i := range n {
		text.WriteString(strings.NewReplacer("webN", fmt.Sprint("web", i), "makerN", fmt.Sprint("maker", i), "scalerN", fmt.Sprint("scaler", i), "topicN", fmt.Sprint("topic", i),
			"bindN", fmt.Sprint("bind", i), "roleN", fmt.Sprint("role", i), "jobN", fmt.Sprint("job", i)).Replace(application))
	}
	set := setOf(t, text.String())
	derived, err := canary.Derive(set, canary.Options{Weight: 10, Suffix: "-canary"})
	if err != nil {
		t.Fatal(err)
	}
	return set, derived
}

// TestNoSecret checks that no note shows the password in a variable's value.
func TestNoSecret(t *testing.T) {
	for name, files := range golden.Files(t) {
		for _, n := range notes(t, maps.Clone(files)) {
			if strings.Contains(n.Text, "password") {
				t.Errorf("%s: %s", name, n.Text)
			}
		}
	}
}
