package pipelines

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	buildID  = "4711"
	newImage = "registry.example.com/app:4711@sha256:0000000000000000000000000000000000000000000000000000000000000001"
	oldImage = "registry.example.com/app:1"
)

// TestMain lets the test binary be started under the names of the programs that
// fakes_test.go plays.
func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); name == "kubectl" || name == "canarize" {
		os.Exit(play(name, os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// agent runs the stage Release as Azure Pipelines would: each hook with a disk of
// its own, which holds the artifact only when the hook downloads it.
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
	// Without x, because an artifact does not keep it.
	a.must(os.WriteFile(filepath.Join(a.artifact, "canarize"), []byte("#!/bin/sh\nexec canarize \"$@\"\n"), 0o600))
	a.must(os.WriteFile(filepath.Join(a.artifact, "image"), []byte(newImage+"\n"), 0o600))
	a.must(os.CopyFS(filepath.Join(a.artifact, "manifests"), os.DirFS(filepath.Join(root, "manifests"))))

	for name, value := range a.p.Variables {
		a.env = append(a.env, strings.ToUpper(name)+"="+value)
	}
	a.env = append(a.env, "PATH="+bin+":"+os.Getenv("PATH"), "FAKE_CLUSTER="+a.state, "HOME="+t.TempDir(),
		"BUILD_BUILDID="+buildID, "REQUESTS=200", "REQUESTSPERSECOND=1000")
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

// run runs one hook and reports whether all its steps succeeded.
func (a *agent) run(name string, increment int) bool {
	a.t.Helper()
	workspace, temporary := a.t.TempDir(), a.t.TempDir()
	variables := map[string]string{"strategy.increment": strconv.Itoa(increment)}
	maps.Copy(variables, a.p.Variables)
	for _, s := range a.p.hooks()[name].Steps {
		if s.Download == "current" {
			a.must(os.CopyFS(filepath.Join(workspace, "release"), os.DirFS(a.artifact)))
		}
		if s.Bash == "" {
			continue
		}
		script := strings.ReplaceAll(s.Bash, "18080", freePort(a.t))
		command := exec.CommandContext(a.t.Context(), "bash", "--noprofile", "--norc", "-c", script)
		command.Dir = workspace
		command.Env = append(slices.Clone(a.env), "AGENT_TEMPDIRECTORY="+temporary)
		for key, value := range s.Env {
			command.Env = append(command.Env, key+"="+macro.ReplaceAllStringFunc(value, func(m string) string { return variables[m[2:len(m)-1]] }))
		}
		output, err := command.CombinedOutput()
		fmt.Fprintf(&a.log, "--- %s %d: %s: %v\n%s", name, increment, s.DisplayName, err, output)
		if err != nil {
			return false
		}
		for _, set := range setVariable.FindAllStringSubmatch(string(output), -1) {
			variables[set[1]] = set[2]
		}
	}
	return true
}

// release runs the whole stage. The hook named by cancelAt is the last to run
// before somebody cancels; empty for nobody.
func (a *agent) release(cancelAt string) {
	a.t.Helper()
	defer a.run("remove", 0)
	if !a.run("stable", 0) {
		return
	}
	for _, increment := range a.p.canaryIncrements() {
		for _, name := range []string{"canary.deploy", "canary.routeTraffic", "canary.postRouteTraffic"} {
			if !a.run(name, increment) {
				a.run("canary.failure", increment)
				return
			}
			if name == cancelAt {
				return
			}
		}
	}
	a.run("canary.success", 0)
}

func (p pipeline) canaryIncrements() []int {
	for _, stage := range p.Stages {
		for _, j := range stage.Jobs {
			if j.Deployment == "canary" {
				return j.Strategy.Canary.Increments
			}
		}
	}
	return nil
}

// install has a stable version in the fake cluster.
func (a *agent) install() {
	a.t.Helper()
	a.must(fakeCluster{a.state}.write("stable", oldImage))
}

// events returns what was written to the cluster, in order.
func (a *agent) events() []string {
	data, err := os.ReadFile(filepath.Join(a.state, "events"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data))
}

// check compares the writes to the cluster with what they should be.
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

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// TestRelease runs the scripts of the pipeline in the order in which Azure
// Pipelines would. What canarize does then is tested on a real API server.
func TestRelease(t *testing.T) {
	for _, program := range []string{"bash", "curl", "awk"} {
		need(t, program)
	}
	for name, scenario := range map[string]func(t *testing.T){
		"good version":                 releaseGood,
		"bad version":                  releaseBad,
		"version that does not start":  releaseUnready,
		"share that is not verified":   releaseUnverified,
		"promotion that does not work": releaseStuck,
		"cancelled":                    releaseCancelled,
		"first release":                releaseFirst,
	} {
		t.Run(name, scenario)
	}
}

func releaseGood(t *testing.T) {
	a := newAgent(t)
	a.install()
	a.release("")
	a.check("deploy", "shift:10", "deploy", "shift:25", "deploy", "shift:50", "promote", "nothing")
	a.stableRuns(newImage)
}

// releaseBad also covers pods that cannot be reached, for which Emissary answers
// without a version, and an Emissary that gives the canary too much or nothing.
func releaseBad(t *testing.T) {
	for _, fault := range []string{
		"FAKE_CANARY_SUCCESS=90", "FAKE_CANARY_UNREACHABLE=20", "FAKE_CANARY_UNREACHABLE=100",
		"FAKE_CANARY_SHARE=100", "FAKE_CANARY_SHARE=0",
	} {
		a := newAgent(t, fault)
		a.install()
		a.release("")
		a.check("deploy", "shift:10", "reject", "nothing")
		a.stableRuns(oldImage)
	}
}

func releaseUnready(t *testing.T) {
	a := newAgent(t, "FAKE_FAILURE=deploy")
	a.install()
	a.release("")
	a.check("deploy", "reject", "nothing")
}

func releaseUnverified(t *testing.T) {
	a := newAgent(t, "FAKE_FAILURE=shift")
	a.install()
	a.release("")
	a.check("deploy", "shift:10", "reject", "nothing")
}

func releaseStuck(t *testing.T) {
	a := newAgent(t, "FAKE_FAILURE=promote")
	a.install()
	a.release("")
	a.check("deploy", "shift:10", "deploy", "shift:25", "deploy", "shift:50", "promote", "reject")
	a.stableRuns(oldImage)
}

func releaseCancelled(t *testing.T) {
	for cancelAt, want := range map[string][]string{
		"canary.deploy":       {"deploy", "reject"},
		"canary.routeTraffic": {"deploy", "shift:10", "reject"},
	} {
		a := newAgent(t)
		a.install()
		a.release(cancelAt)
		a.check(want...)
		a.stableRuns(oldImage)
	}
}

// releaseFirst: where nothing runs yet, the committed image is installed and the
// new one still has to pass as a canary.
func releaseFirst(t *testing.T) {
	a := newAgent(t, "FAKE_CANARY_SUCCESS=0")
	a.release("")
	a.check("stable", "deploy", "shift:10", "reject", "nothing")
	a.stableRuns(oldImage)
}
