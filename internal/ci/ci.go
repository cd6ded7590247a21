// Package ci detects the CI system that a command runs under and describes what such a
// system can show.
package ci

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/canarize/canarize/internal/rollout"
)

// Run returns the CI run that the environment describes. It returns the zero Run if it
// finds no CI system, as on a person's terminal. getenv is os.Getenv.
func Run(getenv func(string) string) rollout.Run {
	switch {
	case getenv("TF_BUILD") != "":
		return azurePipelines(getenv)
	case getenv("GITHUB_ACTIONS") != "":
		return gitHub(getenv)
	case getenv("GITLAB_CI") != "":
		author, _, _ := strings.Cut(getenv("CI_COMMIT_AUTHOR"), " <") // NAME <ADDRESS>
		return rollout.Run{System: "GitLab CI", ID: getenv("CI_JOB_ID"), URL: getenv("CI_JOB_URL"), Commit: getenv("CI_COMMIT_SHA"), Author: cmp.Or(author, getenv("GITLAB_USER_LOGIN"))}
	case getenv("CI") != "":
		return rollout.Run{System: "CI"}
	}
	return rollout.Run{}
}

// azurePipelines reads the predefined variables of Azure Pipelines
// (learn.microsoft.com/azure/devops/pipelines/build/variables).
func azurePipelines(getenv func(string) string) rollout.Run {
	r := rollout.Run{System: "Azure Pipelines", ID: getenv("BUILD_BUILDID"), Attempt: getenv("SYSTEM_JOBATTEMPT"), Commit: getenv("BUILD_SOURCEVERSION"), Author: getenv("BUILD_REQUESTEDFOR")}
	project := strings.TrimSuffix(getenv("SYSTEM_COLLECTIONURI"), "/") + "/" + url.PathEscape(getenv("SYSTEM_TEAMPROJECT"))
	if r.ID != "" {
		r.URL = project + "/_build/results?buildId=" + url.QueryEscape(r.ID)
	}
	return r
}

// gitHub reads the default variables of GitHub Actions
// (docs.github.com/actions/reference/workflows-and-actions/variables).
func gitHub(getenv func(string) string) rollout.Run {
	r := rollout.Run{System: "GitHub Actions", ID: getenv("GITHUB_RUN_ID"), Attempt: getenv("GITHUB_RUN_ATTEMPT"), Commit: getenv("GITHUB_SHA"), Author: getenv("GITHUB_ACTOR")}
	if r.ID != "" {
		r.URL = getenv("GITHUB_SERVER_URL") + "/" + getenv("GITHUB_REPOSITORY") + "/actions/runs/" + r.ID
	}
	return r
}
