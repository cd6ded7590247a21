package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/similar"
)

func similarName(word string, known []string) string { return similar.Name(word, known) }

// flagError says in terms of the user what is wrong with a flag, and what was probably
// meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		err = unknownFlag(cmd, unknown)
	case errors.As(err, &empty):
		err = fmt.Errorf("%s needs a value: %s", written(empty.GetFlag()), placeholder(empty.GetFlag()))
	case errors.As(err, &invalid):
		if want := expected[invalid.GetFlag().Value.Type()]; want != "" {
			err = fmt.Errorf("%s %q: expected %s", written(invalid.GetFlag()), invalid.GetValue(), want)
		}
	}
	end := ";"
	if strings.HasSuffix(err.Error(), "?") {
		end = ""
	}
	return fmt.Errorf("%w%s see %s --help", err, end, cmd.CommandPath())
}

// expected describes the values of a flag by their type.
var expected = map[string]string{
	"duration": "a duration with its unit, such as 90s, 10m or 1h30m",
	"int":      "a whole number",
	"uint64":   "a whole number from 0",
	"float64":  "a number, without a unit",
	"bool":     "true or false, or no value",
}

// written returns a flag as it is written.
func written(f *pflag.Flag) string { return "--" + f.Name }

// placeholder returns the name of a flag's value.
func placeholder(f *pflag.Flag) string {
	name, _ := pflag.UnquoteUsage(f)
	return name
}

// unknownFlag names the flag that was probably meant, or the verbs that have the flag.
func unknownFlag(cmd *cobra.Command, unknown *pflag.NotExistError) error {
	name := unknown.GetSpecifiedName()
	if short := unknown.GetSpecifiedShortnames(); short != "" {
		return unknownShort(cmd, name, short)
	}
	if meant := similarName(name, flagNames(cmd)); meant != "" {
		return fmt.Errorf("--%s is no flag of %s; did you mean --%s?", name, cmd.Name(), meant)
	}
	if verbs := verbsWith(cmd.Root(), func(f *pflag.Flag) bool { return f.Name == name }); len(verbs) > 0 {
		return fmt.Errorf("--%s is no flag of %s, but of %s", name, cmd.Name(), strings.Join(verbs, ", "))
	}
	return fmt.Errorf("--%s is no flag of %s", name, cmd.Name())
}

// unknownShort explains an unknown letter among short flags. Somebody may have written a
// long name with one dash.
func unknownShort(cmd *cobra.Command, letter, letters string) error {
	if meant := cmd.Flags().Lookup(strings.SplitN(letters, "=", 2)[0]); meant != nil {
		return fmt.Errorf("-%s is no flag; did you mean --%s?", letters, meant.Name)
	}
	if verbs := verbsWith(cmd.Root(), func(f *pflag.Flag) bool { return f.Shorthand == letter }); len(verbs) > 0 {
		return fmt.Errorf("-%s is no flag of %s, but of %s", letter, cmd.Name(), strings.Join(verbs, ", "))
	}
	return fmt.Errorf("-%s is no flag of %s", letter, cmd.Name())
}

// verbsWith returns the verbs that have a flag.
func verbsWith(root *cobra.Command, which func(*pflag.Flag) bool) []string {
	var verbs []string
	for _, c := range root.Commands() {
		found := false
		c.Flags().VisitAll(func(f *pflag.Flag) { found = found || which(f) })
		if found {
			verbs = append(verbs, c.Name())
		}
	}
	return verbs
}

// verbAmong refuses arguments of the default verb of which one is a verb: somebody wrote
// flags before the verb.
func verbAmong(root *cobra.Command, args []string) error {
	i := slices.IndexFunc(args, func(arg string) bool {
		return !isPath(arg) && slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == arg })
	})
	if i < 0 {
		return nil
	}
	return fmt.Errorf("%s is a verb, and it comes before its flags: %s %s [flags]", args[i], root.CommandPath(), args[i])
}
