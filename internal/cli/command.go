package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/lint"
)

// parseCommand parses the arguments of a command line as Main does, without carrying it
// out.
func parseCommand(args []string) (lint.Call, error) {
	root := newRoot("canarize", Streams{})
	if len(args) == 0 {
		return lint.Call{}, nil
	}
	cmd, rest, err := root.Find(defaultVerb(root, args))
	if err != nil || cmd == root && len(rest) > 0 && rest[0][0] != '-' {
		return lint.Call{}, knownVerb(root, args)
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return lint.Call{}, flagError(cmd, err)
	}
	call := lint.Call{Verb: cmd.Name(), Args: cmd.Flags().Args(), Flags: map[string][]string{}}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		call.Flags[f.Name] = []string{f.Value.String()}
		if list, is := f.Value.(pflag.SliceValue); is {
			call.Flags[f.Name] = list.GetSlice()
		}
	})
	return call, checkArguments(cmd, call)
}

// checkArguments checks the number of arguments as far as the verb's usage says it.
func checkArguments(cmd *cobra.Command, call lint.Call) error {
	if cmd.Args == nil {
		return nil
	}
	if err := cmd.Args(cmd, call.Args); err != nil {
		return fmt.Errorf("canarize %s: %w", cmd.Name(), err)
	}
	return nil
}
