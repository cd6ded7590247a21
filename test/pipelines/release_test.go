package pipelines

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	buildID  = "4711"
	newImage = "registry.example.com/app:4711@sha256:0000000000000000000000000000000000000000000000000000000000000001"
	oldImage = "registry.example.com/app:1"
)

// TestMain runs the fakes of fakes_test.go if the test binary is started under the name
// of one.
func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); name == "kubectl" || name == "canarize" {
		os.Exit(play(name, os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// agent runs the stage Release as Azure Pipelines does: each hook has a new disk, which
// holds the artifact only if the hook downloads it.
type agent struct {
	t        *testing.T
	p        pipeline
	state    string // folder of the fake cluster
	artifact string
	env      []string
	log      strings.Builder
}

func newAgent(t *testing.T, env ...string) *agent {
	t.Helper()
	a := &agent{t: t, p: load(t), state: t.TempDir(), artifact: t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for _, name := range []string{"kubectl", "canarize"} {
		a.must(os.Symlink(self, filepath.Join(bin, name)))
	}
	// Not executable, because an artifact does not preserve permissions.
	a.must(os.WriteFile(filepath.Join(a.artifact, "canarize"), []byte("#!/bin/sh\nexec canarize \"$@\"\n"), 0o600))
	a.must(os.WriteFile(filepath.Join(a.artifact, "image"), []byte(newImage+"\n"), 0o600))
	for _, folder := range []string{"manifests", "misc"} {
		a.must(os.CopyFS(filepath.Join(a.artifact, folder), os.DirFS(filepath.Join(root, folder))))
	}

	for name, value := range a.p.Variables {
		a.env = append(a.env, strings.ToUpper(name)+"="+value)
	}
	a.env = append(a.env, "PATH="+bin+":"+os.Getenv("PATH"), "FAKE_CLUSTER="+a.state, "HOME="+t.TempDir(), "BUILD_BUILDID="+buildID)
	a.env = append(a.env, env...)
	return a
}

func (a *agent) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

var (
	macro       = regexp.MustCompile(`\$\(([A-Za-z.]+)\)`)
	setVariable = regexp.MustCompile(`(?m)^##vso\[task\.setvariable variable=(\w+)\](.*)$`)
)

// run runs one hook and reports whether all its steps succeeded. After a failed step it
// runs only steps with the condition always().
func (a *agent) run(name string) bool {
	a.t.Helper()
	workspace, temporary := a.t.TempDir(), a.t.TempDir()
	variables := maps.Clone(a.p.Variables)
	good := true
	for _, s := range a.p.hooks()[name].Steps {
		if s.Download == "current" {
			a.must(os.CopyFS(filepath.Join(workspace, "release"), os.DirFS(a.artifact)))
		}
		if s.Bash == "" || !good && s.Condition != "always()" {
			continue
		}
		command := exec.CommandContext(a.t.Context(), "bash", "--noprofile", "--norc", "-c", s.Bash)
		command.Dir = workspace
		command.Env = append(slices.Clone(a.env), "AGENT_TEMPDIRECTORY="+temporary)
		for key, value := range s.Env {
			value = macro.ReplaceAllStringFunc(value, func(m string) string { return variables[m[2:len(m)-1]] })
			if value != "" { // an agent may omit empty variables
				command.Env = append(command.Env, key+"="+value)
			}
		}
		output, err := command.CombinedOutput()
		fmt.Fprintf(&a.log, "--- %s: %s: %v\n%s", name, s.DisplayName, err, output)
		good = good && err == nil
		for _, set := range setVariable.FindAllStringSubmatch(string(output), -1) {
			variables[set[1]] = set[2]
		}
	}
	return good
}

// release runs the whole stage and reports whether it succeeded.
func (a *agent) release() bool {
	a.t.Helper()
	good := a.run("stable") && a.run("release")
	return a.run("remove") && good
}

// install puts a stable version into the fake cluster.
func (a *agent) install() {
	a.t.Helper()
	a.must(fakeCluster{a.state}.write("stable", oldImage))
}

// events returns the writes to the cluster in order.
func (a *agent) events() []string {
	data, err := os.ReadFile(filepath.Join(a.state, "events"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data))
}

// check compares the writes to the cluster with the expected ones.
func (a *agent) check(want ...string) {
	a.t.Helper()
	if got := a.events(); !slices.Equal(got, want) {
		a.t.Errorf("got  %q\nwant %q\n%s", got, want, &a.log)
	}
	if a.t.Failed() {
		a.t.Log(a.log.String())
	}
}

func (a *agent) stableRuns(image string) {
	a.t.Helper()
	if got, _ := (fakeCluster{a.state}).read("stable"); got != image {
		a.t.Errorf("the stable version runs %s, want %s", got, image)
	}
}

// TestRelease runs the scripts of the pipeline in the order of Azure Pipelines. The
// integration tests run canarize itself on a real API server.
func TestRelease(t *testing.T) {
	need(t, "bash")
	for end, want := range map[string][]string{
		"promoted": {"users", "promoted", "nothing"},
		"rejected": {"users", "rejected", "nothing"},
		"held":     {"users", "held", "reject"},
	} {
		t.Run(end, func(t *testing.T) {
			a := newAgent(t, "FAKE_END="+end)
			a.install()
			if good := a.release(); good != (end == "promoted") {
				t.Errorf("success %t", good)
			}
			// The stored report, and the page and test results made from it.
			a.check(append(want, "report", "report", "report", "nothing")...)
			a.stableRuns(map[bool]string{true: newImage, false: oldImage}[end == "promoted"])
		})
	}
}

// TestReleaseLost: the agent of the release is lost, and its last steps do not run.
func TestReleaseLost(t *testing.T) {
	need(t, "bash")
	a := newAgent(t)
	a.install()
	a.must(fakeCluster{a.state}.write("weight", "5"))
	a.run("remove")
	a.check("reject")
	a.stableRuns(oldImage)
}

// TestReleaseFirst: in an empty cluster the pipeline installs the committed image, and
// the new one still has to pass as a canary.
func TestReleaseFirst(t *testing.T) {
	need(t, "bash")
	a := newAgent(t, "FAKE_END=rejected")
	a.release()
	a.check("stable", "users", "rejected", "nothing", "report", "report", "report", "nothing")
	a.stableRuns(oldImage)
}
