// Package azurepipelines speaks to the agent of Azure Pipelines: by logging
// commands, which the agent finds in the output of a step
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

// Agent is the agent that runs this step. Getenv is os.Getenv, and Write stores a
// file that outlives the process and gives its absolute path.
type Agent struct {
	Getenv func(string) string
	Write  func(name string, content []byte) (path string, err error)
}

// Group implements ci.System.
func (a Agent) Group(title string) (begin, end string) {
	return "##[group]" + oneLine(title) + "\n", "##[endgroup]\n"
}

// Tell implements ci.System. The canary's weight is the progress.
func (a Agent) Tell(n ci.Notice) string {
	if n.Level == ci.Progress {
		return Command("task.setprogress", n.Text, Property{"value", strconv.Itoa(n.Weight)}) + "\n"
	}
	return Command("task.logissue", n.Text, Property{"type", string(n.Level)}) + "\n"
}

// Publish implements ci.System: it sets the variables canarize.release,
// canarize.state, canarize.weight and canarize.plan, for the steps behind this one in its job and,
// as outputs, for other jobs; it shows the summary on the run's page, and tags a run
// that ended a release, as in shop-promoted.
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
		return log.String(), fmt.Errorf("the summary for the run's page: %w", err)
	}
	fmt.Fprintln(&log, Command("task.uploadsummary", path))
	return log.String(), nil
}

// Annotations implements ci.Annotator: those that the task KubernetesManifest@1
// writes, by which Azure DevOps finds the run of an object.
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

// Temporary stores a file in a folder of its own below the one that the agent
// empties after the job. The agent reads it after this process has ended.
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
