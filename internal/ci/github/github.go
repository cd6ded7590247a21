// Package github sends messages to the runner of GitHub Actions: workflow commands in the
// output of a step, and files that the environment names
// (docs.github.com/actions/reference/workflows-and-actions/workflow-commands).
package github

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/ci"
)

// Runner is the runner of the current step. Output appends to the file in GITHUB_OUTPUT,
// Summary to the file in GITHUB_STEP_SUMMARY.
type Runner struct {
	Output, Summary func(text []byte) error
}

// Group implements ci.System.
func (r Runner) Group(title string) (begin, end string) {
	return command("group", "", title), command("endgroup", "", "")
}

// Notify implements ci.System. GitHub Actions shows no progress.
func (r Runner) Notify(n ci.Notice) string {
	if n.Level == ci.Progress {
		return ""
	}
	return command(string(n.Level), strings.TrimSpace("canarize "+n.Code), n.Text)
}

// Publish implements ci.System. It sets the outputs release, state, weight and plan, and
// appends the summary to the summary of the job.
func (r Runner) Publish(o ci.Outcome) (string, error) {
	outputs := output("release", o.Release) + output("state", o.State) + output("weight", strconv.Itoa(o.Weight)) + output("plan", o.Plan)
	return "", errors.Join(
		named("GITHUB_OUTPUT", r.Output([]byte(outputs))),
		named("GITHUB_STEP_SUMMARY", r.Summary(slices.Concat(o.Summary, []byte("\n")))))
}

func named(file string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("append to the file in %s: %w", file, err)
}

// Append returns a function that appends to a file made by the runner. Without a name the
// function does nothing, because older runners have no such file.
func Append(name string) func([]byte) error {
	return func(text []byte) error {
		if name == "" {
			return nil
		}
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		return errors.Join(err, f.Close())
	}
}

// command returns a workflow command as one line. It escapes every text, so that no text
// can end the command or begin another.
func command(name, title, text string) string {
	properties := ""
	if title != "" {
		properties = " title=" + escapeProperty(title)
	}
	return "::" + name + properties + "::" + escapeData(ci.Harmless(text)) + "\n"
}

func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(ci.Harmless(s))
}

// output returns an entry of the output file. It picks an end mark that does not occur in
// the value.
func output(name, value string) string {
	end := "end"
	for strings.Contains(value, end) {
		end += "-"
	}
	return name + "<<" + end + "\n" + value + "\n" + end + "\n"
}
