package cli

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// complain returns the message of a command that is wrong as written.
func complain(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := Main(context.Background(), append([]string{"canarize"}, args...), Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != exitInvalid || out.Len() > 0 {
		t.Errorf("%q: exit code %d, %d bytes on stdout", args, code, out.Len())
	}
	return uncoded(t, errs.String())
}

var aCode = regexp.MustCompile(` \[CZ[1-9][0-9]{3}\]$`)

// uncoded returns a message without the code at its end, which it must have.
func uncoded(t *testing.T, message string) string {
	t.Helper()
	message = strings.TrimSpace(message)
	if !aCode.MatchString(message) {
		t.Errorf("no code ends the message %s", message)
	}
	return aCode.ReplaceAllString(message, "")
}

func TestWrongUsage(t *testing.T) {
	for args, want := range map[string]string{
		"stauts":                 `"stauts" is neither a verb nor a file; did you mean status? see canarize --help`,
		"rollback":               `"rollback" is neither a verb nor a file; did you mean reject? see canarize --help`,
		"Pause":                  `"Pause" is neither a verb nor a file; did you mean hold? see canarize --help`,
		"abracadabra":            `"abracadabra" is neither a verb nor a file; see canarize --help`,
		"-n shop status":         "status is a verb, and it comes before its flags: canarize status [flags]",
		"status --namspace x":    "--namspace is no flag of status; did you mean --namespace? see canarize status --help",
		"run --max_chars 5":      "--max_chars is no flag of run; see canarize run --help",
		"run --on_cancel zero":   "--on_cancel is no flag of run; did you mean --on-cancel? see canarize run --help",
		"generate --weight 5":    "--weight is no flag of generate; did you mean --canary-weight? see canarize generate --help",
		"status --no-wait":       "--no-wait is no flag of status, but of analyze, deploy, promote, reject, run, shift; see canarize status --help",
		"status -w=5":            `--watch "5": expected true or false, or no value; see canarize status --help`,
		"hold shop -I a":         "-I is no flag of hold, but of deploy, diff, doctor, generate, plan, run; see canarize hold --help",
		"shift -to 5":            "-to is no flag; did you mean --to? see canarize shift --help",
		"shift --to":             "--to needs a value: 0..100; see canarize shift --help",
		"run --timeout 5":        `--timeout "5": expected a duration with its unit, such as 90s, 10m or 1h30m; see canarize run --help`,
		"simulate --runs 1e3":    `--runs "1e3": expected a whole number; see canarize simulate --help`,
		"plan --stable-errors x": `--stable-errors "x": expected a number, without a unit; see canarize plan --help`,
	} {
		if got := complain(t, strings.Fields(args)...); got != "canarize: "+want {
			t.Errorf("canarize %s:\n%s\nexpected\n%s", args, got, want)
		}
	}
}

// everyFlag calls see with every flag of every verb.
func everyFlag(see func(*cobra.Command, *pflag.Flag)) {
	root := newRoot("canarize", Streams{})
	for _, cmd := range append(root.Commands(), root) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { see(cmd, f) })
	}
}

// TestFlagMistakes: every flag with a letter too few is either understood or leads to a
// flag of the verb.
func TestFlagMistakes(t *testing.T) {
	everyFlag(func(cmd *cobra.Command, f *pflag.Flag) {
		word := f.Name[:len(f.Name)-1]
		if len(word) < 4 || cmd.Flags().Lookup(word) != nil {
			return
		}
		err := flagError(cmd, cmd.Flags().Parse([]string{"--" + word}))
		if err == nil || !strings.Contains(err.Error(), "did you mean --"+f.Name+"? ") {
			t.Errorf("%s --%s: %v", cmd.Name(), word, err)
		}
	})
}

// TestPlaceholders: in the help a flag's value has a name in capitals, so that nobody
// takes it for a value. Another form describes the value, such as 0..100.
func TestPlaceholders(t *testing.T) {
	name := regexp.MustCompile(`^(\[?[A-Z]+[]|/,.=A-Z-]*|0\.\.100)$`)
	everyFlag(func(cmd *cobra.Command, f *pflag.Flag) {
		if value := placeholder(f); value != "" && !name.MatchString(value) {
			t.Errorf("%s: the help shows --%s %s", cmd.CommandPath(), f.Name, value)
		}
	})
}

// TestVerbGroups: the help shows every verb exactly once.
func TestVerbGroups(t *testing.T) {
	var shown, known []string
	for _, g := range verbGroups {
		shown = append(shown, g.verbs...)
	}
	for _, c := range newRoot("canarize", Streams{}).Commands() {
		known = append(known, c.Name())
	}
	slices.Sort(shown)
	slices.Sort(known)
	if !slices.Equal(shown, known) {
		t.Errorf("verbGroups has\n%s\nthe verbs are\n%s", shown, known)
	}
	for verb, words := range otherWords {
		for _, word := range append(words, verb) {
			if slices.Contains(known, word) != (word == verb) {
				t.Errorf("%s: %s", verb, word)
			}
		}
	}
}
