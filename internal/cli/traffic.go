package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/input"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/wiring"
)

// trafficFlags are the flags of traffic, as given.
type trafficFlags struct {
	options           wiring.TrafficOptions
	target            kube.Target
	output, namespace string
	recursive, live   bool
}

func newTraffic(streams Streams) *cobra.Command {
	var f trafficFlags
	cmd := &cobra.Command{
		Use:   "traffic [flags] FILE|DIR|-... | --live",
		Short: "Show what Emissary really does with Mappings",
		Long: `Traffic computes what Emissary does with the Mappings of the input, or with
--live of a cluster: which of them form a group, the real share of each, the
names of its Envoy cluster and its statistics, and which are dropped. A wrong
value inside a Mapping, such as a weight of 101, is reported with what Emissary
does about it, not refused.`,
		Example: `  canarize traffic manifests <(canarize generate -w 1 manifests)
  canarize traffic --live -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.output != "" && f.output != "json" {
				return unknownOutput(f.output, "json")
			}
			if err := checkNamespaces(f.namespace, f.options.EmissaryNamespace); err != nil {
				return err
			}
			report, err := f.report(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			return outside(printTraffic(streams.Out, report, f.output))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.output, "output", "o", "", "output format: json")
	flags.BoolVar(&f.live, "live", false, "read the objects from the cluster of the current context")
	flags.StringVar(&f.target.Context, "context", "", "with --live: the kubeconfig context to use")
	flags.StringVar(&f.target.Kubeconfig, "kubeconfig", "", "with --live: the kubeconfig file to use")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "the namespace of objects that name none, another one is an error; with --live: the only one to read")
	flags.StringVar(&f.options.EmissaryNamespace, "emissary-namespace", "emissary", "the namespace Emissary runs in")
	flags.StringVar(&f.options.AmbassadorID, "ambassador-id", "default", "the id of the Emissary whose view is shown")
	flags.BoolVarP(&f.recursive, "recursive", "R", false, "read the subfolders of folders too")
	return cmd
}

func (f *trafficFlags) report(ctx context.Context, args []string, streams Streams) (model.Report, error) {
	if f.live {
		if len(args) > 0 {
			return model.Report{}, fmt.Errorf("--live: reads the cluster and not %s; pass one or the other", args[0])
		}
		report, err := wiring.LiveTraffic(ctx, f.target, f.namespace, f.options)
		return report, foreign(err)
	}
	objects, err := input.Objects(ctx, args, input.Options{Recursive: f.recursive, Stdin: streams.In})
	if err != nil {
		return model.Report{}, err
	}
	set, err := plan.NewSet(objects, f.namespace)
	if err != nil {
		return model.Report{}, err
	}
	return wiring.Traffic(set, f.options), nil
}
