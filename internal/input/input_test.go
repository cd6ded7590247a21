package input

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/manifest"
)

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n"
}

// tree writes files into a new folder and changes to it.
func tree(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func symlink(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

// names returns the position and name of each object, in order.
func names(objects []*manifest.Object) []string {
	all := make([]string, len(objects))
	for i, o := range objects {
		all[i] = o.Pos.String() + " " + o.Name()
	}
	return all
}

func TestObjects(t *testing.T) {
	tree(t, map[string]string{
		"one.yml":                 configMap("one"),
		"dir/b.yml":               configMap("b"),
		"dir/a.yaml":              configMap("a1") + "---\n" + configMap("a2"),
		"dir/c.json":              `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}`,
		"dir/README.md":           "not: [a manifest",
		"dir/d.YML":               "not: [a manifest",
		"dir/sub/e.yml":           configMap("e"),
		"dir/sub.yml/f.yml":       configMap("f"),
		"dir/.hidden/g.yml":       "not: [a manifest",
		"kust/configmap.yml":      configMap("k"),
		"kust/kustomization.yaml": "namePrefix: pre-\nresources: [configmap.yml]\n",
	})
	symlink(t, "dir", "link")
	symlink(t, "../one.yml", "dir/z.yml")
	for _, c := range []struct {
		args      []string
		recursive bool
		want      []string
	}{
		{args: []string{"one.yml"}, want: []string{"one.yml:1 one"}},
		{args: []string{"./one.yml"}, want: []string{"./one.yml:1 one"}},
		{args: []string{"-", "one.yml"}, want: []string{"-:1 stdin", "one.yml:1 one"}},
		{args: []string{"one.yml", "-"}, want: []string{"one.yml:1 one", "-:1 stdin"}},
		{args: []string{"dir"}, want: []string{"dir/a.yaml:1 a1", "dir/a.yaml:6 a2", "dir/b.yml:1 b", "dir/c.json:1 c", "dir/z.yml:1 one"}},
		{args: []string{"dir/"}, want: []string{"dir/a.yaml:1 a1", "dir/a.yaml:6 a2", "dir/b.yml:1 b", "dir/c.json:1 c", "dir/z.yml:1 one"}},
		{args: []string{"link"}, want: []string{"link/a.yaml:1 a1", "link/a.yaml:6 a2", "link/b.yml:1 b", "link/c.json:1 c", "link/z.yml:1 one"}},
		{args: []string{"dir"}, recursive: true, want: []string{
			"dir/a.yaml:1 a1", "dir/a.yaml:6 a2", "dir/b.yml:1 b", "dir/c.json:1 c", "dir/sub/e.yml:1 e", "dir/sub.yml/f.yml:1 f", "dir/z.yml:1 one"}},
		{args: []string{"kust"}, want: []string{"kust (built):1 pre-k"}},
		{args: []string{"kust/configmap.yml"}, want: []string{"kust/configmap.yml:1 k"}},
	} {
		objects, err := Objects(t.Context(), c.args, Options{Recursive: c.recursive, Stdin: strings.NewReader(configMap("stdin"))})
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
		} else if have := names(objects); !slices.Equal(have, c.want) {
			t.Errorf("%q: %q instead of %q", c.args, have, c.want)
		}
	}
}

func TestObjectsRefuses(t *testing.T) {
	tree(t, map[string]string{
		"empty.yml": "# nothing\n", "none/README.md": "", "bad.yml": "a: b\n", "one.yml": configMap("one"),
		"kust/kustomization.yml": "resources: [missing.yml]\n", "other/Kustomization": "resources: [../one.yml]\n",
	})
	symlink(t, "lost.yml", "link.yml")
	for _, c := range []struct {
		args []string
		want string // the beginning of the error
	}{
		{nil, "no input; pass a FILE"},
		{[]string{""}, "an argument is empty; "},
		{[]string{"no.yml"}, "no.yml: no such file or directory; "},
		{[]string{"one.yml", "no.yml"}, "no.yml: no such file or directory; "},
		{[]string{"link.yml"}, "link.yml: no such file or directory; "},
		{[]string{"one.yml/x"}, "one.yml/x: not a directory"},
		{[]string{"empty.yml"}, "empty.yml: contains no Kubernetes object; "},
		{[]string{"empty.yml", "empty.yml", "empty.yml"}, "empty.yml and 2 more: contains no Kubernetes object; "},
		{[]string{"none"}, "none: no *.yml, *.yaml or *.json in this folder; use -R "},
		{[]string{"bad.yml"}, "bad.yml:1: no apiVersion; "},
		{[]string{"-", "-"}, "standard input (-) is given twice; "},
		{[]string{"kust/kustomization.yml"}, "kust/kustomization.yml: this file defines a kustomization; pass its folder, kust"},
		{[]string{"other/Kustomization"}, "other/Kustomization: this file defines a kustomization; pass its folder, other"},
		{[]string{"kust"}, "kust/kustomization.yml: \"missing.yml\" is not a local file or folder, and canarize downloads nothing; "},
		{[]string{"other"}, "other: kustomization: "},
	} {
		_, err := Objects(t.Context(), c.args, Options{Stdin: strings.NewReader("")})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: the error is %v, not %s…", c.args, err, c.want)
		}
	}
}

