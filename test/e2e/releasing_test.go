//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/canarize/canarize/test/e2e/site"
)

// releasing is a site with the sample application, and canarize as in a pipeline: the
// program, and a kubeconfig with the permissions that `canarize rbac` prints.
type releasing struct {
	*site.Site
	namespace         string
	canarize, account string // paths of the program and of the kubeconfig
	empty             string // an empty folder
	routes            *envoyRoutes
}

// elsewhere is a Mapping to the sample's Service that is not part of any release.
const elsewhere = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: elsewhere, namespace: default}
spec: {hostname: "*", prefix: /elsewhere/, service: "sampleapp:8080"}
`

// startReleasing starts a site with version 1 of the sample as the stable one.
func startReleasing(t *testing.T) releasing {
	s := site.Start(t, filepath.Join("..", ".."))
	s.Apply([]byte(elsewhere))
	return releasing{Site: s, canarize: s.Build("cmd/canarize"), empty: t.TempDir()}.in(t, "default", filepath.Join(s.Root, "manifests"))
}

// in installs the sample in a namespace, with an account that may release it there.
func (r releasing) in(t *testing.T, namespace, manifests string) releasing {
	t.Helper()
	r.namespace = namespace
	r.kube("apply", "-f", manifests)
	r.Apply(r.Run(nil, r.Root, r.canarize, "rbac", "-n", namespace))
	r.account = r.kubeconfig(t)
	r.kube("rollout", "status", "--timeout=2m", "deployment/sampleapp")
	awaitSteady(r.Site)
	r.routes = followRoutes(t, r.Site, namespace)
	return r
}

// kube runs kubectl in the namespace.
func (r releasing) kube(args ...string) []byte {
	return r.Kube(nil, append([]string{"-n", r.namespace}, args...)...)
}

// kubeconfig returns the path of a kubeconfig for the ServiceAccount canarize only.
func (r releasing) kubeconfig(t *testing.T) string {
	t.Helper()
	var admin struct {
		Clusters []struct {
			Cluster map[string]string
		}
	}
	if err := json.Unmarshal(r.Kube(nil, "config", "view", "--raw", "--minify", "-o", "json"), &admin); err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(r.kube("create", "token", "canarize", "--duration=1h")))
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "release",
		"clusters": []any{map[string]any{"name": "test", "cluster": admin.Clusters[0].Cluster}},
		"users":    []any{map[string]any{"name": "canarize", "user": map[string]string{"token": token}}},
		"contexts": []any{map[string]any{"name": "release", "context": map[string]string{"cluster": "test", "user": "canarize", "namespace": r.namespace}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// verbLimit is the timeout of one command; a run may last until its deadline.
const verbLimit = 4 * time.Minute

// command prepares a verb of canarize as a process of its own, with a kubeconfig and only
// the files of its arguments.
func (r releasing) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.canarize, args...)
	cmd.Dir, cmd.Env = r.empty, []string{"KUBECONFIG=" + r.account}
	return cmd
}

// outcome holds the result of a command.
type outcome struct {
	code     int
	out, log string // what it printed on stdout and on stderr
	took     time.Duration
	cpu      time.Duration
	memory   int64 // peak, in bytes
	// bad is the number of bad answers to users. off is the time from the first of them
	// until Envoy sent the canary nothing any more.
	bad int
	off time.Duration
}

// try runs a verb, which has to end within verbLimit.
func (r releasing) try(t *testing.T, args ...string) outcome {
	t.Helper()
	return r.start(t, args...)()
}

// start starts a verb; end waits for its end.
func (r releasing) start(t *testing.T, args ...string) (end func() outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), verbLimit)
	cmd := r.command(ctx, args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan outcome, 1)
	go func() {
		defer cancel()
		_ = cmd.Wait() // the exit code says more
		o := outcome{code: cmd.ProcessState.ExitCode(), out: out.String(), log: log.String(), took: time.Since(began)}
		o.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		if usage, known := cmd.ProcessState.SysUsage().(*syscall.Rusage); known {
			o.memory = usage.Maxrss << 10
		}
		ended <- o
	}()
	return func() outcome {
		t.Helper()
		o := <-ended
		if o.code < 0 {
			t.Fatalf("canarize %q has not ended after %s\n%s%s", args, o.took, o.out, o.log)
		}
		return o
	}
}

// verb runs a verb that has to succeed, and returns how long it took.
func (r releasing) verb(t *testing.T, args ...string) time.Duration {
	t.Helper()
	return r.done(t, r.try(t, args...))
}

// done checks that a verb has succeeded, and returns how long it took.
func (r releasing) done(t *testing.T, o outcome) time.Duration {
	t.Helper()
	if o.code != 0 {
		t.Fatalf("canarize ends with exit code %d\n%s%s", o.code, o.out, o.log)
	}
	return o.took
}

// deploy deploys a version of the sample.
func (r releasing) deploy(t *testing.T, version string) time.Duration {
	t.Helper()
	return r.verb(t, "deploy", filepath.Join(r.Root, "manifests"), "-I", "registry.example.com/app:"+version)
}

// stands checks the phase and the weight of `canarize status`.
func (r releasing) stands(t *testing.T, phase string, weight int) {
	t.Helper()
	o := r.try(t, "status", "sampleapp", "-o", "json")
	var status struct {
		Releases []struct {
			Phase            string
			Weight, Verified int
		}
	}
	if err := json.Unmarshal([]byte(o.out), &status); err != nil || len(status.Releases) != 1 {
		t.Fatalf("canarize status prints %q, %v", o.out, err)
	}
	if got := status.Releases[0]; got.Phase != phase || got.Weight != weight || got.Verified != weight {
		t.Errorf("canarize status: %+v, expected %s at %d %%", got, phase, weight)
	}
}

// objects returns the objects of the namespace that a release may touch, except its record
// and the earlier ReplicaSets of a Deployment.
func (r releasing) objects() []string {
	out := r.kube("get", "deployments,replicasets,services,configmaps,secrets,mappings,networkpolicies,horizontalpodautoscalers,poddisruptionbudgets", "-o", "name")
	return slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool {
		earlier := strings.HasPrefix(name, "replicaset.apps/sampleapp-") && !strings.Contains(name, "canary")
		return earlier || name == "configmap/canarize-sampleapp"
	})
}

// nothingLeft checks that no object of the canary is left, and that the namespace has the
// same objects as before.
func (r releasing) nothingLeft(t *testing.T, before []string) {
	t.Helper()
	if after := r.objects(); !slices.Equal(before, after) {
		t.Errorf("the namespace had %v, and now has %v", before, after)
	}
	r.routes.await(t, absent)
}

// alone waits until only the stable pods are left.
func (r releasing) alone(t *testing.T) {
	t.Helper()
	await(t, "the 4 stable pods alone", func() bool {
		return len(strings.Fields(string(r.kube("get", "pods", "-o", "name")))) == 4
	})
}

// load sends requests at a steady rate until its end is called.
type load struct {
	attacker *vegeta.Attacker
	results  chan answers
}

// load starts to send rate requests a second.
func (r releasing) load(rate int) load {
	const most = 4 * time.Minute // longer than any test needs
	attacker := vegeta.NewAttacker(vegeta.Timeout(10*time.Second), vegeta.MaxWorkers(500))
	target := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: r.Gateway})
	l := load{attacker, make(chan answers, 1)}
	go func() {
		out := newAnswers()
		for res := range attacker.Attack(target, vegeta.ConstantPacer{Freq: rate, Per: time.Second}, most, "") {
			out.add(res)
		}
		l.results <- out
	}()
	return l
}

// end ends the load and returns the answers.
func (l load) end(t *testing.T) answers {
	t.Helper()
	l.attacker.Stop()
	select {
	case out := <-l.results:
		return out
	case <-time.After(30 * time.Second):
		t.Fatal("requests have not ended 30 s after the last was sent, although each may take 10 s")
		return answers{}
	}
}
