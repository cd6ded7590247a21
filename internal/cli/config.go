package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/releasefile"
)

// usualFile is the release file of a folder, which is used without being named.
const usualFile = "release.yml"

// configFlag is the flag --config of a verb, and what the release file says.
type configFlag struct {
	flags   *pflag.FlagSet
	path    optional
	file    string // where the release file was found; "" when there is none
	release releasefile.File
}

func (c *configFlag) register(flags *pflag.FlagSet) {
	c.flags = flags
	flags.VarP(&c.path, "config", "c", "the release `FILE`; ./"+usualFile+" if it is there, and none when empty")
}

// load reads the release file, once. Without one it is as one that says nothing.
func (c *configFlag) load() error {
	if c.release.OnCancel != "" { // as every release has
		return nil
	}
	c.release = releasefile.Default()
	file := c.path.text
	if !c.path.given {
		file = usualFile
	}
	if file == "" {
		return nil
	}
	if info, err := os.Stat(file); !c.path.given && err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("./%s is no file and cannot be the release file; take it away, or pass --config= to use none", usualFile)
	}
	text, err := os.ReadFile(file)
	switch {
	case !c.path.given && errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--config: %w", err)
	}
	release, err := releasefile.Parse(file, text)
	if err != nil && !c.path.given {
		return fmt.Errorf("%w (./%s is used if it is there; pass --config= to use none)", err, usualFile)
	}
	if err != nil {
		return err
	}
	c.release, c.file = release, file
	return nil
}

// forget leaves out what a release file says that was not asked for, because it is of
// another release.
func (c *configFlag) forget() { c.release, c.file = releasefile.Default(), "" }

// named says whether the release file was asked for.
func (c *configFlag) named() bool { return c.path.given && c.file != "" }

// say is a sentence about the file that is used, "" when there is none.
func (c *configFlag) say() string {
	if c.file == "" {
		return ""
	}
	return "by release file " + c.file
}

// blame says of an error that names a flag that its value may be the file's.
func (c *configFlag) blame(err error) error {
	if err == nil || c.file == "" || !strings.HasPrefix(err.Error(), "--") {
		return err
	}
	return fmt.Errorf("%w (what no flag says comes from %s)", err, c.file)
}

// manifests are the manifests of the release file.
func (c *configFlag) manifests() []string {
	paths := make([]string, len(c.release.Manifests))
	for i, path := range c.release.Manifests {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(c.file), path)
		}
		paths[i] = path
	}
	return paths
}

// gates are the names of the gates of the release file.
func (c *configFlag) gates() []string {
	var names []string
	for _, g := range c.release.Gates {
		names = append(names, g.Name)
	}
	return names
}

// take sets what a flag did not, if the file says it.
func take[T any](c *configFlag, flag string, to *T, said T) {
	if c.file != "" && !c.flags.Changed(flag) {
		*to = said
	}
}

// complete takes from the release file what no flag says.
func (f *engineFlags) complete() error {
	if err := f.config.load(); err != nil {
		return err
	}
	r := f.config.release
	take(&f.config, "namespace", &f.namespace, r.Namespace)
	take(&f.config, "emissary-namespace", &f.emissaryNamespace, r.EmissaryNamespace)
	take(&f.config, "timeout", &f.timeout, r.Timeouts.Ready)
	take(&f.config, "on-cancel", &f.onCancel, string(r.OnCancel))
	take(&f.config, "force-conflicts", &f.force, r.Promotion.ForceConflicts)
	return nil
}

// complete takes from the release file what no flag and no argument says, and gives
// the manifests.
func (f *deployFlags) complete(args []string) ([]string, error) {
	if err := f.engine.complete(); err != nil {
		return nil, err
	}
	c := &f.engine.config
	r := c.release
	take(c, "name", &f.name, r.ReleaseName())
	take(c, "image", &f.canary.images, r.Images)
	take(c, "suffix", &f.canary.suffix, r.Canary.Suffix)
	take(c, "replicas", &f.canary.replicas, r.Canary.Replicas)
	take(c, "include", &f.canary.include, r.Canary.Include)
	take(c, "copy-peers", &f.canary.copyPeers, r.Canary.CopyPeers)
	take(c, "emissary-namespace", &f.canary.emissaryNamespace, r.EmissaryNamespace)
	take(c, "labels", &f.canary.labels, pairs(r.Canary.Labels))
	if len(args) == 0 {
		args = c.manifests()
	}
	if len(args) == 0 && c.file != "" {
		return nil, fmt.Errorf("no input: %s has no spec.manifests; pass a FILE, a DIR, or - for standard input", c.file)
	}
	return args, nil
}

// pairs are labels as --labels takes them.
func pairs(labels map[string]string) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, key+"="+labels[key])
	}
	return all
}
