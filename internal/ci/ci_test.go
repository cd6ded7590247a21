package ci

import (
	"testing"

	"github.com/canarize/canarize/internal/rollout"
)

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want rollout.Run
	}{
		{"a terminal", nil, rollout.Run{}},
		{"another CI", map[string]string{"CI": "true"}, rollout.Run{System: "CI"}},
		{
			"Azure Pipelines",
			map[string]string{"TF_BUILD": "True", "BUILD_BUILDID": "42", "SYSTEM_JOBATTEMPT": "2", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/shop/", "SYSTEM_TEAMPROJECT": "Web Shop", "BUILD_SOURCEVERSION": "0a1b", "BUILD_REQUESTEDFOR": "Ada"},
			rollout.Run{System: "Azure Pipelines", ID: "42", Attempt: "2", URL: "https://dev.azure.com/shop/Web%20Shop/_build/results?buildId=42", Commit: "0a1b", Author: "Ada"},
		},
		{
			"GitHub Actions",
			map[string]string{"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "shop/web", "GITHUB_SHA": "0a1b", "GITHUB_ACTOR": "ada"},
			rollout.Run{System: "GitHub Actions", ID: "7", Attempt: "1", URL: "https://github.com/shop/web/actions/runs/7", Commit: "0a1b", Author: "ada"},
		},
		{
			"GitLab CI",
			map[string]string{"CI": "true", "GITLAB_CI": "true", "CI_JOB_ID": "9", "CI_JOB_URL": "https://gitlab.com/shop/web/-/jobs/9", "CI_COMMIT_SHA": "0a1b", "CI_COMMIT_AUTHOR": "Ada L <ada@example.com>"},
			rollout.Run{System: "GitLab CI", ID: "9", URL: "https://gitlab.com/shop/web/-/jobs/9", Commit: "0a1b", Author: "Ada L"},
		},
		{"only TF_BUILD", map[string]string{"TF_BUILD": "True"}, rollout.Run{System: "Azure Pipelines"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Run(func(name string) string { return c.env[name] }); got != c.want {
				t.Errorf("%+v, expected %+v", got, c.want)
			}
		})
	}
}
