//go:build integration

package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/kube"
)

func version(o map[string]any) string {
	return (&unstructured.Unstructured{Object: o}).GetResourceVersion()
}

func testApply(t *testing.T, s site) {
	ref := s.ref("apps", "Deployment", "web")
	if got := s.apply(t, web).Result; got != kube.Created {
		t.Errorf("first: %s", got)
	}
	before := version(s.get(t, ref))
	if got := s.apply(t, web).Result; got != kube.Unchanged {
		t.Errorf("again: %s", got)
	}
	if now := version(s.get(t, ref)); now != before {
		t.Errorf("applying it again has written something: version %s, then %s", before, now)
	}
	if got := s.apply(t, strings.Replace(web, "web:1", "web:2", 1)).Result; got != kube.Configured {
		t.Errorf("another image: %s", got)
	}
	// A scale by canarize does not conflict with its own apply.
	if err := s.cluster.SetReplicas(t.Context(), ref, 3, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	if got := s.apply(t, web).Result; got != kube.Configured {
		t.Errorf("after a scale: %s", got)
	}
	n, _, err := unstructured.NestedInt64(s.get(t, ref), "spec", "replicas")
	if err != nil || n != 1 {
		t.Errorf("%d replicas, %v", n, err)
	}
}

func testConflict(t *testing.T, s site) {
	s.apply(t, web)
	if err := s.patch(t.Context(), deployments, "web", map[string]any{"spec": map[string]any{"replicas": 5}}); err != nil {
		t.Fatal(err)
	}
	object := []map[string]any{s.object(t, web)}
	_, err := s.cluster.Apply(t.Context(), object, kube.Write{})
	var conflict *kube.ConflictError
	if !errors.As(err, &conflict) || fmt.Sprint(conflict.Fields) != "map[somebody:[.spec.replicas]]" {
		t.Fatalf("%v, expected a conflict with somebody over .spec.replicas", err)
	}
	changes, err := s.cluster.Apply(t.Context(), object, kube.Write{Force: true})
	if err != nil || changes[0].Result != kube.Configured {
		t.Errorf("by force: %v, %v", changes, err)
	}
}

func testDryRun(t *testing.T, s site) {
	for _, how := range []kube.DryRun{kube.DryRunClient, kube.DryRunServer} {
		changes, err := s.cluster.Apply(t.Context(), []map[string]any{s.object(t, web)}, kube.Write{DryRun: how})
		if err != nil || changes[0].Result != kube.Created {
			t.Errorf("dry run %d: %v, %v", how, changes, err)
		}
	}
	ref := s.ref("apps", "Deployment", "web")
	if s.get(t, ref) != nil {
		t.Fatal("a dry run has created it")
	}
	s.apply(t, web)
	for _, how := range []kube.DryRun{kube.DryRunClient, kube.DryRunServer} {
		same, err := s.cluster.Apply(t.Context(), []map[string]any{s.object(t, web)}, kube.Write{DryRun: how})
		if err != nil || same[0].Result != kube.Unchanged {
			t.Errorf("dry run %d of the same: %v, %v", how, same, err)
		}
		changes, err := s.cluster.Apply(t.Context(), []map[string]any{s.object(t, strings.Replace(web, "web:1", "web:2", 1))}, kube.Write{DryRun: how})
		if err != nil {
			t.Fatal(err)
		}
		text, err := kube.Diff(changes)
		if err != nil {
			t.Fatal(err)
		}
		var changed []string
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "+ ") || strings.HasPrefix(line, "- ") {
				changed = append(changed, strings.TrimSpace(line[1:]))
			}
		}
		if got := strings.Join(changed, " | "); got != "- image: registry.example.com/web:1 | - image: registry.example.com/web:2" {
			t.Errorf("dry run %d: differs by %s", how, got)
		}
		if deleted, err := s.cluster.Delete(t.Context(), []kube.Ref{ref}, kube.Write{DryRun: how}); err != nil || deleted[0].Result != kube.Deleted {
			t.Errorf("dry run %d of a deletion: %v, %v", how, deleted, err)
		}
	}
	if s.get(t, ref) == nil {
		t.Error("a dry run has deleted it")
	}
	// Only the server can detect this mistake.
	wrong := []map[string]any{s.object(t, strings.Replace(web, "app: web}}\n  template", "app: other}}\n  template", 1))}
	if _, err := s.cluster.Apply(t.Context(), wrong, kube.Write{DryRun: kube.DryRunServer}); err == nil {
		t.Error("the server was not asked")
	}
}

func testDelete(t *testing.T, s site) {
	s.apply(t, web)
	refs := []kube.Ref{s.ref("", "ConfigMap", "nothing"), s.ref("apps", "Deployment", "web"), s.ref("example.com", "Thing", "unknown")}
	for _, want := range [][]kube.Result{{kube.Unchanged, kube.Deleted, kube.Unchanged}, {kube.Unchanged, kube.Unchanged, kube.Unchanged}} {
		changes, err := s.cluster.Delete(t.Context(), refs, kube.Write{})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range changes {
			if c.Result != want[i] {
				t.Errorf("%s: %s, expected %s", c.Ref, c.Result, want[i])
			}
		}
	}
	if s.get(t, refs[1]) != nil {
		t.Error("it is still there")
	}
}

