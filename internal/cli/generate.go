package cli

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/app"
	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/input"
	"github.com/canarize/canarize/internal/manifest"
)

// generateFlags are the flags that say which canary is wanted, as given.
type generateFlags struct {
	suffix, prefix, hostname, namespace, replicas string
	weight                                        optional
	emissaryNamespace, stable                     string
	images, labels, include                       []string
	generateMapping, copyPeers, baseline          bool
	recursive, debug                              bool
}

func (f *generateFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.VarP(&f.weight, "canary-weight", "w", "the canary's share of requests in whole percent, `0..100`; needed when a Mapping is made")
	flags.StringArrayVarP(&f.images, "image", "I", nil, "`[CONTAINER=]IMAGE` for every container of that name, or of the same repository; repeatable")
	flags.StringVarP(&f.suffix, "suffix", "s", "-canary", "what is put behind every name")
	flags.BoolVarP(&f.generateMapping, "gen-mapping", "m", false, "make a Mapping for the canary when none of the input routes to its Service")
	flags.StringVarP(&f.prefix, "prefix", "P", "/", "with -m: the path prefix of that Mapping")
	flags.StringVar(&f.hostname, "hostname", "*", "with -m: the hostname of that Mapping")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "the namespace of objects that name none; another one is an error")
	flags.StringArrayVarP(&f.labels, "labels", "l", nil, "`k=v,...` to add to everything new and to the canary's pods; repeatable")
	flags.StringVar(&f.replicas, "replicas", "weight", "canary pods: a number, `same`, or weight (stable × weight / 100, rounded up, at least 1)")
	flags.StringArrayVar(&f.include, "include", nil, "`KIND/NAME` of a workload to canary that would be left alone; repeatable")
	flags.BoolVar(&f.copyPeers, "copy-peers", false, "copy network policies of other applications that admit the stable pods by label")
	flags.BoolVar(&f.baseline, "baseline", false, "also make a -baseline copy of the version in --stable")
	flags.StringVar(&f.stable, "stable", "", "`FILE|DIR` of the stable version, for --baseline")
	flags.StringVar(&f.emissaryNamespace, "emissary-namespace", "emissary", "the namespace Emissary runs in")
	flags.BoolVarP(&f.recursive, "recursive", "R", false, "read the subfolders of folders too")
	flags.BoolVar(&f.debug, "debug", false, "say on stderr what was decided and why")
}

// options validates the flags.
func (f *generateFlags) options() (app.GenerateOptions, error) {
	o := app.GenerateOptions{
		GenerateMapping: f.generateMapping, Prefix: f.prefix, Hostname: f.hostname, EmissaryNamespace: f.emissaryNamespace,
		Canary: canary.Options{Namespace: f.namespace, CopyPeers: f.copyPeers},
	}
	steps := []func(*app.GenerateOptions) error{f.setWeight, f.setImages, f.setLabels, f.setReplicas, f.setInclude, f.setNames}
	for _, step := range steps {
		if err := step(&o); err != nil {
			return o, err
		}
	}
	return o, nil
}

// optional is the text of a flag that may be missing: an empty text, such as
// that of an unset variable, is a text.
type optional struct {
	text  string
	given bool
}

func (o *optional) String() string { return o.text }
func (o *optional) Type() string   { return "string" }

func (o *optional) Set(text string) error {
	o.text, o.given = text, true
	return nil
}

var percent = regexp.MustCompile(`^([0-9]{1,2}|100)%?$`)

func (f *generateFlags) setWeight(o *app.GenerateOptions) error {
	if !f.weight.given {
		return nil
	}
	m := percent.FindStringSubmatch(f.weight.text)
	if m == nil {
		return fmt.Errorf("--canary-weight %q: expected a whole number from 0 to 100, the percentage that Emissary's weight takes", f.weight.text)
	}
	n, err := strconv.Atoi(m[1])
	o.Weight = &n
	return err
}

func (f *generateFlags) setImages(o *app.GenerateOptions) error {
	for _, text := range f.images {
		image, err := canary.ParseImage(text)
		if err != nil {
			return fmt.Errorf("--image: %w", err)
		}
		o.Canary.Images = append(o.Canary.Images, image)
	}
	return canary.CheckImages(o.Canary.Images)
}

// Label syntax: k8s.io/apimachinery/pkg/util/validation.
var (
	labelKey    = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelPrefix = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
)

func validLabelKey(key string) bool {
	if prefix, name, found := strings.Cut(key, "/"); found {
		return len(prefix) <= 253 && labelPrefix.MatchString(prefix) && labelKey.MatchString(name)
	}
	return labelKey.MatchString(key)
}

func (f *generateFlags) setLabels(o *app.GenerateOptions) error {
	o.Canary.Labels = map[string]string{}
	for _, list := range f.labels {
		for pair := range strings.SplitSeq(list, ",") {
			key, value, found := strings.Cut(strings.TrimSpace(pair), "=")
			if !found || !validLabelKey(key) || !manifest.ValidLabelValue(value) {
				return fmt.Errorf("--labels %q: expected KEY=VALUE,…, both as Kubernetes allows them in labels: at most 63 letters, digits, dashes, dots and underscores", list)
			}
			if key == canary.TrackLabel {
				return fmt.Errorf("--labels %s: canarize sets this label itself", pair)
			}
			if first, found := o.Canary.Labels[key]; found && first != value {
				return fmt.Errorf("--labels: %s is given twice, as %s and as %s", key, first, value)
			}
			o.Canary.Labels[key] = value
		}
	}
	return nil
}

