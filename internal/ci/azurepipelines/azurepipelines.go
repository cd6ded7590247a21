// Package azurepipelines sends messages to the agent of Azure Pipelines: logging commands
// in the output of a step
// (learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands).
package azurepipelines

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/ci"
)

// Agent is the agent of the current step. Getenv is os.Getenv. Write stores a file that
// outlives the process and returns its absolute path.
type Agent struct {
	Getenv func(string) string
	Write  func(name string, content []byte) (path string, err error)
}

// Group implements ci.System.
func (a Agent) Group(title string) (begin, end string) {
	return "##[group]" + oneLine(title) + "\n", "##[endgroup]\n"
}

// Notify implements ci.System. It reports the canary's weight as the progress.
func (a Agent) Notify(n ci.Notice) string {
	if n.Level == ci.Progress {
		return Command("task.setprogress", n.Text, Property{"value", strconv.Itoa(n.Weight)}) + "\n"
	}
	if n.Code == "" {
		return Command("task.logissue", n.Text, Property{"type", string(n.Level)}) + "\n"
	}
	// The page of the run shows the text alone.
	return Command("task.logissue", n.Text+" ["+n.Code+"]", Property{"type", string(n.Level)}, Property{"code", n.Code}) + "\n"
}

// Publish implements ci.System. It sets the variables canarize.release, canarize.state,
// canarize.weight and canarize.plan for later steps of the job and, as outputs, for other
// jobs. It shows the summary on the page of the run. If the release is over, it tags the
// run, for example with shop-promoted.
func (a Agent) Publish(o ci.Outcome) (string, error) {
	var log strings.Builder
	for _, v := range []Property{{"release", o.Release}, {"state", o.State}, {"weight", strconv.Itoa(o.Weight)}, {"plan", o.Plan}} {
		name := Property{"variable", "canarize." + v.Key}
		fmt.Fprintln(&log, Command("task.setvariable", v.Value, name))
		fmt.Fprintln(&log, Command("task.setvariable", v.Value, name, Property{"isOutput", "true"}))
	}
	if o.Over {
		fmt.Fprintln(&log, Command("build.addbuildtag", o.Release+"-"+o.State))
	}
	path, err := a.Write("Release "+o.Release+".md", o.Summary)
	if err != nil {
		return log.String(), fmt.Errorf("store the summary for the page of the run: %w", err)
	}
	fmt.Fprintln(&log, Command("task.uploadsummary", path))
	return log.String(), nil
}

// Annotations implements ci.Annotator. It returns the annotations that the task
// KubernetesManifest@1 writes. Azure DevOps uses them to find the run of an object.
func (a Agent) Annotations() map[string]string {
	collection, project := a.Getenv("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"), a.Getenv("SYSTEM_TEAMPROJECT")
	all := map[string]string{
		"run": a.Getenv("BUILD_BUILDNUMBER"), "pipeline": a.Getenv("BUILD_DEFINITIONNAME"), "jobName": a.Getenv("AGENT_JOBNAME"),
		"project": project, "org": collection,
	}
	if id := a.Getenv("BUILD_BUILDID"); id != "" {
		all["runuri"] = collection + project + "/_build/results?buildId=" + id
	}
	annotations := map[string]string{}
	for key, value := range all {
		if value != "" {
			annotations["azure-pipelines/"+key] = value
		}
	}
	return annotations
}

// Temporary returns a function that stores a file in a new folder below dir. The agent
// reads the file after this process has ended, and empties dir after the job.
func Temporary(dir string) func(name string, content []byte) (string, error) {
	return func(name string, content []byte) (string, error) {
		own, err := os.MkdirTemp(dir, "canarize-")
		if err != nil {
			return "", err
		}
		if own, err = filepath.Abs(own); err != nil {
			return "", err
		}
		path := filepath.Join(own, name)
		return path, os.WriteFile(path, content, 0o600)
	}
}
