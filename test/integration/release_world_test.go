//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/test/faults"
)

// application is version 1 of an application. The other versions differ in the image's tag
// and in the content of the Secret.
const application = `
apiVersion: v1
kind: Secret
metadata: {name: key}
stringData: {key: "v1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, labels: {app: shop}}
spec:
  replicas: 4
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - name: shop
        image: registry.example.com/shop:v1
        envFrom: [{secretRef: {name: key}}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, labels: {app: shop}}
spec:
  selector: {app: shop}
  ports: [{name: http, port: 80}]
---
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: shop}
spec: {hostname: "*", prefix: /, service: "shop:80", timeout_ms: 100}
`

// brokenTag is an image tag whose pods never become ready.
const brokenTag = "broken"

// crashingTag is an image tag whose pods a test plays.
const crashingTag = "crashing"

// shop is the application in its own namespace, with a simulated deployment controller.
type shop struct {
	site
	text    string // the manifests of version 1
	folder  string
	stopped *atomic.Bool // pods do not become ready
}

// newShop applies version 1 of the application.
func newShop(t *testing.T, s site) shop {
	t.Helper()
	return newShopOf(t, s, application)
}

func newShopOf(t *testing.T, s site, text string) shop {
	t.Helper()
	if s.canarizeErr != nil {
		t.Fatal(s.canarizeErr)
	}
	sh := shop{s, text, t.TempDir(), new(atomic.Bool)}
	for _, object := range strings.Split(text, "---") {
		sh.apply(t, object)
	}
	sh.playDeployments(t)
	if err := sh.cluster.Ready(t.Context(), []kube.Ref{s.ref("apps", "Deployment", "shop")}, kube.Wait{}); err != nil {
		t.Fatal(err)
	}
	return sh
}

// version writes the manifests of a version to a file and returns its path.
func (s shop) version(t *testing.T, tag string) string {
	t.Helper()
	file := filepath.Join(s.folder, tag+".yml")
	text := strings.ReplaceAll(s.text, "shop:v1", "shop:"+tag)
	text = strings.ReplaceAll(text, `"v1"`, `"`+tag+`"`)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// playDeployments acts as the deployment controller, which this cluster does not have: pods
// are ready at once, except broken ones.
func (s shop) playDeployments(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			s.playOnce(ctx, t)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
}

func (s shop) playOnce(ctx context.Context, t *testing.T) {
	w, err := s.dynamic.Resource(deployments).Namespace(s.namespace).Watch(ctx, metav1.ListOptions{TimeoutSeconds: new(int64(1))}) // begins with what there is
	if err != nil {
		if ctx.Err() == nil {
			t.Error(err)
		}
		return
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		d, isObject := event.Object.(*unstructured.Unstructured)
		if !isObject || event.Type == watch.Deleted {
			continue
		}
		n, _, _ := unstructured.NestedInt64(d.Object, "spec", "replicas")
		seen, _, _ := unstructured.NestedInt64(d.Object, "status", "observedGeneration")
		if seen == d.GetGeneration() || s.stopped.Load() {
			continue
		}
		status := map[string]any{"observedGeneration": d.GetGeneration(), "replicas": n, "updatedReplicas": n, "readyReplicas": n, "availableReplicas": n, "conditions": []any{}}
		if strings.HasSuffix(imageOf(d.Object), ":"+brokenTag) {
			status["readyReplicas"], status["availableReplicas"] = 0, 0
			status["conditions"] = []any{map[string]any{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "it crashes"}}
		}
		if strings.HasSuffix(imageOf(d.Object), ":"+crashingTag) {
			status["readyReplicas"], status["availableReplicas"] = 0, 0
		}
		if err := s.patch(ctx, deployments, d.GetName(), map[string]any{"status": status}, "status"); err != nil && ctx.Err() == nil {
			t.Log("playing the deployment controller:", err)
		}
	}
}

func imageOf(deployment map[string]any) string {
	containers, _, _ := unstructured.NestedSlice(deployment, "spec", "template", "spec", "containers")
	if len(containers) == 0 {
		return ""
	}
	container, _ := containers[0].(map[string]any)
	image, _ := container["image"].(string)
	return image
}

// outcome holds the result of a command.
type outcome struct {
	code     int
	out, err string
}

// command prepares a canarize command for the namespace of the test.
func (s shop) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.canarize, append(args, "-n", s.namespace, "--kubeconfig", s.kubeconfig)...)
	cmd.Env = append(os.Environ(), "TF_BUILD=", "GITHUB_ACTIONS=", "CI=")
	return cmd
}

