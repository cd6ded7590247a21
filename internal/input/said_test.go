package input

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestKustomizeSays: what kustomize prints by itself arrives as notes, each once and with
// the file that it is about.
func TestKustomizeSays(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: web}]}\n"
	deprecated := func(file, old, new string) string {
		return fmt.Sprintf("%s: kustomize: '%s' is deprecated. Please use '%s' instead. Run 'kustomize edit fix' to update your Kustomization automatically.", file, old, new)
	}
	for name, c := range map[string]struct {
		files map[string]string
		args  []string
		want  []string
		fails string
	}{
		"nothing": {
			files: map[string]string{"app/kustomization.yaml": "resources: [pod.yml]\nnamePrefix: a-\n", "app/pod.yml": pod},
			args:  []string{"app"},
		},
		"no kustomization": {files: map[string]string{"app/pod.yml": pod}, args: []string{"app"}},
		"deprecated": {
			files: map[string]string{"app/kustomization.yaml": "resources: [pod.yml]\ncommonLabels: {app: web}\n", "app/pod.yml": pod},
			args:  []string{"app"},
			want:  []string{deprecated("app/kustomization.yaml", "commonLabels", "labels")},
		},
		"a base of two overlays": {
			files: map[string]string{
				"all/kustomization.yml":    "resources: [../blue, ../green]\n",
				"blue/kustomization.yml":   "bases: [../base]\nnamePrefix: blue-\n",
				"green/Kustomization":      "bases: [../base]\nnamePrefix: green-\n",
				"base/kustomization.yaml":  "resources: [pod.yml]\npatchesStrategicMerge: [patch.yml]\n",
				"base/pod.yml":             pod,
				"base/patch.yml":           "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {a: b}}\n",
				"other/kustomization.yaml": "resources: [pod.yml]\nimageTags: [{name: web, newTag: '2'}]\n",
				"other/pod.yml":            pod,
			},
			args: []string{"all", "other"},
			want: []string{
				deprecated("base/kustomization.yaml", "patchesStrategicMerge", "patches"),
				deprecated("blue/kustomization.yml", "bases", "resources"),
				deprecated("green/Kustomization", "bases", "resources"),
				deprecated("other/kustomization.yaml", "imageTags", "images"),
			},
		},
		"the log": {
			files: map[string]string{
				"app/kustomization.yaml": "resources: [pod.yml]\nvars: [{name: NAME, objref: {apiVersion: v1, kind: Pod, name: web}}]\n", "app/pod.yml": pod,
			},
			args: []string{"app"},
			want: []string{
				"app/kustomization.yaml: kustomize: 'vars' is deprecated. Please use 'replacements' instead. [EXPERIMENTAL] Run 'kustomize edit fix' to update your Kustomization automatically.",
				"app: kustomize: well-defined vars that were never replaced: NAME",
			},
		},
		"a failing build": {
			files: map[string]string{"app/kustomization.yaml": "resources: [pod.yml]\ncommonLabels: {app: web}\nnamespace: a\npatches: [{path: patch.yml}]\n", "app/pod.yml": pod, "app/patch.yml": "nothing"},
			args:  []string{"app"},
			fails: "app: kustomization: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree(t, c.files)
			stderr, output := os.Stderr, log.Writer()
			var have []string
			_, err := Objects(t.Context(), c.args, Options{Note: func(line string) { have = append(have, line) }})
			if (err != nil) != (c.fails != "") || err != nil && !strings.HasPrefix(err.Error(), c.fails) {
				t.Errorf("the error is %v", err)
			}
			slices.Sort(c.want)
			slices.Sort(have)
			if !slices.Equal(have, c.want) {
				t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(c.want, "\n"))
			}
			if os.Stderr != stderr || log.Writer() != output {
				t.Error("stderr or the log stays redirected")
			}
		})
	}
}

// TestListen: text of any form is divided into lines, and everything is as before.
func TestListen(t *testing.T) {
	var before bytes.Buffer
	log.SetOutput(&before)
	defer log.SetOutput(os.Stderr)
	var logged, have []string
	err := listen(func() {
		fmt.Fprint(os.Stderr, "a", "b\n\nc\r\n", strings.Repeat("x", 1<<20)+"\n", "end")
		log.Print("logged\ntwice")
	}, func(line string) { have = append(have, line) }, func(line string) { logged = append(logged, line) })
	if want := []string{"ab", "c", strings.Repeat("x", 1<<20), "end"}; err != nil || !slices.Equal(have, want) {
		t.Errorf("%d lines, error %v", len(have), err)
	}
	if !slices.Equal(logged, []string{"logged", "twice"}) {
		t.Errorf("logged: %q", logged)
	}
	log.SetFlags(log.LstdFlags)
	log.Print("later")
	if !strings.HasSuffix(before.String(), " later\n") {
		t.Errorf("%q", before.String())
	}
}
