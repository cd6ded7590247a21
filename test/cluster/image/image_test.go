package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// unpacked returns the contents of an archive by path; those of folders are empty.
func unpacked(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = string(content)
	}
}

func written(t *testing.T, i Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := i.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "web")
	if err := os.WriteFile(path, []byte("a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAnArchiveIsAnImage follows the references from the index down to the files,
// and checks every digest and size on the way.
func TestAnArchiveIsAnImage(t *testing.T) {
	i := Of("example.com/web:1", program(t))
	i.Env = []string{"VERSION=1"}
	i.Files["/etc/web/settings"] = i.Files["/web"]
	files := unpacked(t, written(t, i))
	follow := func(d descriptor) string {
		blob := files[d.path()]
		if got := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(blob))); got != d.Digest || int64(len(blob)) != d.Size {
			t.Errorf("%s has %d bytes and digest %s, expected %d and %s", d.path(), len(blob), got, d.Size, d.Digest)
		}
		return blob
	}
	var index struct{ Manifests []descriptor }
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	var config struct {
		Config struct {
			User       string
			Env        []string
			Entrypoint []string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal([]byte(files["index.json"]), &index); err != nil || len(index.Manifests) != 1 {
		t.Fatalf("index %+v, %v", index, err)
	}
	if got := index.Manifests[0].Annotations["io.containerd.image.name"]; got != i.Name {
		t.Errorf("the image is called %q, expected %q", got, i.Name)
	}
	if err := json.Unmarshal([]byte(follow(index.Manifests[0])), &manifest); err != nil || len(manifest.Layers) != 1 {
		t.Fatalf("manifest %+v, %v", manifest, err)
	}
	if err := json.Unmarshal([]byte(follow(manifest.Config)), &config); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(config.RootFS.DiffIDs, []string{manifest.Layers[0].Digest}) {
		t.Errorf("the configuration names layers %v, the manifest %v", config.RootFS.DiffIDs, manifest.Layers)
	}
	if c := config.Config; c.User != user || !reflect.DeepEqual(c.Env, i.Env) || !reflect.DeepEqual(c.Entrypoint, []string{"/web"}) {
		t.Errorf("configuration %+v", c)
	}
	want := map[string]string{"etc/": "", "etc/web/": "", "etc/web/settings": "a program", "web": "a program"}
	if got := unpacked(t, []byte(follow(manifest.Layers[0]))); !reflect.DeepEqual(got, want) {
		t.Errorf("the layer has %v, expected %v", got, want)
	}
}

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	i := Of("example.com/web:1", program(t))
	for _, name := range []string{"/a", "/b/c", "/b/d", "/e"} {
		i.Files[name] = i.Files["/web"]
	}
	if !bytes.Equal(written(t, i), written(t, i)) {
		t.Error("two archives of an image differ")
	}
}

func TestAMissingFileIsNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "nothing")
	err := Of("example.com/web:1", missing).Write(io.Discard)
	if err == nil || !strings.Contains(err.Error(), missing) || !strings.Contains(err.Error(), "example.com/web:1") {
		t.Errorf("error %v, expected one that names the image and %s", err, missing)
	}
}
