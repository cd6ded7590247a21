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

// trafficFlags are the unparsed flags of traffic.
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
		Long: `Traffic computes what Emissary does with the Mappings of the input or, with --live, of
a cluster: which Mappings form a group, the real share of each, the names of its Envoy
cluster and statistics, and which Mappings are dropped. TCPMappings, and Ingresses of
Emissary's class, count too. If a Mapping has a wrong value, such as a weight of 101,
traffic does not refuse it but shows what Emissary does.`,
		Example: `  canarize traffic manifests <(canarize generate -w 1 manifests)
  canarize traffic --live -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.output != "" && f.output != "json" {
				return unknownOutput(f.output, "json")
			}
			if err := checkNamespaces(f.namespace, f.options.EmissaryNamespace); err != nil {
				return err
			}
			report, unread, err := f.report(cmd.Context(), args, streams)
			if err != nil {
				return err
			}
			if unread != "" {
				fmt.Fprintln(streams.Err, "canarize: "+oneLine(unread))
			}
			return outside(printTraffic(streams.Out, report, unread, f.output))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.output, "output", "o", "", "output format: json")
	flags.BoolVar(&f.live, "live", false, "read the objects from a cluster")
	flags.StringVar(&f.target.Context, "context", "", "with --live: kubeconfig context to use")
	flags.StringVar(&f.target.Kubeconfig, "kubeconfig", "", "with --live: kubeconfig file to use")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "namespace of objects without one, objects of other namespaces are an error; with --live: the only namespace to read")
	flags.StringVar(&f.options.EmissaryNamespace, "emissary-namespace", "emissary", "namespace of Emissary")
	flags.StringVar(&f.options.AmbassadorID, "ambassador-id", "default", "ambassador_id of the Emissary to show")
	flags.BoolVarP(&f.recursive, "recursive", "R", false, "also read the subfolders of folders")
	return cmd
}

// report returns what Emissary does, and a sentence about what could not be read.
func (f *trafficFlags) report(ctx context.Context, args []string, streams Streams) (report model.Report, unread string, err error) {
	if f.live {
		if len(args) > 0 {
			return report, "", fmt.Errorf("--live reads the cluster; omit %s or --live", args[0])
		}
		report, unread, err = wiring.LiveTraffic(ctx, f.target, f.namespace, f.options)
		return report, unread, foreign(err)
	}
	objects, err := input.Objects(ctx, args, input.Options{Recursive: f.recursive, Stdin: streams.In})
	if err != nil {
		return report, "", err
	}
	set, err := plan.NewSet(objects, f.namespace)
	if err != nil {
		return report, "", err
	}
	return wiring.Traffic(set, f.options), "", nil
}