func (f *generateFlags) setReplicas(o *app.GenerateOptions) error {
	switch f.replicas {
	case "weight":
		return nil
	case "same":
		o.Canary.Replicas.Mode = canary.ReplicasSame
		return nil
	}
	n, err := strconv.ParseInt(f.replicas, 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("--replicas %q: expected a number from 1, same, or weight", f.replicas)
	}
	o.Canary.Replicas = canary.Replicas{Mode: canary.ReplicasFixed, N: int(n)}
	return nil
}

func (f *generateFlags) setInclude(o *app.GenerateOptions) error {
	kinds := map[string]string{"deploy": "Deployment", "deployments": "Deployment", "sts": "StatefulSet", "statefulsets": "StatefulSet", "ds": "DaemonSet", "daemonsets": "DaemonSet"}
	for _, text := range f.include {
		kind, name, found := strings.Cut(text, "/")
		if !found || kind == "" || name == "" {
			return fmt.Errorf("--include %q: expected KIND/NAME, such as statefulset/db", text)
		}
		if full, short := kinds[strings.ToLower(kind)]; short {
			kind = full
		}
		o.Canary.Include = append(o.Canary.Include, canary.WorkloadRef{Kind: kind, Name: name})
	}
	return nil
}

var (
	dnsLabel    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	routePrefix = regexp.MustCompile(`^/[!-~]*$`)
	routeHost   = regexp.MustCompile(`^[-A-Za-z0-9.*_:]+$`)
)

// checkNamespaces checks --namespace, which may be empty as kubectl's, and
// --emissary-namespace.
func checkNamespaces(namespace, emissary string) error {
	const want = "expected at most 63 lower-case letters, digits and dashes"
	if namespace != "" && !dnsLabel.MatchString(namespace) {
		return fmt.Errorf("--namespace %q: %s", namespace, want)
	}
	if !dnsLabel.MatchString(emissary) {
		return fmt.Errorf("--emissary-namespace %q: %s", emissary, want)
	}
	return nil
}

func (f *generateFlags) setNames(o *app.GenerateOptions) error {
	var err error
	if o.Canary.Suffix, err = canary.ParseSuffix(f.suffix); err != nil {
		return fmt.Errorf("--suffix: %w", err)
	}
	if err := checkNamespaces(f.namespace, f.emissaryNamespace); err != nil {
		return err
	}
	if !routePrefix.MatchString(f.prefix) {
		return fmt.Errorf("--prefix %q: expected a path that begins with / and has no spaces", f.prefix)
	}
	if !routeHost.MatchString(f.hostname) {
		return fmt.Errorf("--hostname %q: expected a host name, or * for all", f.hostname)
	}
	if f.baseline && f.stable == "" {
		return fmt.Errorf("--baseline: pass --stable FILE|DIR, the manifests of the version that runs now")
	}
	if f.stable != "" && !f.baseline {
		return fmt.Errorf("--stable %s: only of use with --baseline", f.stable)
	}
	return nil
}

// generate reads the input and derives the canary, and says on stderr what the
// user should know.
func (f *generateFlags) generate(ctx context.Context, args []string, streams Streams) (app.Generated, error) {
	options, err := f.options()
	if err != nil {
		return app.Generated{}, err
	}
	set, err := f.read(ctx, args, streams)
	if err != nil {
		return app.Generated{}, err
	}
	if f.baseline {
		if options.Canary.Baseline, err = f.read(ctx, []string{f.stable}, streams); err != nil {
			return app.Generated{}, fmt.Errorf("--stable: %w", err)
		}
	}
	g, err := app.Generate(set, options)
	if err != nil {
		return app.Generated{}, err
	}
	for _, note := range g.Notes {
		if f.debug || note.Level > manifest.Debug {
			fmt.Fprintln(streams.Err, "canarize: "+oneLine(note.String()))
		}
	}
	return g, nil
}

func (f *generateFlags) read(ctx context.Context, args []string, streams Streams) (*manifest.Set, error) {
	objects, err := input.Objects(ctx, args, input.Options{Recursive: f.recursive, Stdin: streams.In})
	if err != nil {
		return nil, err
	}
	return app.NewSet(objects, f.namespace)
}

func newGenerate(streams Streams) *cobra.Command {
	var f generateFlags
	var output string
	cmd := &cobra.Command{
		Use:   "generate [flags] FILE|DIR|-...",
		Short: "Derive a canary from the manifests of the new version",
		Long: `Generate reads the manifests of an application's new version and prints its
canary: for every Deployment that a Service selects, a Deployment, Service,
configuration, autoscaler and network policies named NAME-canary, and for every
Mapping that routes to it one that gives the canary exactly the share asked for.
None of the input's objects is printed or changed. No cluster is needed.

A folder stands for its *.yml, *.yaml and *.json; a folder with a
kustomization.yaml is built. "-" is standard input.`,
		Example: `  # 10 % of the requests to version 2, checked by the API server
  canarize generate -w 10 -I registry.example.com/app:2 manifests | kubectl apply --dry-run=server -f -

  # what differs between stable and canary
  canarize diff -w 10 manifests`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output, cmd.Flags().Changed("output")); err != nil {
				return err
			}
			g, err := f.generate(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			text, err := g.Print()
			if err != nil {
				return outside(err)
			}
			return writeOutput("-o", output, text, streams)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write instead of stdout, all of it or nothing")
	f.register(cmd.Flags())
	return cmd
}

func isPath(arg string) bool {
	_, err := os.Stat(arg)
	return err == nil || strings.ContainsAny(arg, "/.*")
}
