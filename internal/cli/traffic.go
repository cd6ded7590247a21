package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/input"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/route/emissary/traffic"
	"github.com/canarize/canarize/internal/wiring"
)

// trafficFlags are the unparsed flags of traffic.
type trafficFlags struct {
	emissary                        emissaryFlags
	target                          kube.Target
	output, namespace, ambassadorID string
	recursive, live                 bool
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
traffic does not refuse it but shows what Emissary does.

With --live the version of Emissary is that of its pods, if their images tell it, unless
--emissary-version is given. Traffic then also asks every gateway pod: TAKEN is the share that Envoy's routes give,
and SEEN the part of the requests of two seconds. Lines below the table say why they
differ from ASKED.`,
		Example: `  canarize traffic manifests <(canarize generate -w 1 manifests)
  canarize traffic --live -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.output != "" && f.output != "json" {
				return unknownOutput(f.output, "json")
			}
			if err := checkNamespaces(f.namespace, f.emissary.namespace); err != nil {
				return err
			}
			emissary, err := f.emissary.parse()
			if err != nil {
				return err
			}
			report, err := f.report(cmd.Context(), args, wiring.TrafficOptions{Emissary: emissary, AmbassadorID: f.ambassadorID}, streams)
			if err != nil {
				return err
			}
			if report.Unread != "" {
				fmt.Fprintln(streams.Err, "canarize: "+oneLine(report.Unread))
			}
			if report.Silent != nil {
				fmt.Fprintln(streams.Err, "canarize: what the gateway gives is not shown: "+oneLine(redact.Error(report.Silent).Error()))
			}
			return outside(printTraffic(streams.Out, report, f.output, widthOf(streams.Out)))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.output, "output", "o", "", "output `FORMAT`: json")
	flags.BoolVar(&f.live, "live", false, "read the objects from a cluster")
	flags.StringVar(&f.target.Context, "context", "", "with --live: kubeconfig `CONTEXT` to use")
	flags.StringVar(&f.target.Kubeconfig, "kubeconfig", "", "with --live: kubeconfig `FILE` to use")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "`NAMESPACE` of objects without one, objects of other namespaces are an error; with --live: the only namespace to read")
	f.emissary.register(flags)
	flags.StringVar(&f.ambassadorID, "ambassador-id", "default", "ambassador `ID` of the Emissary to show")
	flags.BoolVarP(&f.recursive, "recursive", "R", false, "also read the subfolders of folders")
	return cmd
}

// report returns what Emissary does.
func (f *trafficFlags) report(ctx context.Context, args []string, options wiring.TrafficOptions, streams Streams) (traffic.Report, error) {
	if f.live {
		if len(args) > 0 {
			return traffic.Report{}, fmt.Errorf("--live reads the cluster; omit %s or --live", args[0])
		}
		t, err := wiring.ReadTraffic(ctx, f.target, f.namespace, options)
		return t, foreign(err)
	}
	objects, err := input.Objects(ctx, args, inputOptions(f.recursive, streams, func(text string) { fmt.Fprint(streams.Err, text) }))
	if err != nil {
		return traffic.Report{}, err
	}
	set, err := plan.NewSet(objects, f.namespace)
	if err != nil {
		return traffic.Report{}, err
	}
	return traffic.Report{Report: wiring.Traffic(set, options)}, nil
}
