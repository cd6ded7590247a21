package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/survey"
	"github.com/canarize/canarize/internal/wiring"
)

func newHistory(streams Streams) *cobra.Command {
	var f engineFlags
	var everywhere bool
	var from string
	cmd := &cobra.Command{
		Use:   "history [flags] [NAME]",
		Short: "List the releases that are over, with their verdicts",
		Long: `History lists the releases of a name that are over, or of all names of a namespace,
newest first. It only needs permission to read ConfigMaps: the record of a release keeps
the last ones that are over, and drops the oldest first.

NO is the number for canarize report --release and canarize mark --release. MOST is the
largest share of the requests that the canary got. COST is how many bad requests the
canary served beyond stable's rate. MARK says whether the decision turned out to be right
or wrong. With -o json you get everything that is kept. Store that to read it later with
--from, when the cluster has dropped the oldest releases.`,
		Example: `  canarize history shop
  canarize history -A -o json > histories.json
  canarize history --from histories.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if from != "" {
				return f.stored(from, args, everywhere, streams)
			}
			if everywhere && len(args) > 0 {
				return errors.New("-A lists the releases of all names; leave out the NAME")
			}
			name := ""
			if len(args) > 0 || f.config.path.given {
				release, err := f.release(args)
				if err != nil {
					return err
				}
				name = release.Name
			}
			if err := f.check(); err != nil {
				return err
			}
			namespace, err := f.scope(everywhere)
			if err != nil {
				return err
			}
			return f.history(cmd.Context(), namespace, name, streams)
		},
	}
	flags := cmd.Flags()
	f.registerTarget(flags)
	flags.StringVarP(&f.output, "output", "o", "", "output `FORMAT`: json, yaml")
	flags.StringVar(&from, "from", "", "read the releases from a `FILE` written with -o json, instead of the cluster")
	flags.BoolVarP(&everywhere, "all-namespaces", "A", false, "list the releases of all namespaces")
	return cmd
}

// scope returns the namespace to look at; "" means all.
func (f *engineFlags) scope(everywhere bool) (string, error) {
	if everywhere {
		return "", nil
	}
	return f.inNamespace()
}

func (f *engineFlags) history(ctx context.Context, namespace, name string, streams Streams) error {
	engine, err := wiring.Connect(f.options(false, streams.printLine))
	if err != nil {
		return foreign(err)
	}
	defer engine.Close()
	all, err := histories(ctx, engine, namespace, name, streams)
	switch {
	case err != nil:
		return err
	case len(all.Histories) == 0:
		return f.noHistory(ctx, engine, namespace, name, streams)
	}
	streams.spool.Flush()
	return f.printHistories(streams, all)
}

// noHistory says where no release was found.
func (f *engineFlags) noHistory(ctx context.Context, engine wiring.Hub, namespace, name string, streams Streams) error {
	if err := f.sayAbsent(ctx, engine, namespace, name, streams); err != nil || f.output == "" {
		return err
	}
	return f.printHistories(streams, report.Histories{Histories: []report.History{}})
}

// stored prints the histories in a file.
func (f *engineFlags) stored(file string, args []string, everywhere bool, streams Streams) error {
	if len(args) > 0 || everywhere {
		return errors.New("--from reads all releases from a file; leave out the NAME and -A")
	}
	if err := f.check(); err != nil {
		return err
	}
	all, err := readHistories(file)
	if err != nil {
		return err
	}
	return f.printHistories(streams, all)
}

// readHistories reads a file written by canarize history -o json.
func readHistories(file string) (report.Histories, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return report.Histories{}, fmt.Errorf("--from: %w", err)
	}
	h, err := report.ParseHistories(text)
	if err != nil {
		return report.Histories{}, fmt.Errorf("--from %s: %w; pass a file that canarize history -o json has written", file, err)
	}
	return h, nil
}

// histories reads the histories of a namespace, "" meaning all, or of one name. A history
// that cannot be read is named on stderr and left out, unless it is the one asked for.
func histories(ctx context.Context, engine wiring.Hub, namespace, name string, streams Streams) (report.Histories, error) {
	all := report.Histories{Histories: []report.History{}}
	records, err := survey.Records(ctx, engine.Cluster(), namespace, name)
	if err != nil {
		return all, foreign(err)
	}
	for _, r := range records {
		h, err := pastOf(r)
		if err != nil && name != "" {
			return all, err
		}
		if err != nil {
			fmt.Fprintln(streams.Err, oneLine("canarize: warning: "+err.Error()))
			continue
		}
		all.Histories = append(all.Histories, report.HistoryOf(r.Namespace, r.Name, h, r.State))
	}
	return all, nil
}

// pastOf returns the history in a record. Without a readable state the stored history is
// still told about.
func pastOf(r survey.Recorded) (rollout.History, error) {
	h, err := rollout.HistoryOf(r.History, r.State)
	if err == nil && len(h.Releases) == 0 {
		err = r.Err
	}
	if err != nil {
		return h, outside(fmt.Errorf("release %s: %w", r.Release, advised(r.Release, err)))
	}
	return h, nil
}