// TestTotal: the limit for all files together applies while they are read.
func TestTotal(t *testing.T) {
	tree(t, nil)
	large := []byte("# " + strings.Repeat("x", manifest.MaxFileBytes-10))
	read := 0
	var args []string
	for _, name := range []string{"a.yml", "b.yml", "c.yml", "d.yml", "e.yml", "f.yml"} {
		if err := os.WriteFile(name, large, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	r := reader{Options: Options{}, left: manifest.MaxTotalBytes}
	err := r.files(t.Context(), args, readFile)
	for _, s := range r.sources {
		read += len(s.Data)
	}
	if err == nil || !strings.HasPrefix(err.Error(), "e.yml: the input is larger than 64 MiB") {
		t.Errorf("the error is %v", err)
	}
	if read > manifest.MaxTotalBytes {
		t.Errorf("%d bytes are kept", read)
	}
}

// TestCancelled: an interruption ends a blocked read.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("the user is tired")
	started := make(chan struct{})
	go func() {
		<-started
		cancel(reason)
	}()
	r, w := io.Pipe()
	defer w.Close()
	_, err := Objects(ctx, []string{"-"}, Options{Stdin: announcing{r, started}})
	if !errors.Is(err, reason) || err.Error() != "standard input: the user is tired" {
		t.Errorf("the error is %v", err)
	}
}

// announcing closes a channel at the first Read.
type announcing struct {
	io.Reader
	started chan struct{}
}

func (a announcing) Read(p []byte) (int, error) {
	close(a.started)
	return a.Reader.Read(p)
}

// TestKustomizationLimits: kustomize never gets a file that would cost it too much
// memory.
func TestKustomizationLimits(t *testing.T) {
	laughs := configMap("x") + "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n"
	for i := range 9 {
		alias := "*a" + string(rune('0'+i))
		laughs += "a" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + strings.Repeat(alias+",", 8) + alias + "]\n"
	}
	for name, c := range map[string]struct{ text, want string }{
		"aliases":   {laughs, "aliases such as *a4 copy more than "},
		"nesting":   {configMap("x") + "a: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "nested deeper than 200 levels"},
		"values":    {configMap("x") + "a: [" + strings.Repeat("1,", maxKustomizedValues) + "]\n", "more than 500000 values in all"},
		"size":      {configMap("x") + "# " + strings.Repeat("x", manifest.MaxFileBytes), "larger than 16 MiB"},
		"recursion": {configMap("x") + "a: &a {b: *a}\n", "alias *a is inside the value of its own anchor"},
	} {
		t.Run(name, func(t *testing.T) {
			tree(t, map[string]string{"kustomization.yaml": "resources: [x.yml]\n", "x.yml": c.text})
			_, err := Objects(t.Context(), []string{"."}, Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "x.yml:") {
				t.Errorf("the error is %v, not …%s…", err, c.want)
			}
		})
	}
}
