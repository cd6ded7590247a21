// Package github speaks to the runner of GitHub Actions: by workflow commands in
// the output of a step, and by files that it names in the environment
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

// Runner is the runner of this step. Output and Summary append to the files of
// GITHUB_OUTPUT and GITHUB_STEP_SUMMARY.
type Runner struct {
	Output, Summary func(text []byte) error
}

// Group implements ci.System.
func (r Runner) Group(title string) (begin, end string) {
	return command("group", "", title), command("endgroup", "", "")
}

// Tell implements ci.System. GitHub Actions shows no progress.
func (r Runner) Tell(n ci.Notice) string {
	if n.Level == ci.Progress {
		return ""
	}
	return command(string(n.Level), "canarize", n.Text)
}

// Publish implements ci.System: it sets the outputs release, state, weight and plan, and
// adds the summary to that of the job.
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
	return fmt.Errorf("the file of %s: %w", file, err)
}

// Append adds to a file that the runner has made. Without a name it does nothing:
// an older runner has no such file.
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

// command is a workflow command as one line. Every text is escaped, so that none
// can end the command and begin another.
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

// output is an entry of the file of outputs. The mark that ends it is one that the
// value does not contain.
func output(name, value string) string {
	end := "end"
	for strings.Contains(value, end) {
		end += "-"
	}
	return name + "<<" + end + "\n" + value + "\n" + end + "\n"
}
