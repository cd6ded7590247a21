package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// verbGroups lists the verbs by what one does with them, in the order of the help. A test
// fails if a verb is missing.
var verbGroups = []struct {
	title string
	verbs []string
}{
	{"The verbs that most people need", []string{"plan", "run", "status"}},
	{"Try it without a cluster", []string{"demo", "simulate"}},
	{"Derive", []string{"generate", "diff", "migrate"}},
	{"Release step by step", []string{"deploy", "shift", "analyze", "promote", "reject"}},
	{"Watch", []string{"dashboard", "traffic", "doctor"}},
	{"Decide, while a release runs", []string{"approve", "hold", "resume"}},
	{"Look back", []string{"report", "history", "mark", "explain"}},
	{"Prepare", []string{"lint", "rbac", "schema", "calibrate", "judge"}},
	{"About canarize", []string{"help", "version", "completion"}},
}

// flagWidth is the width of the descriptions of flags.
const flagWidth = 110

// printUsage prints what a verb takes. The root lists the verbs.
func printUsage(cmd *cobra.Command) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Usage:\n")
	switch {
	case !cmd.HasAvailableSubCommands():
		fmt.Fprintf(&text, "  %s\n", cmd.UseLine())
	case cmd.HasParent(): // completion
		fmt.Fprintf(&text, "  %s SHELL\n", cmd.CommandPath())
	default:
		fmt.Fprintf(&text, "  %s VERB [flags] [arguments]\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&text, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		printVerbs(&text, cmd)
	}
	if cmd.HasAvailableLocalFlags() {
		fmt.Fprintf(&text, "\nFlags:\n%s\n", strings.TrimRight(cmd.LocalFlags().FlagUsagesWrapped(flagWidth), "\n"))
	}
	if !cmd.HasParent() {
		fmt.Fprintf(&text, "\n%s VERB --help explains a verb.\n", cmd.CommandPath())
	}
	_, err := fmt.Fprint(cmd.OutOrStderr(), text.String())
	return err
}

// printVerbs prints the verbs below a command, those of the root in groups.
func printVerbs(text *strings.Builder, cmd *cobra.Command) {
	line := func(c *cobra.Command) { fmt.Fprintf(text, "  %-11s %s\n", c.Name(), c.Short) }
	if cmd.HasParent() {
		text.WriteString("\nShells:\n")
		for _, c := range cmd.Commands() {
			line(c)
		}
		return
	}
	for _, g := range verbGroups {
		fmt.Fprintf(text, "\n%s:\n", g.title)
		for _, name := range g.verbs {
			if i := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == name }); i >= 0 {
				line(cmd.Commands()[i])
			}
		}
	}
}

// otherWords lists what other tools call a verb.
var otherWords = map[string][]string{
	"run":      {"release", "rollout", "start", "apply", "update", "upgrade"},
	"reject":   {"rollback", "abort", "undo", "cancel", "delete", "stop", "revert"},
	"hold":     {"pause", "wait", "freeze"},
	"resume":   {"continue", "unpause", "unhold", "retry"},
	"status":   {"get", "list", "ls", "watch", "show", "releases", "ps"},
	"shift":    {"weight", "set-weight", "set", "move", "ramp", "scale"},
	"promote":  {"finish", "complete", "finalize"},
	"doctor":   {"check", "preflight", "verify"},
	"lint":     {"validate", "vet"},
	"generate": {"derive", "render", "template", "build", "gen"},
	"explain":  {"error", "why", "code"},
	"migrate":  {"convert", "translate", "ingress2gateway"},
	"report":   {"summary", "describe", "logs", "log"},
	"rbac":     {"permissions", "role", "auth"},
	"plan":     {"preview", "dry-run", "what-if"},
	"analyze":  {"analyse", "analysis", "measure"},
	"simulate": {"test", "try"},
}

// verbLike returns the verb that somebody meant, or "".
func verbLike(root *cobra.Command, word string) string {
	var known []string
	for _, c := range root.Commands() {
		if slices.Contains(otherWords[c.Name()], strings.ToLower(word)) {
			return c.Name()
		}
		known = append(known, c.Name())
	}
	return similarName(word, known)
}

// flagNames returns the long names of the flags of a verb.
func flagNames(cmd *cobra.Command) []string {
	var all []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			all = append(all, f.Name)
		}
	})
	return all
}
