package kube

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type values = map[string]any

func TestSame(t *testing.T) {
	a := values{"metadata": values{"name": "x", "resourceVersion": "1", "managedFields": []any{}}, "spec": values{"n": int64(1)}, "status": values{"ok": true}}
	b := values{"metadata": values{"name": "x", "resourceVersion": "2", "generation": int64(2)}, "spec": values{"n": int64(1)}}
	if !same(a, b) {
		t.Error("only history and status differ")
	}
	b["spec"] = values{"n": int64(2)}
	if same(a, b) {
		t.Error("spec differs")
	}
	if _, kept := a["status"]; !kept {
		t.Error("the original was changed")
	}
}

func TestMerged(t *testing.T) {
	before := values{"spec": values{"replicas": int64(2), "containers": []any{
		values{"name": "web", "image": "a:1", "pullPolicy": "Always"}, values{"name": "side"},
	}, "args": []any{"x", "y"}}}
	object := values{"spec": values{"containers": []any{values{"name": "web", "image": "a:2"}}, "args": []any{"z"}}}
	want := values{"spec": values{"replicas": int64(2), "containers": []any{values{"name": "web", "image": "a:2", "pullPolicy": "Always"}}, "args": []any{"z"}}}
	if diff := cmp.Diff(want, merged(before, object)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(object, merged(nil, object)); diff != "" {
		t.Errorf("new (-want +got):\n%s", diff)
	}
}

// TestMergedLaws: merging an object into itself changes nothing, and merging twice is
// the same as merging once.
func TestMergedLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := object(t, 3), object(t, 3)
		if diff := cmp.Diff(a, merged(a, a)); diff != "" {
			t.Fatal(diff)
		}
		once := merged(a, b)
		if diff := cmp.Diff(once, merged(once, b)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func object(t *rapid.T, depth int) values {
	o := values{}
	for _, key := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.ID).Draw(t, "keys") {
		if depth > 0 && rapid.Bool().Draw(t, "nested") {
			o[key] = object(t, depth-1)
		} else {
			o[key] = rapid.Int64Range(0, 2).Draw(t, "value")
		}
	}
	return o
}

func TestDiff(t *testing.T) {
	secret := func(data values) values {
		return values{"apiVersion": "v1", "kind": "Secret", "metadata": values{
			"name": "s", "annotations": values{"kubectl.kubernetes.io/last-applied-configuration": "hunter2"},
		}, "data": data}
	}
	ref := Ref{Kind: "Secret", Namespace: "shop", Name: "s"}
	got, err := Diff([]Change{
		{Ref: ref, Result: Configured, Before: secret(values{"same": "hunter2", "other": "hunter2", "old": "hunter2"}), After: secret(values{"same": "hunter2", "other": "hunter3", "new": "hunter4"})},
		{Ref: Ref{Kind: "Thing", Name: "t"}, Result: Created, After: values{"kind": "Thing"}},
		{Ref: Ref{Kind: "Thing", Name: "u"}, Result: Deleted, Before: values{"kind": "Thing"}},
		{Ref: Ref{Kind: "Thing", Name: "v"}, Result: Unchanged, Before: values{"kind": "Thing", "status": values{"n": int64(1)}}, After: values{"kind": "Thing"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `--- Secret shop/s
+++ Secret shop/s
@@ -1,7 +1,7 @@
 apiVersion: v1
 data:
-  old: (masked, old)
-  other: (masked, old)
+  new: (masked, new)
+  other: (masked, new)
   same: (masked)
 kind: Secret
 metadata:
--- /dev/null
+++ Thing t
@@ -0,0 +1,1 @@
+kind: Thing
--- Thing u
+++ /dev/null
@@ -1,1 +0,0 @@
-kind: Thing
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDiffMasks: a diff never shows a value of a Secret.
func TestDiffMasks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		contents := rapid.MapOf(rapid.StringMatching(`[a-c]`), rapid.StringMatching(`secret[0-9]`))
		data := func(m map[string]string) values {
			o := values{}
			for key, value := range m {
				o[key] = value
			}
			return o
		}
		field := rapid.SampledFrom([]string{"data", "stringData"}).Draw(t, "field")
		side := func(name string) values {
			return values{"apiVersion": "v1", "kind": "Secret", field: data(contents.Draw(t, name))}
		}
		change := Change{Ref: Ref{Kind: "Secret"}, Before: side("before"), After: side("after")}
		switch rapid.IntRange(0, 2).Draw(t, "missing") {
		case 1:
			change.Before = nil
		case 2:
			change.After = nil
		}
		text, err := Diff([]Change{change})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "secret") {
			t.Fatalf("a value is shown:\n%s", text)
		}
	})
}

func TestRecordOf(t *testing.T) {
	r := Record{Version: "3", Labels: map[string]string{"a": "b"}, Data: map[string]string{"k": "v"}, Binary: map[string][]byte{"z": {0, 1}}}
	got, err := RecordOf(r.configMap(configMap("shop", "web")).Object)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := RecordOf(values{"binaryData": values{"z": "?"}}); err == nil {
		t.Error("no error for invalid base64")
	}
}
