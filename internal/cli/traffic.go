package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/app"
	"github.com/canarize/canarize/internal/emissary"
	"github.com/canarize/canarize/internal/input"
)

func newTraffic(streams Streams) *cobra.Command {
	var o app.TrafficOptions
	var output, namespace string
	var recursive bool
	cmd := &cobra.Command{
		Use:   "traffic [flags] FILE|DIR|-...",
		Short: "Show what Emissary really does with Mappings",
		Long: `Traffic computes what Emissary does with the Mappings of the input: which of them
form a group, the real share of each, the names of its Envoy cluster and its
statistics, and which are dropped. A wrong value inside a Mapping, such as a
weight of 101, is reported with what Emissary does about it, not refused.`,
		Example: `  canarize traffic manifests <(canarize generate -w 1 manifests)`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "" && output != "json" {
				return unknownOutput(output, "json")
			}
			objects, err := input.Objects(cmd.Context(), args, input.Options{Recursive: recursive, Stdin: streams.In})
			if err != nil {
				return err
			}
			set, err := app.NewSet(objects, namespace)
			if err != nil {
				return err
			}
			return outside(printTraffic(streams.Out, app.Traffic(set, o), output))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&output, "output", "o", "", "output format: json")
	flags.StringVar(&o.EmissaryNamespace, "emissary-namespace", "emissary", "the namespace Emissary runs in")
	flags.StringVar(&o.AmbassadorID, "ambassador-id", "default", "the id of the Emissary whose view is shown")
	flags.StringVarP(&namespace, "namespace", "n", "", "the namespace of objects that name none; another one is an error")
	flags.BoolVarP(&recursive, "recursive", "R", false, "read the subfolders of folders too")
	return cmd
}

func printTraffic(w io.Writer, report emissary.Report, output string) error {
	if output == "json" {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(report)
	}
	table := tabwriter.NewWriter(escaping{w}, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "HOST\tPREFIX\tMAPPING\tSHARE\tCLUSTER\tSTATISTICS")
	for _, g := range report.Groups {
		printGroup(table, g)
	}
	for _, g := range report.TCPGroups {
		for _, row := range g.Rows {
			fmt.Fprintf(table, "tcp %s\t:%s\t%s/%s\t%.2f %%\t\t\n", g.Host, g.Port, row.Namespace, row.Mapping, row.Share)
		}
	}
	for _, d := range report.Drops {
		fmt.Fprintf(table, "dropped\t\t%s/%s\t0 %%\t%s\n", d.Namespace, d.Mapping, d.Reason)
	}
	for _, message := range report.Errors {
		fmt.Fprintln(table, "error: "+strings.ReplaceAll(message, "\n", " "))
	}
	return table.Flush()
}

func printGroup(w io.Writer, g emissary.Group) {
	host := g.Host
	if host == "" {
		host = "(none)"
	}
	for _, row := range g.Rows {
		fmt.Fprintf(w, "%s\t%s\t%s/%s\t%d %%\t%s\t%s\n", host, g.Prefix, row.Namespace, row.Mapping, row.Share, row.Cluster, row.Stats)
	}
	for _, shadow := range g.Shadows {
		fmt.Fprintf(w, "%s\t%s\t%s\tshadow\t\t\n", host, g.Prefix, shadow)
	}
	if g.Unrouted > 0 {
		fmt.Fprintf(w, "%s\t%s\t(no Mapping)\t%d %%\t\t\n", host, g.Prefix, g.Unrouted)
	}
	if len(g.Hosts) == 0 {
		fmt.Fprintf(w, "%s\t%s\t(no Host takes this group)\t\t\t\n", host, g.Prefix)
	}
}
