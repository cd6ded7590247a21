package input

import (
	"fmt"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/canarize/canarize/internal/manifest"
)

// buildKustomization builds a folder as "kubectl kustomize" does, with its
// defaults: no plugins, no files from outside the folder of a kustomization.
func buildKustomization(dir string) ([]byte, error) {
	disk := &limitedDisk{FileSystem: filesys.MakeFsOnDisk(), left: manifest.MaxTotalBytes, guard: manifest.NewGuard(maxKustomizedValues)}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, dir)
	switch {
	case disk.refused != nil:
		return nil, disk.refused
	case err != nil:
		return nil, fmt.Errorf("%s: kustomization: %s; see what \"kubectl kustomize %s\" says", dir, strings.Join(strings.Fields(err.Error()), " "), dir)
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("%s: kustomization: %w", dir, err)
	}
	return text, nil
}

// maxKustomizedValues are the most values that the files of a kustomization may
// have: kustomize needs about four times as much memory for one as canarize.
const maxKustomizedValues = 500_000

// limitedDisk has the limits of other input: kustomize itself has none.
type limitedDisk struct {
	filesys.FileSystem
	left    int
	guard   *manifest.Guard
	refused error // why a file was not read; kustomize's own error hides it
}

func (d *limitedDisk) ReadFile(path string) ([]byte, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if err := d.check(path, data); err != nil {
		d.refused = err
		return nil, err
	}
	return data, nil
}

func (d *limitedDisk) check(path string, data []byte) error {
	if d.left -= len(data); d.left < 0 {
		return manifest.TooLarge(path)
	}
	if isManifest(path) || isKustomization(filepath.Base(path)) {
		return d.guard.Check(manifest.Source{Name: path, Data: data})
	}
	return nil
}
