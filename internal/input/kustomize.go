package input

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/canarize/canarize/internal/manifest"
)

// buildKustomization builds a folder as "kubectl kustomize" does, with its
// defaults (no plugins, no files from outside the folder of a kustomization), and
// fetches nothing: what it prints is to depend on its input alone.
func buildKustomization(dir string) ([]byte, error) {
	disk := &limitedDisk{FileSystem: filesys.MakeFsOnDisk(), dir: dir, left: manifest.MaxTotalBytes, guard: manifest.NewGuard(maxKustomizedValues)}
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
	dir     string // as the user wrote it
	left    int
	guard   *manifest.Guard
	refused error // why a file was not read; kustomize's own error hides it
}

func (d *limitedDisk) ReadFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		_, err := readFound(path)
		d.refused = named(d.asNamed(path), err) // kustomize asks for other names then
		return nil, d.refused
	}
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if err := d.check(d.asNamed(path), data); err != nil {
		d.refused = err
		return nil, err
	}
	return data, nil
}

// asNamed turns the absolute path that kustomize reads into one that begins as the
// user named the folder.
func (d *limitedDisk) asNamed(path string) string {
	root, _, err := d.CleanedAbs(d.dir)
	if err != nil {
		return path
	}
	below, err := filepath.Rel(root.String(), path)
	if err != nil {
		return path
	}
	return filepath.Join(d.dir, below)
}

func (d *limitedDisk) check(path string, data []byte) error {
	if d.left -= len(data); d.left < 0 {
		return manifest.TooLarge(path)
	}
	if !isManifest(path) && !isKustomization(filepath.Base(path)) {
		return nil
	}
	if err := d.guard.Check(manifest.Source{Name: path, Data: data}); err != nil {
		return err
	}
	if isKustomization(filepath.Base(path)) {
		return d.checkLocal(path, data)
	}
	return nil
}

// checkLocal refuses a kustomization that names what is not on this disk, because
// kustomize would try to clone it with git or to download it.
func (d *limitedDisk) checkLocal(path string, data []byte) error {
	var k types.Kustomization
	if k.Unmarshal(data) != nil {
		return nil // kustomize says what is wrong with it
	}
	for _, named := range sources(&k) {
		inline := strings.Contains(named, "\n") || strings.HasPrefix(named, "{")
		if inline || !strings.Contains(named, "://") && d.Exists(filepath.Join(filepath.Dir(path), named)) {
			continue
		}
		return fmt.Errorf("%s: %q is not a file or folder here, and nothing is fetched; correct it, or pipe what \"kubectl kustomize\" prints into canarize with - for its input", path, named)
	}
	return nil
}

// sources are the files and folders that a kustomization names; what stands there
// in place of a name, such as a patch, is among them.
func sources(k *types.Kustomization) []string {
	//lint:ignore SA1019 kustomize still builds files with the old fields
	all := slices.Concat(k.Resources, k.Components, k.Bases, k.Crds, k.Configurations, k.Generators, k.Transformers, k.Validators)
	//lint:ignore SA1019 as above
	for _, patch := range slices.Concat(k.Patches, k.PatchesJson6902) {
		all = append(all, patch.Path)
	}
	//lint:ignore SA1019 as above
	for _, patch := range k.PatchesStrategicMerge {
		all = append(all, string(patch))
	}
	for _, replacement := range k.Replacements {
		all = append(all, replacement.Path)
	}
	all = append(all, k.OpenAPI["path"])
	for _, g := range k.ConfigMapGenerator {
		all = append(all, pairs(g.KvPairSources)...)
	}
	for _, g := range k.SecretGenerator {
		all = append(all, pairs(g.KvPairSources)...)
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// pairs are the files of a generator, each FILE or KEY=FILE.
func pairs(from types.KvPairSources) []string {
	all := append(slices.Clone(from.EnvSources), from.EnvSource)
	for _, file := range from.FileSources {
		if _, name, found := strings.Cut(file, "="); found {
			file = name
		}
		all = append(all, file)
	}
	return all
}
