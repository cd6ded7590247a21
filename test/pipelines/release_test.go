package pipelines

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// TestMain lets the test binary be started under the name kubectl, and be the
// fake one of fakekubectl_test.go then.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "kubectl" {
		os.Exit(fakeKubectl(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// agent runs the stage Release as Azure Pipelines would: each hook with a disk of
// its own, which holds the artifact only when the hook downloads it.
type agent struct {
	t        *testing.T
	p        pipeline
	state    string // folder of the fake cluster
	bin      string // kubectl and sleep
	artifact string
	env      []string
	log      strings.Builder
}

func newAgent(t *testing.T, program string, env ...string) *agent {
	t.Helper()
	a := &agent{t: t, p: load(t), state: t.TempDir(), bin: t.TempDir(), artifact: t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a.must(os.Symlink(self, filepath.Join(a.bin, "kubectl")))
	// Nothing in this cluster takes time.
	a.must(os.WriteFile(filepath.Join(a.bin, "sleep"), []byte("#!/bin/sh\n"), 0o700))

	canarize, err := os.ReadFile(program)
	a.must(err)
	// Without x, because an artifact does not keep it.
	a.must(os.WriteFile(filepath.Join(a.artifact, "canarize"), canarize, 0o600))
	a.must(os.WriteFile(filepath.Join(a.artifact, "image"), []byte(newImage+"\n"), 0o600))
	a.must(os.CopyFS(filepath.Join(a.artifact, "manifests"), os.DirFS(filepath.Join(root, "manifests"))))

	for name, value := range a.p.Variables {
		a.env = append(a.env, strings.ToUpper(name)+"="+value)
	}
	a.env = append(a.env, "PATH="+a.bin+":"+os.Getenv("PATH"), "FAKE_CLUSTER="+a.state, "HOME="+t.TempDir(),
		"BUILD_BUILDID="+buildID, "BUILD_BUILDNUMBER=20260102.3", "BUILD_DEFINITIONNAME=sample", "AGENT_JOBNAME=Canary",
		"SYSTEM_TEAMFOUNDATIONCOLLECTIONURI=https://dev.azure.com/example/", "SYSTEM_TEAMPROJECT=Sample project",
		"REQUESTS=200", "REQUESTSPERSECOND=1000")
	a.env = append(a.env, env...)
	// Emissary without a Host for a name routes nothing there.
	a.must(fakeCluster{a.state}.put(object{
		"apiVersion": "getambassador.io/v3alpha1", "kind": "Host",
		"metadata": map[string]any{"name": "everything", "namespace": "emissary"},
		"spec":     map[string]any{"hostname": "*", "requestPolicy": map[string]any{"insecure": map[string]any{"action": "Route"}}},
	}))
	return a
}

func (a *agent) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// run runs one hook and reports whether all its steps succeeded.
func (a *agent) run(name string, increment int) bool {
	a.t.Helper()
	workspace, temporary := a.t.TempDir(), a.t.TempDir()
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
			command.Env = append(command.Env, key+"="+strings.ReplaceAll(value, "$(strategy.increment)", strconv.Itoa(increment)))
		}
		output, err := command.CombinedOutput()
		fmt.Fprintf(&a.log, "--- %s %d: %s: %v\n%s", name, increment, s.DisplayName, err, output)
		if err != nil {
			return false
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

// install puts the stable version into the fake cluster.
func (a *agent) install() {
	a.t.Helper()
	command := exec.CommandContext(a.t.Context(), filepath.Join(a.bin, "kubectl"),
		"--namespace", "default", "apply", "--filename", filepath.Join(root, "manifests"))
	command.Env = a.env
	if output, err := command.CombinedOutput(); err != nil {
		a.t.Fatalf("%v\n%s", err, output)
	}
	a.must(os.Remove(filepath.Join(a.state, "events")))
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
	if got := (fakeCluster{a.state}).image("sampleapp"); got != image {
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

// TestRelease runs the scripts of the pipeline, with the canarize of this
// checkout, against a cluster that remembers what was written to it.
func TestRelease(t *testing.T) {
	for _, program := range []string{"bash", "curl", "jq", "awk"} {
		need(t, program)
	}
	program := buildCanarize(t)
	for name, scenario := range map[string]func(t *testing.T, program string){
		"good version":                           releaseGood,
		"bad version":                            releaseBad,
		"version that does not start":            releaseUnready,
		"promotion that does not become ready":   releaseStuck,
		"cancelled":                              releaseCancelled,
		"first release":                          releaseFirst,
		"weight that Emissary would not keep":    releaseCrowded,
		"leftover of an earlier run":             releaseLeftover,
		"canary that somebody else has replaced": releaseReplaced,
	} {
		t.Run(name, func(t *testing.T) { scenario(t, program) })
	}
}

func releaseGood(t *testing.T, program string) {
	a := newAgent(t, program)
	a.install()
	a.release("")
	a.check(
		"canary:1@0", "ready:sampleapp-canary", "weight:10",
		"canary:1@10", "ready:sampleapp-canary", "weight:25",
		"canary:2@25", "ready:sampleapp-canary", "weight:50",
		"stable:"+newImage, "ready:sampleapp", "weight:0", "delete:Mapping", "delete:Deployment", "delete:Service",
	)
	a.stableRuns(newImage)
}

// releaseBad also covers pods that cannot be reached, for which Emissary answers
// without a version, and an Emissary that gives the canary too much or nothing.
func releaseBad(t *testing.T, program string) {
	for _, fault := range []string{
		"FAKE_CANARY_SUCCESS=90", "FAKE_CANARY_UNREACHABLE=20", "FAKE_CANARY_UNREACHABLE=100",
		"FAKE_CANARY_SHARE=100", "FAKE_CANARY_SHARE=0",
	} {
		a := newAgent(t, program, fault)
		a.install()
		a.release("")
		a.check("canary:1@0", "ready:sampleapp-canary", "weight:10",
			"weight:0", "weight:0", "delete:Mapping", "delete:Deployment", "delete:Service")
		a.stableRuns(oldImage)
	}
}

func releaseUnready(t *testing.T, program string) {
	a := newAgent(t, program, "FAKE_UNREADY=sampleapp-canary")
	a.install()
	a.release("")
	a.check("canary:1@0", "weight:0", "weight:0", "delete:Mapping", "delete:Deployment", "delete:Service")
	a.stableRuns(oldImage)
}

func releaseStuck(t *testing.T, program string) {
	a := newAgent(t, program, "FAKE_UNREADY=sampleapp@"+newImage)
	a.install()
	a.release("")
	events := a.events()
	if tail := strings.Join(events[max(0, len(events)-6):], " "); tail != "stable:"+newImage+
		" undo:sampleapp weight:0 delete:Mapping delete:Deployment delete:Service" {
		t.Errorf("ended with %s\n%s", tail, &a.log)
	}
}

func releaseCancelled(t *testing.T, program string) {
	for cancelAt, want := range map[string][]string{
		"canary.deploy":       {"canary:1@0", "ready:sampleapp-canary"},
		"canary.routeTraffic": {"canary:1@0", "ready:sampleapp-canary", "weight:10"},
	} {
		a := newAgent(t, program)
		a.install()
		a.release(cancelAt)
		a.check(append(want, "weight:0", "delete:Mapping", "delete:Deployment", "delete:Service")...)
		a.stableRuns(oldImage)
	}
}

// releaseFirst: where nothing runs yet, the committed image is installed and the
// new one still has to pass as a canary.
func releaseFirst(t *testing.T, program string) {
	a := newAgent(t, program, "FAKE_CANARY_SUCCESS=0")
	a.release("")
	if events := a.events(); len(events) == 0 || events[0] != "stable:"+oldImage {
		t.Errorf("began with %q\n%s", events, &a.log)
	}
	a.stableRuns(oldImage)
}

// releaseCrowded: a stranger in the group takes part of the traffic, so the
// weight is not written at all.
func releaseCrowded(t *testing.T, program string) {
	a := newAgent(t, program)
	a.install()
	a.must(fakeCluster{a.state}.put(object{
		"apiVersion": "getambassador.io/v3alpha1", "kind": "Mapping",
		"metadata": map[string]any{"name": "stranger", "namespace": "default"},
		"spec":     map[string]any{"hostname": "*", "prefix": "/", "service": "stranger:8080"},
	}))
	a.release("")
	a.check("canary:1@0", "ready:sampleapp-canary", "weight:0", "weight:0", "delete:Mapping", "delete:Deployment", "delete:Service")
	a.stableRuns(oldImage)
}

// releaseLeftover: what an earlier run left at a weight gets none of the users
// while the new version is put in its place.
func releaseLeftover(t *testing.T, program string) {
	a := newAgent(t, program)
	a.install()
	for _, name := range []string{"stable", "canary.deploy", "canary.routeTraffic"} {
		if !a.run(name, 50) {
			t.Fatal(a.log.String())
		}
	}
	a.must(os.Remove(filepath.Join(a.state, "events")))
	a.release("canary.deploy")
	a.check("weight:0", "canary:1@0", "ready:sampleapp-canary", "weight:0", "delete:Mapping", "delete:Deployment", "delete:Service")
}

// releaseReplaced: only the image of this run was tested in this run.
func releaseReplaced(t *testing.T, program string) {
	a := newAgent(t, program)
	a.install()
	for _, name := range []string{"stable", "canary.deploy", "canary.routeTraffic", "canary.postRouteTraffic"} {
		if !a.run(name, 50) {
			t.Fatal(a.log.String())
		}
	}
	cluster := fakeCluster{a.state}
	canary, err := cluster.get("deployment", "sampleapp-canary")
	a.must(err)
	canary.containers()[0]["image"] = "registry.example.com/app:other"
	a.must(cluster.put(canary))
	if a.run("canary.success", 0) {
		t.Error("promoted although the canary ran something else")
	}
	a.stableRuns(oldImage)
}
