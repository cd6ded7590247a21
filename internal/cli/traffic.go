package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/input"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/route/emissary/traffic"
	routes "github.com/canarize/canarize/internal/route/gatewayapi/traffic"
	"github.com/canarize/canarize/internal/wiring"
)

// trafficFlags are the unparsed flags of traffic.
type trafficFlags struct {
	emissary                        emissaryFlags
	target                          kube.Target
	output, namespace, ambassadorID string
	recursive, live, complete       bool
	request                         requestFlags
}

// requests holds what becomes of requests: by Mappings, and by routes of the Gateway API.
type requests struct {
	traffic.Report
	routes routes.Report
}

func newTraffic(streams Streams) *cobra.Command {
	var f trafficFlags
	cmd := &cobra.Command{
		Use:   "traffic [flags] FILE|DIR|-... | --live",
		Short: "Show what Emissary really does with Mappings, and a gateway with HTTPRoutes and GRPCRoutes",
		Long: `Traffic computes what Emissary does with the Mappings of the input or, with --live, of
a cluster: which Mappings form a group, the real share of each, the names of its Envoy
cluster and statistics, and which Mappings are dropped. TCPMappings, and Ingresses of
Emissary's class, count too. If a Mapping has a wrong value, such as a weight of 101,
traffic does not refuse it but shows what Emissary does.

With --live the version of Emissary is that of its pods, if their images tell it, unless
--emissary-version is given. Traffic then also asks every gateway pod: TAKEN is the share that Envoy's routes give,
and SEEN the part of the requests of two seconds. Lines below the table say why they
differ from ASKED.

Of the HTTPRoutes and GRPCRoutes of the input, traffic shows what a gateway does that conforms to the
Gateway API: the share of each backend for each match, and below the table routes that do
not attach, matches that get no requests, and broken references. What the specification
leaves to the implementation is marked. With --url it shows only where one request goes.
A Gateway, Service or Namespace that is not in the input is assumed to be there and right,
unless --complete is given; lines below the table say so.`,
		Example: `  canarize traffic manifests <(canarize generate -w 1 manifests)
  canarize traffic routes.yml --url https://shop.example.com/cart -H 'x-beta: yes'
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
			options := wiring.TrafficOptions{Emissary: emissary, AmbassadorID: f.ambassadorID, Complete: f.complete}
			report, err := f.report(cmd.Context(), args, options, streams)
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
	flags.BoolVar(&f.complete, "complete", false, "the input has all objects of a cluster: what is not in it does not exist")
	f.request.register(flags)
	flags.BoolVarP(&f.recursive, "recursive", "R", false, "also read the subfolders of folders")
	return cmd
}

// report returns what becomes of requests.
func (f *trafficFlags) report(ctx context.Context, args []string, options wiring.TrafficOptions, streams Streams) (requests, error) {
	request, err := f.request.parse()
	if err != nil {
		return requests{}, err
	}
	if f.live {
		for _, given := range []struct {
			is   bool
			what string
		}{{len(args) > 0, strings.Join(args[:min(len(args), 1)], "")}, {f.complete, "--complete"}, {request != nil, "--url"}} {
			if given.is {
				return requests{}, fmt.Errorf("--live reads the cluster; omit %s or --live", given.what)
			}
		}
		t, err := wiring.ReadTraffic(ctx, f.target, f.namespace, options)
		return requests{Report: t}, foreign(err)
	}
	objects, err := input.Objects(ctx, args, inputOptions(f.recursive, streams, func(text string) { fmt.Fprint(streams.Err, text) }))
	if err != nil {
		return requests{}, err
	}
	set, err := plan.NewSet(objects, f.namespace)
	if err != nil {
		return requests{}, err
	}
	out := requests{traffic.Report{Report: wiring.Traffic(set, options)}, wiring.RouteTraffic(set, options, request)}
	if request != nil && !out.routes.Any {
		return requests{}, errors.New("--url: the input has no HTTPRoute or GRPCRoute; pass the file that has it")
	}
	return out, nil
}
