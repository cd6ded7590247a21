package cli

import (
	"context"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// generateFlags are the unparsed flags of generate and diff.
type generateFlags struct {
	canaryFlags
	weight                    optional
	prefix, hostname, stable  string
	generateMapping, baseline bool
}

func (f *generateFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.VarP(&f.weight, "canary-weight", "w", "canary's share of the requests in percent, `0..100`: a whole number, or below 1 a multiple of 1/256, such as 0.25; required if the canary gets a route")
	flags.BoolVarP(&f.generateMapping, "gen-mapping", "m", false, "make a Mapping for the canary if no Mapping in the input routes to its Service")
	flags.StringVarP(&f.prefix, "prefix", "P", "/", "with -m: path `PREFIX` of that Mapping")
	flags.StringVar(&f.hostname, "hostname", "*", "with -m: `HOSTNAME` of that Mapping")
	flags.BoolVar(&f.baseline, "baseline", false, "also make a copy of the version in --stable, named -baseline")
	flags.StringVar(&f.stable, "stable", "", "with --baseline: `FILE|DIR` with the manifests of the stable version")
	f.canaryFlags.register(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "`NAMESPACE` of objects without one; objects of other namespaces are an error")
}

// options parses and checks the flags.
func (f *generateFlags) options() (plan.Options, error) {
	o, err := f.canaryFlags.options()
	if err != nil {
		return o, err
	}
	o.GenerateMapping, o.Prefix, o.Hostname = f.generateMapping, f.prefix, f.hostname
	if err := f.setWeight(&o); err != nil {
		return o, err
	}
	return o, f.checkRoute()
}

// optional is a flag that may be missing. It distinguishes a missing flag from an empty
// value, for example from an unset variable.
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

// parsePercent parses the share in a flag.
func parsePercent(flag, text string) (int, error) {
	m := percent.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%s %q: expected a whole number from 0 to 100, the percentage that Emissary's weight takes", flag, text)
	}
	return strconv.Atoi(m[1])
}

// fraction matches a percentage below one.
var fraction = regexp.MustCompile(`^0?(\.[0-9]{1,8})%?$`)

func (f *generateFlags) setWeight(o *plan.Options) error {
	if !f.weight.given {
		return nil
	}
	const flag = "--canary-weight"
	if m := fraction.FindStringSubmatch(f.weight.text); m != nil {
		share, _ := new(big.Rat).SetString("0" + m[1]) // fraction matches only numbers
		sample, err := model.SampleOf(share)
		if err != nil {
			return fmt.Errorf("%s %q: %w", flag, f.weight.text, err)
		}
		o.Weight, o.Digits = &sample.Weight, sample.Digits
		return nil
	}
	n, err := parsePercent(flag, f.weight.text)
	o.Weight = &n
	return err
}

var (
	routePrefix = regexp.MustCompile(`^/[!-~]*$`)
	routeHost   = regexp.MustCompile(`^[-A-Za-z0-9.*_:]+$`)
)

func (f *generateFlags) checkRoute() error {
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
		return fmt.Errorf("--stable %s: needs --baseline", f.stable)
	}
	return nil
}

// generate reads the input, derives the canary, and prints the notes on stderr.
func (f *generateFlags) generate(ctx context.Context, args []string, streams Streams) (plan.Generated, error) {
	options, err := f.options()
	if err != nil {
		return plan.Generated{}, err
	}
	write := func(text string) { fmt.Fprint(streams.Err, text) }
	set, err := f.read(ctx, args, streams, write)
	if err != nil {
		return plan.Generated{}, err
	}
	if f.baseline {
		if options.Canary.Baseline, err = f.read(ctx, []string{f.stable}, streams, write); err != nil {
			return plan.Generated{}, fmt.Errorf("--stable: %w", err)
		}
	}
	g, err := plan.Generate(set, options)
	return g, f.tell(g.Notes, err, write)
}

// canary returns the canary as text.
func (f *generateFlags) canary(ctx context.Context, args []string, streams Streams) ([]byte, error) {
	g, err := f.generate(ctx, args, streams)
	if err != nil {
		return nil, err
	}
	text, err := g.Print()
	return text, outside(err)
}

func newGenerate(streams Streams) *cobra.Command {
	var f generateFlags
	var output, hooks string
	cmd := &cobra.Command{
		Use:   "generate [flags] FILE|DIR|-...",
		Short: "Derive a canary from the manifests of the new version",
		Long: `Generate reads the manifests of an application's new version and prints its
canary: for every Deployment that a Mapping, HTTPRoute or GRPCRoute leads to, a
Deployment, Service, configuration, autoscaler and network policies named
NAME-canary, and for every such route one that gives the canary exactly the
requested share. If the input has no route, every Deployment that a Service selects
gets a canary. Generate neither prints nor changes the objects of the input, and it
needs no cluster.

A note says why a workload is left alone. A warning says what a second version
beside the first may disturb; docs/warnings.md explains them by their names.

A folder stands for its *.yml, *.yaml and *.json files. If it has a
kustomization.yaml, canarize builds it. "-" is standard input.

Hooks of Helm and Argo CD are not part of the application: no verb applies them.
With --hooks, generate prints those of one phase instead of a canary, in the order
in which the tool creates them, for a pipeline that runs them itself. Of the other
flags only -I, -n, -R and -o have an effect then.`,
		Example: `  # 10 % of the requests to version 2, checked by the API server
  canarize generate -w 10 -I registry.example.com/app:2 manifests | kubectl apply --dry-run=server -f -

  # differences between stable and canary
  canarize diff -w 10 manifests

  # the migration of a rendered chart, with the new image
  canarize generate --hooks pre-upgrade -I registry.example.com/app:2 chart.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			defer collectLate()()
			if err := verbAmong(cmd.Root(), args); err != nil {
				return err
			}
			if err := checkOutput(output, cmd.Flags().Changed("output")); err != nil {
				return err
			}
			render := f.canary
			if cmd.Flags().Changed("hooks") {
				render = func(ctx context.Context, args []string, streams Streams) ([]byte, error) {
					return f.hooks(ctx, hooks, args, streams)
				}
			}
			text, err := render(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			return writeOutput("-o", output, text, streams)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to `FILE` instead of stdout, completely or not at all")
	f.register(cmd.Flags())
	cmd.Flags().StringVar(&hooks, "hooks", "", "print the hooks of a `PHASE` of Helm or Argo CD, such as pre-upgrade, instead of a canary; PHASE:1/2 prints step 1 of 2")
	return cmd
}

func isPath(arg string) bool {
	_, err := os.Stat(arg)
	return err == nil || strings.ContainsAny(arg, "/.*")
}
