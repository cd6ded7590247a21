package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/dashboard"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/survey"
	"github.com/canarize/canarize/internal/wiring"
)

func newDashboard(streams Streams) *cobra.Command {
	var f engineFlags
	var p pageFlags
	var everywhere bool
	cmd := &cobra.Command{
		Use:   "dashboard [flags] [NAME]",
		Short: "Watch releases in a browser",
		Long: `Dashboard serves a page on this machine with the releases of a namespace, or of all
with -A: those that need a person first. A click on one shows its evidence as it grows,
what it did to its users, who releases it and which images, its log, and the earlier
releases of its name. With a NAME it shows only that release.

The page answers only on loopback, and only to those who have its address. It reads the
records in the cluster, as status does, with your own permissions. It can hold, resume,
approve and reject, after you confirm, if you may change the canary's workload; the
cluster knows who said it. Everything else stays with the command line.

It ends with Ctrl-C.`,
		Example: `  canarize dashboard
  canarize dashboard -A --port 8080
  canarize dashboard shop -n shop`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if everywhere && (len(args) > 0 || f.config.path.given) {
				return errors.New("-A shows the releases of all names; leave out the NAME and --config")
			}
			release := runner.Release{}
			if len(args) > 0 || f.config.path.given {
				var err error
				if release, err = f.release(args); err != nil {
					return err
				}
			}
			if err := cmp.Or(p.check(), f.check()); err != nil {
				return err
			}
			namespace, err := f.scope(everywhere)
			if err != nil {
				return err
			}
			release.Namespace = namespace
			return f.dashboard(cmd.Context(), release, p, streams)
		},
	}
	flags := cmd.Flags()
	f.registerTarget(flags)
	flags.BoolVarP(&everywhere, "all-namespaces", "A", false, "show the releases of all namespaces")
	p.register(flags)
	flags.Lookup("no-browser").Usage = "open no browser; only print the address of the page"
	return cmd
}

// dashboard shows the releases of a namespace, or only one, until the context ends.
func (f *engineFlags) dashboard(ctx context.Context, release runner.Release, p pageFlags, streams Streams) error {
	f.announce(streams)
	engine, err := wiring.Connect(f.options(false, streams.printLine))
	if err != nil {
		return foreign(err)
	}
	defer engine.Close()
	if err := f.mustExist(ctx, engine, release.Namespace, ""); err != nil {
		return err
	}
	d, err := startDashboard(ctx, engine, dashboard.Options{Namespace: release.Namespace, Name: release.Name, Host: "canarize dashboard", Port: p.port})
	if err != nil {
		return foreign(err)
	}
	defer d.Close()
	if _, err := fmt.Fprintln(streams.Out, d.URL); err != nil {
		return outside(err)
	}
	if !p.noBrowser {
		open(d.URL, streams)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-d.Done():
		if ctx.Err() != nil {
			return nil
		}
		return foreign(d.Err())
	}
}

// startDashboard serves a page with the releases that o names.
func startDashboard(ctx context.Context, engine wiring.Hub, o dashboard.Options) (*dashboard.Dashboard, error) {
	o.Hub, o.Canarize = engine.Hub, buildVersion().Version
	o.Status = func(r survey.Recorded) report.Status { return statuses([]survey.Recorded{r})[0] }
	return dashboard.Start(ctx, o)
}
