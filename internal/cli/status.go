package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/canarize/canarize/internal/ci"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/survey"
	"github.com/canarize/canarize/internal/wiring"
)

func newStatus(streams Streams) *cobra.Command {
	var f engineFlags
	var how following
	var everywhere bool
	cmd := &cobra.Command{
		Use:   "status [flags] [NAME]",
		Short: "Show the state of releases",
		Long: `Status shows the releases of a namespace from their records in the cluster. For a
single release it also shows the events. It only needs permission to read ConfigMaps.
With permission to read Leases, it also shows who works on a release, or since when
nobody does.

There are three truths about the canary's share: ASKED is the weight that was asked for,
TAKEN what the gateways were last seen to give, and SEEN the part of the requests that
the canary got since. STATUS says why they differ.

With --watch it keeps showing changes. On a terminal it redraws in place: the share,
the canary's pods if it may read them, and the judge's last verdict. Elsewhere it
prints a line for each event; with -o json it prints the full status after each
change. It ends when the release of a NAME has ended, or when nobody reads the output.

With --wait it shows nothing before the end, and also ends when the release is held or
nobody works on it any more.

Exit codes with --watch and --wait: 0 promoted, 3 rejected, 4 held, undecided, or not
ended within the time of --for, 5 interrupted.`,
		Example: `  canarize status
  canarize status shop --watch
  canarize status shop --wait --for 1h
  canarize status -A -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
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
			namespace, err := f.inNamespace()
			if err != nil {
				return err
			}
			if everywhere {
				namespace = ""
			}
			return f.status(cmd.Context(), namespace, name, how, streams)
		},
	}
	flags := cmd.Flags()
	f.register(flags)
	flags.BoolVarP(&everywhere, "all-namespaces", "A", false, "show the releases of all namespaces")
	flags.BoolVarP(&how.watch, "watch", "w", false, "keep showing changes; with a NAME until the release has ended")
	flags.BoolVar(&how.wait, "wait", false, "wait until the release of a NAME is promoted, rejected or held, and tell by the exit code")
	flags.DurationVar(&how.length, "for", 0, "with --watch or --wait: longest `DURATION`; 0 for no limit")
	flags.StringVar(&f.color, "color", "auto", "with --watch, `WHEN` to use colors: auto (on a terminal, unless NO_COLOR is set), always, never")
	return cmd
}

func (f *engineFlags) status(ctx context.Context, namespace, name string, how following, streams Streams) error {
	if err := how.check(name); err != nil {
		return err
	}
	f.announce(streams)
	engine, err := wiring.Connect(f.options(false, streams.printLine))
	if err != nil {
		return foreign(err)
	}
	defer engine.Close()
	follower, err := f.pipeline(streams)
	if err != nil {
		return err
	}
	if how.watch || how.wait {
		if err := f.mustExist(ctx, engine, namespace, ""); err != nil {
			return err
		}
		return f.follow(ctx, engine, namespace, name, how, streams)
	}
	releases, err := survey.Releases(ctx, engine.Cluster(), namespace, name)
	switch {
	case err != nil:
		return foreign(err)
	case len(releases) == 0:
		return f.showNone(ctx, engine, namespace, name, streams)
	}
	for i, s := range statuses(releases) {
		if s.Held != "" || s.Error != "" {
			follower.notice(ci.Warning, s.Code, s.Weight, fmt.Sprintf("release %s/%s: %s", s.Namespace, s.Release, s.Sentence()))
		}
		if name != "" {
			follower.publish(releases[i].Release, releases[i].State, false, streams)
		}
	}
	streams.spool.Flush()
	return outside(f.show(streams, statuses(releases), name != ""))
}

func statuses(releases []survey.Recorded) []report.Status {
	all := []report.Status{}
	for _, r := range releases {
		s := report.StatusOf(r.Namespace, r.Name, r.State)
		s.Worker = r.Worker
		if r.Err != nil {
			s.Error = advised(r.Release, r.Err).Error()
			s.Code = string(codeOf(s.Error, r.Err))
		}
		all = append(all, s)
	}
	return all
}

// showNone says where no release was found.
func (f *engineFlags) showNone(ctx context.Context, engine wiring.Hub, namespace, name string, streams Streams) error {
	if err := f.sayAbsent(ctx, engine, namespace, name, streams); err != nil || f.output == "" {
		return err
	}
	return outside(f.show(streams, []report.Status{}, false))
}

// show prints the status of releases.
func (f *engineFlags) show(streams Streams, all []report.Status, single bool) error {
	if f.output != "" {
		return encode(streams.Out, map[string]any{"releases": all}, f.output)
	}
	return printStatuses(streams.Out, all, single, time.Now(), isTerminal(streams.Out), widthOf(streams.Out))
}

func isTerminal(w io.Writer) bool {
	file, isFile := w.(*os.File)
	return isFile && term.IsTerminal(int(file.Fd()))
}