func testNotServed(t *testing.T, s site) {
	thing := s.object(t, "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: x}")
	_, err := s.cluster.Apply(t.Context(), []map[string]any{thing}, kube.Write{})
	if !kube.IsNotFound(err) || !strings.Contains(err.Error(), "does not serve Thing of example.com/v1") {
		t.Error(err)
	}
	if o := s.get(t, kube.RefOf(thing)); o != nil {
		t.Error(o)
	}
	all, err := s.cluster.List(t.Context(), kube.RefOf(thing), "")
	if err != nil || all != nil {
		t.Error(all, err)
	}
}

func testWeight(t *testing.T, s site) {
	s.apply(t, mapping)
	ref := s.ref("getambassador.io", "Mapping", "web-canary")
	// An unknown field, and a label of somebody else.
	if err := s.patch(t.Context(), mappings, "web-canary", map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b"}}}); err != nil {
		t.Fatal(err)
	}
	before := s.get(t, ref)
	requests := s.cluster.Requests()
	if err := s.cluster.SetNumber(t.Context(), ref, "weight", 10, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	if n := s.cluster.Requests() - requests; n != 1 {
		t.Errorf("%d requests for one weight", n)
	}
	changes := []kube.Change{{Ref: ref, Before: before, After: s.get(t, ref)}}
	text, err := kube.Diff(changes)
	if err != nil || strings.Count(string(text), "\n-  ") != 1 || !strings.Contains(string(text), "\n+  weight: 10\n") {
		t.Errorf("%v; expected only the weight to differ:\n%s", err, text)
	}
	if err := s.cluster.SetNumber(t.Context(), s.ref("getambassador.io", "Mapping", "nothing"), "weight", 0, kube.Write{}); !kube.IsNotFound(err) {
		t.Error(err)
	}
	if err := s.cluster.SetNumber(t.Context(), ref, "weight", 50, kube.Write{DryRun: kube.DryRunServer}); err != nil {
		t.Error(err)
	}
	if n, _, err := unstructured.NestedInt64(s.get(t, ref), "spec", "weight"); err != nil || n != 10 {
		t.Errorf("after a dry run the weight is %d, %v", n, err)
	}
}

// testDeleteOnly checks that objects without the labels stay, even if somebody removes the
// label between the read and the deletion.
func testDeleteOnly(t *testing.T, s site) {
	text := "{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, labels: {canarize.dev/release: %s}}}"
	for _, name := range []string{"ours", "taken", "theirs"} {
		release := "web"
		if name == "theirs" {
			release = "shop"
		}
		s.apply(t, fmt.Sprintf(text, name, release))
	}
	following := s.cluster.Following(t.Context())
	var refs []kube.Ref
	for _, name := range []string{"ours", "taken", "theirs"} {
		refs = append(refs, s.ref("", "ConfigMap", name))
		if _, err := following.Fresh(t.Context(), refs[len(refs)-1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.patch(t.Context(), configMaps, "taken", map[string]any{"metadata": map[string]any{"labels": map[string]any{"canarize.dev/release": nil}}}); err != nil {
		t.Fatal(err)
	}
	changes, err := following.Delete(t.Context(), refs, kube.Write{Only: map[string]string{"canarize.dev/release": "web"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []kube.Result{kube.Deleted, kube.Skipped, kube.Skipped} {
		if changes[i].Result != want || (changes[i].Reason == "") != (want == kube.Deleted) || (s.get(t, refs[i]) == nil) != (want == kube.Deleted) {
			t.Errorf("%s: %s, %q", refs[i], changes[i].Result, changes[i].Reason)
		}
	}
}

// testAnnotate checks that two processes that annotate the same version of an object do not
// overwrite each other.
func testAnnotate(t *testing.T, s site) {
	s.apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: web}}")
	ref := s.ref("", "ConfigMap", "web")
	version := s.get(t, ref)["metadata"].(map[string]any)["resourceVersion"].(string)
	if err := s.cluster.Annotate(t.Context(), ref, map[string]string{"approve": "A"}, version, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	if err := s.cluster.Annotate(t.Context(), ref, map[string]string{"approve": "B"}, version, kube.Write{}); !errors.Is(err, kube.ErrChanged) {
		t.Error("over what was not read:", err)
	}
	version = s.get(t, ref)["metadata"].(map[string]any)["resourceVersion"].(string)
	if err := s.cluster.Annotate(t.Context(), ref, map[string]string{"approve": "A, B"}, version, kube.Write{}); err != nil {
		t.Error(err)
	}
}
