package saying

import (
	"fmt"

	"github.com/canarize/canarize/internal/lint"
)

var pipelines = []Saying{
	{Code: "CZ8001", Level: Warning, Says: []string{"store the summary for the page of the run: …; the release continues without it", "store the summary for the page of the run: …", "append to the file in …", "; the release continues without it"},
		Means: "The agent's folder for temporary files, or the file that the runner names, could not be written. Only the page of the run is incomplete.",
		Do:    "Look for a full disk on the agent."},
	{Code: "CZ8002", Level: Error, Says: []string{"unknown CI system …; known: …"},
		Means: "canarize shows notices and summaries in Azure Pipelines and GitHub Actions.",
		Do:    "Leave `--ci` out: the system is detected. `--ci=none` turns it off."},
	{Code: "CZ8003", Level: Error, Says: []string{"run canarize report … to write it later", "expected a file that ends with .html, .md, .xml (JUnit) or .json"},
		Means: "The file of `--report` could not be written, or its name does not say its format. The release itself is not affected.",
		Do:    "Correct the name or the folder; `canarize report NAME` writes the report later."},
	{Code: "CZ8004", Level: Warning, Says: []string{"lines of progress were dropped because nobody read them in time"},
		Means: "What reads stderr, such as a log collector, had stopped. The release does not wait for it. Decisions and errors are not dropped.",
		Do:    "Nothing; `canarize status NAME` shows the events."},
}

// checks are the findings of lint, by the names of its checks.
var checks = lintChecks([]check{
	{"CZ8101", Error, lint.ReleaseFile, "The release file cannot be read: an unknown or duplicate name, or a value of a wrong type or out of its range."},
	{"CZ8102", Error, lint.WholeWeights, "A step is no whole percentage, and Emissary's weights are."},
	{"CZ8103", Warning, lint.StepsOnly, "`budget` or `max` has no effect beside `steps`."},
	{"CZ8104", Error, lint.ShortDeadline, "Steps and bake take as long as the deadline, so every release would stay undecided."},
	{"CZ8105", Warning, lint.LateGate, "A gate stands before a share that is never reached, so it is asked only before the promotion."},
	{"CZ8106", Warning, lint.UnknownMetric, "A setting names a metric that the source does not count, so it has no effect."},
	{"CZ8107", Error, lint.MissingInput, "The release file names manifests that do not exist."},
	{"CZ8108", Warning, lint.MissingProgram, "A gate names a program that does not exist in the folder."},
	{"CZ8109", Error, lint.Pipeline, "The pipeline cannot be read: it is no YAML."},
	{"CZ8110", Error, lint.WrongCommand, "The pipeline calls canarize with a verb or a flag that does not exist, or with a value that a flag cannot have."},
	{"CZ8111", Error, lint.NoManifests, "A verb has neither manifests nor a release file."},
	{"CZ8112", Error, lint.NoCleanup, "No step that always runs calls `canarize reject NAME --if-active`, so the canary of a killed job would keep its share."},
	{"CZ8113", Warning, lint.HiddenExit, "The exit code of canarize is lost, so the job goes on after a rejection."},
	{"CZ8114", Warning, lint.JobTimeout, "The job ends before the deadline of its release."},
	{"CZ8115", Warning, lint.ConcurrentRuns, "Two runs of the pipeline may release at once, and replace each other's canary."},
	{"CZ8116", Warning, lint.MovingTag, "An image has no fixed version, so what was tested may not be what is promoted."},
	{"CZ8117", Warning, lint.UnknownFile, "The file is neither a release file nor a pipeline, so nothing was checked."},
})

type check struct {
	code  Code
	level Level
	name  lint.Check
	means string
}

func lintChecks(all []check) (sayings []Saying) {
	for _, c := range all {
		sayings = append(sayings, Saying{
			Code: c.code, Level: c.level, Name: string(c.name), Says: []string{fmt.Sprintf("(%s)", c.name)},
			Means: c.means, Do: "Do what the finding ends with ([lint.md](lint.md)).",
		})
	}
	return sayings
}
