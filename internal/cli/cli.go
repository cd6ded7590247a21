// Package cli is the command line: one file per verb. A verb turns flags into validated
// options and calls what package wiring provides.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/similar"
	"github.com/canarize/canarize/internal/spool"
)

// Streams are the input and outputs of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer

	rawErr io.Writer // Err without escaping, to redraw a terminal
	// spool keeps verbs that move traffic from blocking on stderr.
	spool *spool.Spool
}

// Exit codes, the same for every verb.
const (
	exitDone        = 0 // done; diff: equal
	exitDiffers     = 1 // diff: different
	exitOutside     = 1 // failed for a reason outside the release: cluster, network, permission, disk
	exitInvalid     = 2 // wrong usage or invalid input
	exitRejected    = 3
	exitHeld        = 4 // held or inconclusive
	exitInterrupted = 5
)

// exitError is an error with an exit code. Every other error counts as invalid input.
type exitError struct {
	code int
	err  error
	// settled means that the message also holds after an interruption.
	settled bool
}

func (e exitError) Error() string { return e.err.Error() }
func (e exitError) Unwrap() error { return e.err }

// outside marks an error with a cause outside the user's input.
func outside(err error) error {
	if err == nil {
		return nil
	}
	return exitError{code: exitOutside, err: err}
}

// foreign is like outside for errors with foreign text, for example from an API server.
// It masks secrets and adds advice.
func foreign(err error) error { return outside(advised(runner.Release{}, redact.Error(err))) }

// errDiffers ends in exit code 1 without a message.
var errDiffers = exitError{code: exitDiffers, err: errors.New("")}

// Main runs the command line args, where args[0] is the program, and returns its exit
// code. Only here errors become messages and exit codes.
func Main(ctx context.Context, args []string, streams Streams) int {
	streams.rawErr, streams.Err = streams.Err, escaping{streams.Err}
	streams.spool = spool.New(spool.Options{MaxDroppable: maxProgress, Patience: patience})
	root := newRoot(args[0], streams)
	root.SetArgs(defaultVerb(root, args[1:]))
	err := root.ExecuteContext(ctx)
	code, message := conclusion(ctx, err)
	streams.printFinal(ctx, message, codeOf(message, err))
	return code
}

// conclusion turns the error of a verb into an exit code and a message, which may be
// empty.
func conclusion(ctx context.Context, err error) (code int, message string) {
	coded := exitError{code: exitInvalid}
	errors.As(err, &coded)
	switch {
	case err == nil:
		return exitDone, ""
	case ctx.Err() != nil && !coded.settled:
		return exitInterrupted, "interrupted; nothing was written"
	case errors.Is(err, syscall.EPIPE): // nobody reads the message
		return coded.code, ""
	}
	return coded.code, err.Error()
}

// newRoot returns the command tree. If the program is called kubectl-canarize, the help
// says "kubectl canarize".
func newRoot(program string, streams Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "canarize",
		Short: "Release a new version to Kubernetes without hurting anyone",
		Long: `Canarize derives a canary from the Kubernetes manifests of an application's new
version, and gives it an exact share of the traffic through the weight of an
Emissary-ingress Mapping: 1 % needs one pod, not a hundred.

Without a verb, canarize runs generate: canarize -w 25 FILE…`,
		Example: `  # what a release would do, the release, and how it stands
  canarize plan -I registry.example.com/app:2 manifests
  canarize run -I registry.example.com/app:2 manifests
  canarize status

  # only the canary's manifests
  canarize generate -w 10 manifests | kubectl apply -f -`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		DisableAutoGenTag: true,
		Args:              knownVerb,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	if strings.HasPrefix(filepath.Base(program), "kubectl-") {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl canarize"}
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(printUsage)
	root.Flags().Bool(versionFlag, false, "print the version, as the verb version does")
	root.AddCommand(
		newGenerate(streams), newDiff(streams), newMigrate(streams), newTraffic(streams), newJudge(streams),
		newPlan(streams), newRun(streams), newDeploy(streams), newShift(streams), newAnalyze(streams), newPromote(streams), newReject(streams),
		newApprove(streams), newHold(streams), newResume(streams), newStatus(streams), newDashboard(streams), newReport(streams), newHistory(streams), newMark(streams), newExplain(streams),
		newDoctor(streams), newLint(streams), newRBAC(streams), newSchema(streams), newSimulate(streams), newCalibrate(streams), newDemo(streams), newVersion(streams),
	)
	root.SetHelpCommand(newHelp(root))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Args = knownShell
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	completing(root)
	return root
}

// newHelp returns cobra's help command, which here refuses unknown verbs.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Help about a verb",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return knownVerb(root, args)
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

// knownVerb refuses an argument that is no verb. defaultVerb has already handled files.
func knownVerb(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%q is neither a verb nor a file; %ssee %s --help", args[0], similar.Hint(verbLike(root, args[0])), root.CommandPath())
}

func knownShell(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("no completion for %q; see %s --help", args[0], cmd.CommandPath())
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%q: %s takes no arguments; see %s --help", args[0], cmd.CommandPath(), cmd.CommandPath())
}

// versionFlag is the flag that stands for the verb version.
const versionFlag = "version"

// defaultVerb inserts "generate" unless the arguments begin with a verb. The first
// canarize script was called this way: canarize -w 25 FILE…
func defaultVerb(root *cobra.Command, args []string) []string {
	if len(args) == 0 || slices.Contains([]string{"-h", "--help", "help", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, args[0]) {
		return args
	}
	if args[0] == "--"+versionFlag {
		return append([]string{"version"}, args[1:]...)
	}
	for _, verb := range root.Commands() {
		if verb.Name() == args[0] {
			return args
		}
	}
	if strings.HasPrefix(args[0], "-") || isPath(args[0]) {
		return append([]string{"generate"}, args...)
	}
	return args
}
