package wiring

import (
	"fmt"

	"github.com/canarize/canarize/internal/ci"
	"github.com/canarize/canarize/internal/ci/azurepipelines"
	"github.com/canarize/canarize/internal/ci/github"
)

// CISystem returns the CI system of a name. It returns nil for none, and for auto
// outside a CI system. getenv is os.Getenv.
func CISystem(name string, getenv func(string) string) (ci.System, error) {
	switch {
	case name == "azure-pipelines", name == "auto" && getenv("TF_BUILD") != "":
		return azurepipelines.Agent{Getenv: getenv, Write: azurepipelines.Temporary(getenv("AGENT_TEMPDIRECTORY"))}, nil
	case name == "github", name == "auto" && getenv("GITHUB_ACTIONS") != "":
		return github.Runner{Output: github.Append(getenv("GITHUB_OUTPUT")), Summary: github.Append(getenv("GITHUB_STEP_SUMMARY"))}, nil
	case name == "none", name == "auto":
		return nil, nil
	}
	return nil, fmt.Errorf("unknown CI system %q; known: auto, none, azure-pipelines, github", name)
}
