package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/releasefile"
)

// defaultFile is the release file of the current folder, used without --config.
const defaultFile = "release.yml"

// configFlag is the flag --config and the release file that it names.
type configFlag struct {
	flags   *pflag.FlagSet
	path    optional
	file    string // path of the release file; "" if there is none
	content []byte // of the release file
	release releasefile.File
}

func (c *configFlag) register(flags *pflag.FlagSet) {
	c.flags = flags
	flags.VarP(&c.path, "config", "c", "release `FILE`; without this flag ./"+defaultFile+" if it exists; empty for none")
}

// load reads the release file once. Without a file it sets the defaults.
func (c *configFlag) load() error {
	if c.release.OnCancel != "" { // every loaded release has a value
		return nil
	}
	c.release = releasefile.Default()
	file := c.path.text
	if !c.path.given {
		file = defaultFile
	}
	if file == "" {
		return nil
	}
	if info, err := os.Stat(file); !c.path.given && err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("./%s is not a regular file, so it cannot be the release file; remove it, or pass --config= to use no release file", defaultFile)
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
		return fmt.Errorf("%w (canarize uses ./%s if it exists; pass --config= to use no release file)", err, defaultFile)
	}
	if err != nil {
		return err
	}
	c.release, c.file, c.content = release, file, text
	return nil
}

// reset drops the content of a release file that was not named and describes another
// release.
func (c *configFlag) reset() { c.release, c.file, c.content = releasefile.Default(), "", nil }

// explicit reports whether --config names a release file.
func (c *configFlag) explicit() bool { return c.path.given && c.file != "" }

// announcement says which release file is used. It is "" without one.
func (c *configFlag) announcement() string {
	if c.file == "" {
		return ""
	}
	return "using release file " + c.file
}

// announce says on stderr which release file is used, for verbs without a printer of
// events.
func (f *engineFlags) announce(streams Streams) {
	if text := f.config.announcement(); text != "" {
		streams.spool.PutText(streams.Err, "canarize: "+oneLine(text)+"\n")
	}
}

// fieldOf has the field of a release file that sets a flag.
var fieldOf = map[string]string{
	"accept":             "spec.accept",
	"copy-peers":         "spec.canary.copyPeers",
	"emissary-namespace": "spec.router.emissary.namespace",
	"emissary-version":   "spec.router.emissary.version",
	"force-conflicts":    "spec.promotion.forceConflicts",
	"gateway-strategy":   "spec.router.gateway.strategy",
	"image":              "spec.images",
	"include":            "spec.canary.include",
	"labels":             "spec.canary.labels",
	"name":               "metadata.name",
	"namespace":          "metadata.namespace",
	"on-cancel":          "spec.onCancel",
	"replicas":           "spec.canary.replicas",
	"suffix":             "spec.canary.suffix",
	"timeout":            "spec.timeouts.ready",
}

// withSource makes an error about a flag that was not given an error about the line of the
// release file that set it.
func (c *configFlag) withSource(err error) error {
	if err == nil || c.file == "" {
		return err
	}
	flag, isFlag := strings.CutPrefix(err.Error(), "--")
	name := flagName.FindString(flag)
	field := fieldOf[name]
	if !isFlag || field == "" || c.flags.Changed(name) {
		return err
	}
	line := releasefile.Line(c.content, strings.Split(field, ".")...)
	if line == 0 {
		return err
	}
	return reworded{fmt.Sprintf("%s:%d: %s%s", c.file, line, field, flag[len(name):]), err}
}

var flagName = regexp.MustCompile(`^[a-z]+(-[a-z]+)*`)

// reworded is an error with another message.
type reworded struct {
	message string
	error
}

func (r reworded) Error() string { return r.message }
func (r reworded) Unwrap() error { return r.error }

// manifests returns the paths of the manifests in the release file.
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

// gates returns the names of the gates in the release file.
func (c *configFlag) gates() []string {
	var names []string
	for _, g := range c.release.Gates {
		names = append(names, g.Name)
	}
	return names
}

// setFromFile sets a value from the release file, unless the flag was given.
func setFromFile[T any](c *configFlag, flag string, to *T, value T) {
	if c.file != "" && !c.flags.Changed(flag) {
		*to = value
	}
}

// complete sets flags that were not given from the release file.
func (f *engineFlags) complete() error {
	if err := f.config.load(); err != nil {
		return err
	}
	r := f.config.release
	setFromFile(&f.config, "namespace", &f.namespace, r.Namespace)
	f.emissary.complete(&f.config)
	setFromFile(&f.config, "timeout", &f.timeout, r.Timeouts.Ready)
	setFromFile(&f.config, "on-cancel", &f.onCancel, string(r.OnCancel))
	setFromFile(&f.config, "force-conflicts", &f.force, r.Promotion.ForceConflicts)
	return nil
}

// complete sets flags that were not given from the release file. It returns args or,
// without args, the manifests in the release file.
func (f *deployFlags) complete(args []string) ([]string, error) {
	if err := f.engine.complete(); err != nil {
		return nil, err
	}
	c := &f.engine.config
	r := c.release
	setFromFile(c, "name", &f.name, r.ReleaseName())
	setFromFile(c, "image", &f.canary.images, r.Images)
	setFromFile(c, "suffix", &f.canary.suffix, r.Canary.Suffix)
	setFromFile(c, "replicas", &f.canary.replicas, r.Canary.Replicas)
	setFromFile(c, "include", &f.canary.include, r.Canary.Include)
	setFromFile(c, "accept", &f.canary.accept, texts(r.Accept))
	setFromFile(c, "copy-peers", &f.canary.copyPeers, r.Canary.CopyPeers)
	f.canary.emissary.complete(c)
	setFromFile(c, "gateway-strategy", &f.canary.strategy, r.GatewayStrategy)
	setFromFile(c, "labels", &f.canary.labels, pairs(r.Canary.Labels))
	if len(args) == 0 {
		args = c.manifests()
	}
	if len(args) == 0 && c.file != "" {
		return nil, fmt.Errorf("no input: %s has no spec.manifests; pass a FILE, a DIR, or - for standard input", c.file)
	}
	return args, nil
}

// pairs formats labels for --labels.
func pairs(labels map[string]string) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, key+"="+labels[key])
	}
	return all
}
