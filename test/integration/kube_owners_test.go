//go:build integration

package integration

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/kube"
)

// owned is the stable version of testOwners. The next version has another image and
// replicas, and lacks OLD.
const owned = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: %s, namespace: %s}, spec: {replicas: 3, selector: {matchLabels: {app: web}},
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "registry.example.com/web:1", env: [{name: OLD, value: "1"}]}]}}}}`

// testOwners applies an object in the ways of people, pipelines and controllers, and then
// its next version. What kubectl wrote from manifests is taken over, and what the next
// version lacks is removed. Everything else is refused by the names of owner and field.
func testOwners(t *testing.T, s site) {
	const image, replicas = `.spec.template.spec.containers[name="web"].image`, ".spec.replicas"
	serverSide := func(manager string) []string {
		return []string{"apply", "--server-side", "--field-manager=" + manager, "-f", "FILE"}
	}
	apply := []string{"apply", "-f", "FILE"}
	scale := []string{"scale", "--replicas=4", "deployment/NAME"}
	for name, tt := range map[string]struct {
		steps [][]string
		owner string // "" if the next version is applied
		field string
	}{
		"apply":                     {[][]string{apply}, "", ""},
		"server-side":               {[][]string{{"apply", "--server-side", "-f", "FILE"}}, "", ""},
		"both":                      {[][]string{apply, {"apply", "--server-side", "-f", "FILE"}}, "", ""},
		"create":                    {[][]string{{"create", "-f", "FILE"}}, "", ""},
		"create-apply":              {[][]string{{"create", "-f", "FILE"}, apply}, "", ""},
		"replace":                   {[][]string{{"create", "-f", "FILE"}, {"replace", "-f", "FILE"}}, "", ""},
		"apply-name":                {[][]string{{"apply", "--field-manager=ci", "-f", "FILE"}}, `"ci"`, image},
		"server-side-name":          {[][]string{serverSide("ci")}, `"ci"`, image},
		"helm":                      {[][]string{serverSide("helm")}, `"helm"`, image},
		"flux":                      {[][]string{serverSide("kustomize-controller")}, `"kustomize-controller"`, image},
		"apply-set-image":           {[][]string{apply, {"set", "image", "deployment/NAME", "web=registry.example.com/web:fix"}}, `"kubectl-set"`, image},
		"server-side-patch":         {[][]string{{"apply", "--server-side", "-f", "FILE"}, {"patch", "deployment/NAME", "-p", `{"spec":{"replicas":7}}`}}, `"kubectl-patch"`, replicas},
		"server-side-scale":         {[][]string{{"apply", "--server-side", "-f", "FILE"}, scale}, `"kubectl" (scale)`, replicas},
		"apply-scale":               {[][]string{apply, scale}, `"kubectl" (scale)`, replicas},
		"server-side-hpa":           {[][]string{{"apply", "--server-side", "-f", "FILE"}, {"HPA"}}, `"kube-controller-manager" (scale)`, replicas},
		"server-side-name-and-hand": {[][]string{serverSide("argocd-controller"), {"apply", "--server-side", "--force-conflicts", "-f", "FILE"}}, `"argocd-controller"`, image},
	} {
		t.Run(name, func(t *testing.T) {
			o := s.applied(t, name, tt.steps)
			object := []map[string]any{s.object(t, strings.NewReplacer("web:1", "web:2", "replicas: 3", "replicas: 2", `, env: [{name: OLD, value: "1"}]`, "").Replace(fmt.Sprintf(owned, name, s.namespace)))}
			for _, how := range []kube.DryRun{kube.DryRunServer, kube.DryRunNone} {
				changes, err := s.cluster.Apply(t.Context(), object, kube.Write{DryRun: how})
				var conflict *kube.ConflictError
				switch {
				case tt.owner == "" && (err != nil || changes[0].Result != kube.Configured):
					t.Fatalf("dry run %d: %v, %v", how, changes, err)
				case tt.owner != "" && (!errors.As(err, &conflict) || len(conflict.Fields) != 1 || !strings.Contains(err.Error(), tt.field+" by "+tt.owner)):
					t.Fatalf("dry run %d: %v, expected that it names %s and %s", how, err, tt.owner, tt.field)
				}
			}
			now := s.get(t, s.ref("apps", "Deployment", name))
			if tt.owner != "" {
				if imageOf(now) != imageOf(o) {
					t.Errorf("the image was changed to %s", imageOf(now))
				}
				return
			}
			if imageOf(now) != "registry.example.com/web:2" || strings.Contains(fmt.Sprint(now["spec"]), "OLD") {
				t.Errorf("it is not the next version: %v", now["spec"])
			}
			if changes, err := s.cluster.Apply(t.Context(), object, kube.Write{}); err != nil || changes[0].Result != kube.Unchanged {
				t.Errorf("again: %v, %v", changes, err)
			}
		})
	}
}

// testReplicasStay applies a version that leaves out the number of pods, as one with an
// autoscaler does. Whoever set the number before, it stays: without it, the API server
// would scale the workload down to one pod.
func testReplicasStay(t *testing.T, s site) {
	for name, steps := range map[string][][]string{
		"apply": {{"apply", "-f", "FILE"}}, "server-side": {{"apply", "--server-side", "-f", "FILE"}}, "create": {{"create", "-f", "FILE"}},
		"hpa": {{"apply", "-f", "FILE"}, {"HPA"}}, "canarize": {{"CANARIZE"}}, "canarize-apply": {{"CANARIZE"}, {"apply", "-f", "FILE"}},
	} {
		t.Run(name, func(t *testing.T) {
			before, _, _ := unstructured.NestedInt64(s.applied(t, name, steps), "spec", "replicas")
			object := []map[string]any{s.object(t, strings.NewReplacer("web:1", "web:2", "replicas: 3,", "").Replace(fmt.Sprintf(owned, name, s.namespace)))}
			for _, how := range []kube.DryRun{kube.DryRunServer, kube.DryRunNone, kube.DryRunServer, kube.DryRunNone} {
				changes, err := s.cluster.Apply(t.Context(), object, kube.Write{DryRun: how})
				if err != nil {
					t.Fatal(err)
				}
				now := changes[0].After
				if n, _, _ := unstructured.NestedInt64(now, "spec", "replicas"); n != before || imageOf(now) != "registry.example.com/web:2" {
					t.Errorf("dry run %d: %d replicas of %s, before there were %d", how, n, imageOf(now), before)
				}
			}
		})
	}
}

// applied runs kubectl with each step, and returns the object in the end.
func (s site) applied(t *testing.T, name string, steps [][]string) map[string]any {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "object.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, owned, name, s.namespace), 0o600); err != nil {
		t.Fatal(err)
	}
	k := program{path: s.kubectl, dir: dir, args: []string{"--kubeconfig", s.kubeconfig, "--cache-dir", t.TempDir(), "-n", s.namespace}}
	for _, step := range steps {
		switch step[0] {
		case "HPA":
			s.autoscale(t, name, 5)
			continue
		case "CANARIZE":
			s.apply(t, fmt.Sprintf(owned, name, s.namespace))
			continue
		}
		args := slices.Clone(step)
		for i := range args {
			args[i] = strings.NewReplacer("FILE", file, "NAME", name).Replace(args[i])
		}
		k.run(t, nil, args...)
	}
	return s.get(t, s.ref("apps", "Deployment", name))
}

// autoscale sets the number of pods as an autoscaler does.
func (s site) autoscale(t *testing.T, name string, n int64) {
	t.Helper()
	resource := s.dynamic.Resource(deployments).Namespace(s.namespace)
	scale, err := resource.Get(t.Context(), name, metav1.GetOptions{}, "scale")
	if err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedField(scale.Object, n, "spec", "replicas"); err != nil {
		t.Fatal(err)
	}
	if _, err := resource.Update(t.Context(), scale, metav1.UpdateOptions{FieldManager: "kube-controller-manager"}, "scale"); err != nil {
		t.Fatal(err)
	}
}
