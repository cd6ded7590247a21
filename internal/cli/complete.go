package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/releasefile"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/simulate"
	"github.com/canarize/canarize/internal/survey"
)

// completionTime is how long a shell may wait for the cluster. Without an answer nothing
// is completed, and nothing is said: the user is typing.
const completionTime = 3 * time.Second

// flagValues has the values of flags that are the same for every verb.
var flagValues = map[string][]string{
	"ci":        {"auto", "none", "azure-pipelines", "github"},
	"color":     {"auto", "always", "never"},
	"dry-run":   {"none", "client", "server"},
	"on-cancel": {"zero", "hold"},
	"progress":  {"auto", "terminal", "plain", "lines", "json"},
	"replicas":  {"weight", "same"},
}

// completing adds the completion of names, gates and values to the verbs.
func completing(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "status", "report", "history":
			cmd.ValidArgsFunction = completeNames(false)
		case "shift", "analyze", "promote", "reject", "hold", "resume", "approve":
			cmd.ValidArgsFunction = completeNames(true)
		case "mark":
			cmd.ValidArgsFunction = completeMark
		case "help":
			cmd.ValidArgsFunction = completeVerbs
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if values := valuesOf(f); values != nil {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
					return printable(values(cmd), begun), cobra.ShellCompDirectiveNoFileComp
				}) // fails only if the flag does not exist
			}
		})
	}
}

// valuesOf returns what completes a flag; nil if the shell does.
func valuesOf(f *pflag.Flag) func(*cobra.Command) []string {
	fixed := func(values []string) func(*cobra.Command) []string {
		return func(*cobra.Command) []string { return values }
	}
	switch {
	case flagValues[f.Name] != nil:
		return fixed(flagValues[f.Name])
	case f.Name == "output" && placeholder(f) == "FORMAT":
		return fixed(formats(f))
	case f.Name == "accept":
		return fixed(texts(note.Names()))
	case f.Name == "context":
		return func(cmd *cobra.Command) []string { return targetOf(cmd).Contexts() }
	case f.Name == "namespace", f.Name == "emissary-namespace":
		return completeNamespaces
	case f.Name == "scenario":
		return completeScenarios
	}
	return nil
}

// formats returns the formats that the help of -o lists.
func formats(f *pflag.Flag) (all []string) {
	_, usage := pflag.UnquoteUsage(f)
	_, list, _ := strings.Cut(usage, ": ")
	for format := range strings.SplitSeq(list, ", ") {
		name, _, _ := strings.Cut(format, " ")
		all = append(all, name)
	}
	return all
}

func completeScenarios(*cobra.Command) (names []string) {
	all, err := simulate.Scenarios()
	if err != nil {
		return nil
	}
	for _, s := range all {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Description))
	}
	return names
}

func completeVerbs(cmd *cobra.Command, args []string, begun string) (verbs []string, _ cobra.ShellCompDirective) {
	for _, c := range cmd.Root().Commands() {
		if len(args) == 0 && c.IsAvailableCommand() {
			verbs = append(verbs, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	return printable(verbs, begun), cobra.ShellCompDirectiveNoFileComp
}

// completeNames completes the name of a release, and for approve that of a gate. active
// leaves out releases that have ended.
func completeNames(active bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		var all []string
		for _, r := range releasesFor(cmd) {
			switch {
			case len(args) == 0 && (!active || r.State.Phase.Active()):
				all = append(all, cobra.CompletionWithDesc(r.Name, fmt.Sprintf("%s, %d %%", r.State.Phase, r.State.Weight)))
			case len(args) == 1 && args[0] == r.Name && cmd.Name() == "approve":
				all = append(all, openGates(r)...)
			}
		}
		return printable(all, begun), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeMark completes the name of a release, and what can be said about it.
func completeMark(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return completeNames(false)(cmd, args, begun)
	}
	return printable([]string{string(rollout.Right), string(rollout.Wrong), noMark}, begun), cobra.ShellCompDirectiveNoFileComp
}

// openGates returns the gates that the release has not passed.
func openGates(r survey.Recorded) (open []string) {
	passed := map[string]bool{}
	for _, p := range r.State.Passed {
		passed[p.Gate] = true
	}
	for _, gate := range r.State.Gates {
		if !passed[gate] {
			open = append(open, gate)
		}
	}
	return open
}

// printable returns the names that go on with what was begun. It leaves out what could
// write to the terminal anything but a name. A tab begins the description.
func printable(names []string, begun string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !strings.HasPrefix(name, begun) || strings.ContainsFunc(strings.Replace(name, "\t", "", 1), func(r rune) bool { return !unicode.IsPrint(r) })
	})
}

func targetOf(cmd *cobra.Command) kube.Target {
	var t kube.Target
	t.Context, _ = cmd.Flags().GetString("context") // "" without the flag
	t.Kubeconfig, _ = cmd.Flags().GetString("kubeconfig")
	return t
}

// connected calls do with the cluster of a command line, for a short time.
func connected(cmd *cobra.Command, do func(context.Context, *kube.Cluster) error) {
	if cmd.Context() == nil {
		return
	}
	ctx, stop := context.WithTimeout(cmd.Context(), completionTime)
	defer stop()
	cluster, err := kube.Connect(targetOf(cmd), kube.Options{Attempts: 1, Timeout: completionTime})
	if err == nil {
		_ = do(ctx, cluster) // without an answer nothing is completed
	}
}

func completeNamespaces(cmd *cobra.Command) (names []string) {
	connected(cmd, func(ctx context.Context, cluster *kube.Cluster) (err error) {
		names, err = survey.Namespaces(ctx, cluster)
		return err
	})
	return names
}

// releasesFor returns the releases of the namespace in which a command line works.
func releasesFor(cmd *cobra.Command) (releases []survey.Recorded) {
	connected(cmd, func(ctx context.Context, cluster *kube.Cluster) (err error) {
		namespace, err := completedNamespace(cmd)
		if err == nil {
			releases, err = survey.Releases(ctx, cluster, namespace, "")
		}
		return err
	})
	return releases
}

// completedNamespace returns the namespace of the flag, the release file or the context.
func completedNamespace(cmd *cobra.Command) (string, error) {
	if namespace, _ := cmd.Flags().GetString("namespace"); namespace != "" {
		return namespace, nil
	}
	file := defaultFile
	if f := cmd.Flags().Lookup("config"); f != nil && f.Changed {
		file = f.Value.String()
	}
	if text, err := os.ReadFile(file); err == nil {
		if r, err := releasefile.Parse(file, text); err == nil && r.Namespace != "" {
			return r.Namespace, nil
		}
	}
	return targetOf(cmd).Namespace()
}
