package input

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/canarize/canarize/internal/manifest"
)

// buildKustomization builds a folder as "kubectl kustomize" does, with its
// defaults: no plugins, no files from outside the folder of a kustomization.
func buildKustomization(dir string) ([]byte, error) {
	disk := &limitedDisk{FileSystem: filesys.MakeFsOnDisk(), left: manifest.MaxTotalBytes}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, dir)
	if err != nil {
		return nil, fmt.Errorf("%s: kustomization: %s; see what \"kubectl kustomize %s\" says", dir, strings.Join(strings.Fields(err.Error()), " "), dir)
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("%s: kustomization: %w", dir, err)
	}
	return text, nil
}

// limitedDisk has the limits of other input: kustomize itself has none.
type limitedDisk struct {
	filesys.FileSystem
	left int
}

func (d *limitedDisk) ReadFile(path string) ([]byte, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) > manifest.MaxFileBytes {
		return nil, fmt.Errorf("%s: larger than %d MiB, the most that is read from one file; split it", path, manifest.MaxFileBytes>>20)
	}
	if d.left -= len(data); d.left < 0 {
		return nil, manifest.TooLarge(path)
	}
	return data, nil
}
