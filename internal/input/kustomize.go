package input

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/canarize/canarize/internal/manifest"
)

// buildKustomization builds a folder as "kubectl kustomize" does with its defaults: no
// plugins, and no files from outside the folder of a kustomization. It downloads nothing,
// so that the result depends only on the input.
func buildKustomization(dir string, said *said) ([]byte, error) {
	disk := &limitedDisk{FileSystem: filesys.MakeFsOnDisk(), dir: dir, left: manifest.MaxTotalBytes, guard: manifest.NewGuard(maxKustomizedValues), said: said}
	var built resmap.ResMap
	var err error
	failed := listen(func() {
		built, err = krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, dir)
	}, func(line string) { said.ofBuild(dir, line) }, func(line string) { said.logged(dir, line) })
	switch {
	case failed != nil:
		return nil, fmt.Errorf("%s: kustomization: %w", dir, failed)
	case disk.refused != nil:
		return nil, disk.refused
	case err != nil:
		return nil, fmt.Errorf("%s: kustomization: %s; run \"kubectl kustomize %s\" to see the error there", dir, strings.Join(strings.Fields(err.Error()), " "), dir)
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("%s: kustomization: %w", dir, err)
	}
	return text, nil
}

// maxKustomizedValues limits the number of values in all files of a kustomization.
// Kustomize needs about four times as much memory for a value as canarize.
const maxKustomizedValues = 500_000

// limitedDisk applies the limits of other input to kustomize, which has none.
type limitedDisk struct {
	filesys.FileSystem
	dir     string // as the user named it
	left    int
	guard   *manifest.Guard
	refused error // why a file was refused; kustomize's own error hides it
	said    *said
}

func (d *limitedDisk) ReadFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		_, err := readFound(path)
		d.refused = named(d.asNamed(path), err) // kustomize would try other names and hide the error
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

// asNamed converts an absolute path from kustomize to one that begins like the folder the
// user named.
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

// checkLocal refuses a kustomization that names a source outside this disk. Kustomize
// would clone it with git or download it.
func (d *limitedDisk) checkLocal(path string, data []byte) error {
	var k types.Kustomization
	if k.Unmarshal(data) != nil {
		return nil // kustomize reports the error
	}
	for _, message := range *k.CheckDeprecatedFields() {
		d.said.ofFile(path, message)
	}
	for _, named := range sources(&k) {
		inline := strings.Contains(named, "\n") || strings.HasPrefix(named, "{")
		if inline || !strings.Contains(named, "://") && d.Exists(filepath.Join(filepath.Dir(path), named)) {
			continue
		}
		return fmt.Errorf("%s: %q is not a local file or folder, and canarize downloads nothing; correct it, or run \"kubectl kustomize\" and pipe its output into canarize with the argument -", path, named)
	}
	return nil
}

// sources returns the files and folders that a kustomization names. Some entries may be
// inline content, such as a patch, instead of a name.
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

// pairs returns the files of a generator. Its entries have the form FILE or KEY=FILE.
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
