// Package image builds container images of programs, without Docker or a registry. An image
// has one layer with the programs and the other files that they read. It is an OCI image
// layout in a tar archive (github.com/opencontainers/image-spec, image-layout.md), which
// containerd imports. The same input gives the same bytes.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
)

// Image describes an image.
type Image struct {
	Name  string            // with its tag
	Files map[string]string // absolute path inside → file on this machine
	Run   []string          // the command
	Env   []string          // KEY=VALUE
}

// Of returns the image of a program that needs no other file.
func Of(name, program string) Image {
	inside := "/" + path.Base(program)
	return Image{Name: name, Files: map[string]string{inside: program}, Run: []string{inside}}
}

// user runs the programs of all images. It is a number, so that runAsNonRoot can be checked.
const user = "65532:65532"

// object is a JSON object.
type object = map[string]any

// descriptor refers to a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

const (
	mediaTypes   = "application/vnd.oci.image."
	layerType    = mediaTypes + "layer.v1.tar"
	configType   = mediaTypes + "config.v1+json"
	manifestType = mediaTypes + "manifest.v1+json"
	indexType    = mediaTypes + "index.v1+json"
)

// Write writes the archive.
func (i Image) Write(to io.Writer) error {
	layer, err := i.measure()
	if err != nil {
		return fmt.Errorf("image %s: %w", i.Name, err)
	}
	config, err := json.Marshal(object{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       object{"User": user, "Env": i.Env, "Entrypoint": i.Run},
		"rootfs":       object{"type": "layers", "diff_ids": []string{layer.Digest}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(object{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": describe(configType, config), "layers": []descriptor{layer},
	})
	if err != nil {
		return err
	}
	entry := describe(manifestType, manifest)
	// The first is the name of the image in containerd, the second its name in the layout.
	entry.Annotations = map[string]string{
		"io.containerd.image.name": i.Name, "org.opencontainers.image.ref.name": i.Name,
	}
	index, err := json.Marshal(object{"schemaVersion": 2, "mediaType": indexType, "manifests": []descriptor{entry}})
	if err != nil {
		return err
	}
	archive := tar.NewWriter(to)
	for _, blob := range [][]byte{config, manifest} {
		if err := add(archive, describe("", blob).path(), blob); err != nil {
			return err
		}
	}
	if err := archive.WriteHeader(header(layer.path(), layer.Size)); err != nil {
		return err
	}
	if err := i.writeLayer(archive); err != nil {
		return fmt.Errorf("image %s: %w", i.Name, err)
	}
	if err := add(archive, "index.json", index); err != nil {
		return err
	}
	if err := add(archive, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	return archive.Close()
}

func describe(mediaType string, blob []byte) descriptor {
	return descriptor{MediaType: mediaType, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(blob)), Size: int64(len(blob))}
}

func (d descriptor) path() string { return "blobs/" + strings.ReplaceAll(d.Digest, ":", "/") }

// measure returns the descriptor of the layer. The layer is written twice instead of kept in
// memory.
func (i Image) measure() (descriptor, error) {
	m := meter{hash: sha256.New()}
	err := i.writeLayer(&m)
	return descriptor{MediaType: layerType, Digest: fmt.Sprintf("sha256:%x", m.hash.Sum(nil)), Size: m.size}, err
}

type meter struct {
	hash hash.Hash
	size int64
}

func (m *meter) Write(b []byte) (int, error) {
	m.size += int64(len(b))
	return m.hash.Write(b)
}

// writeLayer writes the layer: the files and the folders around them.
func (i Image) writeLayer(to io.Writer) error {
	layer := tar.NewWriter(to)
	made := map[string]bool{"/": true}
	for _, name := range slices.Sorted(maps.Keys(i.Files)) {
		if err := addFolders(layer, path.Dir(name), made); err != nil {
			return err
		}
		if err := copyFile(layer, name, i.Files[name]); err != nil {
			return err
		}
	}
	return layer.Close()
}

func addFolders(layer *tar.Writer, name string, made map[string]bool) error {
	if made[name] {
		return nil
	}
	if err := addFolders(layer, path.Dir(name), made); err != nil {
		return err
	}
	made[name] = true
	return layer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: inside(name) + "/", Mode: 0o755})
}

func copyFile(layer *tar.Writer, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := layer.WriteHeader(header(inside(name), info.Size())); err != nil {
		return err
	}
	_, err = io.Copy(layer, f)
	return err
}

func add(archive *tar.Writer, name string, content []byte) error {
	if err := archive.WriteHeader(header(name, int64(len(content)))); err != nil {
		return err
	}
	_, err := io.Copy(archive, bytes.NewReader(content))
	return err
}

func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o755}
}

// inside returns a path in the form of a layer.
func inside(name string) string { return strings.TrimPrefix(name, "/") }