// try runs canarize to its end.
func (s shop) try(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, errors.New("not finished within two minutes"))
	defer cancel()
	cmd := s.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// expect runs canarize and checks its exit code, and that stderr has all of the texts.
func (s shop) expect(t *testing.T, code int, args []string, texts ...string) outcome {
	t.Helper()
	o := s.try(t, args...)
	if o.code != code {
		t.Fatalf("canarize %q: exit code %d, expected %d\n%s%s", args, o.code, code, o.err, o.out)
	}
	for _, text := range texts {
		if !strings.Contains(o.err, text) {
			t.Errorf("canarize %q does not say %q:\n%s", args, text, o.err)
		}
	}
	return o
}

// do runs commands that have to succeed, each twice; the second time must change nothing.
func (s shop) do(t *testing.T, commands ...[]string) {
	t.Helper()
	for _, args := range commands {
		s.expect(t, 0, args)
		before := s.contents(t)
		s.expect(t, 0, args)
		if after := s.contents(t); !maps.Equal(before, after) {
			t.Errorf("canarize %q for the second time made %v of %v", args, after, before)
		}
	}
}

// deploy returns the arguments of a deployment. There is no gateway to verify a share, so
// they accept unverified shares; the tests of endings_gateway_test.go do not.
func (s shop) deploy(t *testing.T, tag string) []string {
	t.Helper()
	return []string{"deploy", s.version(t, tag), "--timeout", "30s", "--unverified"}
}

// touched are the kinds of objects that a release touches.
var touched = []kube.Ref{
	{Group: "apps", Kind: "Deployment"}, {Kind: "Service"}, {Kind: "Secret"}, {Kind: "ConfigMap"},
	{Group: "getambassador.io", Kind: "Mapping"}, {Group: "coordination.k8s.io", Kind: "Lease"},
}

// contents returns the objects of the namespace as they were written, without status.
func (s shop) contents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, kind := range touched {
		kind.Namespace = s.namespace
		objects, err := s.cluster.List(t.Context(), kind, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			u := unstructured.Unstructured{Object: o}
			name := u.GetKind() + " " + u.GetName()
			delete(o, "status") // the controllers write it
			u.SetResourceVersion("")
			u.SetManagedFields(nil)
			text, err := u.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(text)
		}
	}
	return all
}

// check checks that a version is stable and that the canary has a weight. A weight of -1
// means that nothing of the canary may be left.
func (s shop) check(t *testing.T, tag string, weight int) {
	t.Helper()
	if got := imageOf(s.get(t, s.ref("apps", "Deployment", "shop"))); got != "registry.example.com/shop:"+tag {
		t.Errorf("stable is %s, expected version %s", got, tag)
	}
	names := slices.Sorted(maps.Keys(s.contents(t)))
	canary := slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, "-canary") })
	want := []string{"Deployment shop-canary", "Mapping shop-canary", "Secret key-canary", "Service shop-canary"}
	if weight < 0 {
		want = nil
	}
	if !slices.Equal(canary, want) {
		t.Errorf("of the canary there is %q, expected %q", canary, want)
	}
	if weight >= 0 {
		if got, _, _ := unstructured.NestedInt64(s.get(t, s.ref("getambassador.io", "Mapping", "shop-canary")), "spec", "weight"); got != int64(weight) {
			t.Errorf("the canary's weight is %d, expected %d", got, weight)
		}
	}
}

// status returns the status of the release.
func (s shop) status(t *testing.T) report.Status {
	t.Helper()
	var list struct{ Releases []report.Status }
	if err := json.Unmarshal([]byte(s.expect(t, 0, []string{"status", "-o", "json"}).out), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Releases) != 1 {
		t.Fatalf("%d releases", len(list.Releases))
	}
	return list.Releases[0]
}

// applyAs makes another field manager the owner of the stable pods' containers.
func (s shop) applyAs(t *testing.T, manager string, pod map[string]any) error {
	t.Helper()
	object := map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "shop"},
		"spec": map[string]any{"template": map[string]any{"spec": pod}},
	}
	_, err := s.dynamic.Resource(deployments).Namespace(s.namespace).Apply(t.Context(), "shop", &unstructured.Unstructured{Object: object}, metav1.ApplyOptions{FieldManager: manager, Force: true})
	return err
}

// quick replaces missing answers by broken connections.
func quick(decide func(*http.Request) faults.Fault) func(*http.Request) faults.Fault {
	return func(r *http.Request) faults.Fault {
		if fault := decide(r); fault != faults.Timeout {
			return fault
		}
		return faults.Reset
	}
}

// requests returns the requests of a proxy as a text.
func requests(p *faults.Proxy) string { return fmt.Sprint(p.Requests()) }
