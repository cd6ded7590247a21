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
func buildKustomization(dir string) ([]manifest.Source, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, fmt.Errorf("%s: kustomization: %s", dir, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("%s: kustomization: %w", dir, err)
	}
	return []manifest.Source{{Name: dir + " (built)", Data: text}}, nil
}
