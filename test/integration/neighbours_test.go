//go:build integration

package integration

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/canarize/canarize/internal/rollout"
)

// neighbours lists tests of what other programs do during a release.
var neighbours = map[string]func(*testing.T, shop){
	"autoscaler": testAutoscaler, "autoscaler elsewhere": testAutoscalerElsewhere, "workload edited": testWorkloadEdited,
	"namespace deleted": testNamespaceDeleted, "two pipelines": testTwoPipelines, "memory lost": testMemoryLost, "version gone": testVersionGone,
	"job of the last version": testJob, "hooks": testHooks,
}

const autoscaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop}
spec: {minReplicas: 2, maxReplicas: 20, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}}
`

// scale sets the number of replicas as an autoscaler does.
func (s shop) scale(t *testing.T, replicas int) {
	t.Helper()
	if err := s.patch(t.Context(), deployments, "shop", map[string]any{"spec": map[string]any{"replicas": replicas}}, "scale"); err != nil {
		t.Fatal(err)
	}
}

func (s shop) replicas(t *testing.T, name string) int64 {
	t.Helper()
	n, _, _ := unstructured.NestedInt64(s.get(t, s.ref("apps", "Deployment", name)), "spec", "replicas")
	return n
}

// testAutoscaler checks that promotion keeps the number of stable pods that an autoscaler of
// the manifests has set, and does not count it as an edit.
func testAutoscaler(t *testing.T, s shop) {
	s.text += "---" + autoscaler
	s.apply(t, autoscaler)
	s.scale(t, 8)
	s.do(t, s.deploy(t, "v2"), shift("50"))
	scaler := s.get(t, s.ref("autoscaling", "HorizontalPodAutoscaler", "shop-canary"))
	if n, _, _ := unstructured.NestedInt64(scaler, "spec", "minReplicas"); n != 4 {
		t.Errorf("the canary's autoscaler keeps %d pods at 50 %% beside 8 stable ones, expected 4", n)
	}
	s.scale(t, 12)
	s.do(t, promote)
	s.check(t, "v2", -1)
	if n := s.replicas(t, "shop"); n != 12 {
		t.Errorf("promotion left %d pods of 12", n)
	}
}

// testAutoscalerElsewhere has an autoscaler that is not in the manifests. Promotion would
// reset the number of pods, so it refuses and names the owner.
func testAutoscalerElsewhere(t *testing.T, s shop) {
	s.apply(t, autoscaler)
	s.do(t, s.deploy(t, "v2"), shift("10"))
	s.scale(t, 9)
	s.expect(t, 1, promote, `.spec.replicas by "somebody"`)
	s.check(t, "v1", 10)
	if n := s.replicas(t, "shop"); n != 9 {
		t.Errorf("%d pods of 9", n)
	}
}

// testWorkloadEdited has a GitOps controller update stable during the release. Promotion
// would undo that, so it refuses.
func testWorkloadEdited(t *testing.T, s shop) {
	s.do(t, s.deploy(t, "v2"), shift("10"))
	if err := s.applyAs(t, "argocd-controller", map[string]any{"containers": []any{map[string]any{"name": "shop", "image": "registry.example.com/shop:v1.1"}}}); err != nil {
		t.Fatal(err)
	}
	s.expect(t, 2, promote, "Deployment "+s.namespace+"/shop changed since the release began", "canarize reject shop")
	s.expect(t, 2, append(promote, "--force-conflicts"), "changed since the release began")
	s.do(t, reject)
	s.check(t, "v1.1", -1)
}

// testNamespaceDeleted deletes the namespace during the release. It stays for ever, because
// no controller deletes its objects.
func testNamespaceDeleted(t *testing.T, s shop) {
	s.do(t, s.deploy(t, "v2"), shift("10"))
	if err := s.dynamic.Resource(namespaceKind).Delete(t.Context(), s.namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{shift("50"), promote, s.deploy(t, "v3")} {
		s.expect(t, 1, args, "is being terminated")
		s.check(t, "v1", 10)
	}
	s.expect(t, 1, reject, "is being terminated") // it cannot take the lock
	s.check(t, "v1", 0)                           // it took the traffic off first
	if o := s.expect(t, 1, []string{"doctor"}); !strings.Contains(o.out, "Namespace "+s.namespace+": it is being deleted") {
		t.Errorf("canarize doctor says %s", o.out)
	}
}

// testTwoPipelines lets two pipelines release different versions at the same time. Their
// commands wait for each other. In every order one version is stable in the end, and after
// a rejection no object of a canary is left.
func testTwoPipelines(t *testing.T, s shop) {
	ended := make(chan []outcome)
	for _, tag := range []string{"v2", "v3"} {
		commands := [][]string{s.deploy(t, tag), shift("10"), shift("50"), promote}
		go func() {
			var all []outcome
			for _, args := range commands {
				all = append(all, s.try(t, args...))
			}
			ended <- all
		}()
	}
	codes := map[int]int{}
	for _, all := range [][]outcome{<-ended, <-ended} {
		for _, o := range all {
			codes[o.code]++
			if o.code != 0 && o.code != 2 {
				t.Errorf("exit code %d: %s", o.code, o.err)
			}
		}
	}
	t.Logf("exit codes: %v", codes)
	s.expect(t, 0, append(reject, "--if-active"))
	got := imageOf(s.get(t, s.ref("apps", "Deployment", "shop")))
	if !slices.Contains([]string{"registry.example.com/shop:v2", "registry.example.com/shop:v3"}, got) {
		t.Errorf("stable is %s", got)
	}
	for name := range s.contents(t) {
		if strings.HasSuffix(name, "-canary") || strings.HasPrefix(name, "Lease ") {
			t.Errorf("%s is left behind", name)
		}
	}
}

// testMemoryLost deletes the record of a release while its canary stands. Doctor finds the
// orphans, reject finds the canary by its labels and takes its traffic off, and another
// deploy adopts it.
func testMemoryLost(t *testing.T, s shop) {
	s.do(t, s.deploy(t, "v2"), shift("30"))
	memory := s.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(s.namespace)
	if err := memory.Delete(t.Context(), "canarize-shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	o := s.expect(t, 1, []string{"doctor"})
	for _, kind := range []string{"Mapping", "Deployment", "Service"} {
		if text := kind + " " + s.namespace + "/shop-canary: it is left over from the canary of release shop: the release has no record"; !strings.Contains(o.out, text) {
			t.Errorf("canarize doctor does not say %q:\n%s", text, o.out)
		}
	}
	s.expect(t, 2, shift("0"), "there is no canary; run canarize deploy first")
	s.expect(t, 1, reject, "no record exists for this canary; the canary gets no traffic", "kubectl delete", "-l canarize.dev/release=shop")
	s.check(t, "v1", 0)
	s.do(t, s.deploy(t, "v2"))
	s.check(t, "v1", 0)
	s.do(t, reject)
	s.check(t, "v1", -1)
}

// testVersionGone replaces a canary by one of another version that lacks one of its objects.
// That object is removed.
func testVersionGone(t *testing.T, s shop) {
	file := s.version(t, "v2")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(text), "envFrom: [{", "envFrom: [{configMapRef: {name: extra}}, {", 1) + "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: extra}, data: {a: b}}\n"
	if err := os.WriteFile(file, []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	s.do(t, []string{"deploy", file, "--unverified"}, shift("10"))
	if !slices.Contains(slices.Collect(maps.Keys(s.contents(t))), "ConfigMap extra-canary") {
		t.Fatal("there is no ConfigMap extra-canary")
	}
	s.do(t, s.deploy(t, "v3"), shift("10"))
	if got := s.status(t); got.Phase != rollout.Standing || len(got.Objects) != 5 {
		t.Errorf("%+v", got)
	}
	s.do(t, promote)
	s.check(t, "v3", -1)
	if o := s.try(t, "doctor", "-o", "json"); strings.Contains(o.out, `"orphan"`) {
		t.Errorf("canarize doctor finds an orphan: %s", o.out)
	}
}

// job is a Job of the application, not a hook.
const job = `
apiVersion: batch/v1
kind: Job
metadata: {name: index}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: index, image: "registry.example.com/shop:v1"}]}}}
`

var jobs = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}

// testJob releases a version whose Job has the name of the last version's Job, which cannot be
// changed. The release ends before it changes anything and says why, and succeeds once the Job
// is gone.
func testJob(t *testing.T, s shop) {
	s.text += "---" + job
	s.apply(t, job)
	before := s.contents(t)
	args := s.deploy(t, "v2")
	for _, verb := range []string{"deploy", "run"} {
		s.expect(t, 1, append([]string{verb}, args[1:]...), "nothing was changed, because the API server would refuse the promotion: Job "+s.namespace+"/index: apply: spec.template: Invalid value: ",
			": field is immutable; delete it once it has ended (kubectl delete job index -n "+s.namespace+")")
	}
	if o := s.expect(t, 1, []string{"doctor", "-f", args[1]}); !strings.Contains(o.out, "field is immutable") || !strings.Contains(o.out, "kubectl delete job index -n "+s.namespace) {
		t.Errorf("canarize doctor says %s", o.out)
	}
	after := s.contents(t)
	maps.DeleteFunc(after, func(name, _ string) bool { return strings.HasPrefix(name, "Lease ") })
	if !maps.Equal(before, after) {
		t.Errorf("it changed the cluster from %v to %v", before, after)
	}
	background := metav1.DeletePropagationBackground
	if err := s.dynamic.Resource(jobs).Namespace(s.namespace).Delete(t.Context(), "index", metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
		t.Fatal(err)
	}
	s.do(t, args, shift("10"), promote)
	s.check(t, "v2", -1)
	if o := s.get(t, s.ref("batch", "Job", "index")); imageOf(o) != "registry.example.com/shop:v2" {
		t.Errorf("the Job has the image %s", imageOf(o))
	}
}

// testHooks releases a version with hooks. None of them reaches the cluster, whatever its kind.
func testHooks(t *testing.T, s shop) {
	for _, annotation := range []string{"helm.sh/hook: pre-upgrade", "argocd.argoproj.io/hook: PostSync"} {
		name := "hook-" + strings.ToLower(strings.TrimSpace(annotation[strings.LastIndex(annotation, " "):]))
		s.text += "---" + strings.Replace(job, "{name: index}", "{name: "+name+", annotations: {"+annotation+"}}", 1)
		s.text += "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", annotations: {" + annotation + "}}\n"
	}
	o := s.try(t, s.deploy(t, "v2")...)
	if o.code != 0 || strings.Count(o.err, "canarize does not run hooks, so it is not applied") != 4 {
		t.Errorf("exit code %d: %s", o.code, o.err)
	}
	s.do(t, shift("10"), promote)
	s.check(t, "v2", -1)
	for name := range s.contents(t) {
		if strings.Contains(name, "hook-") {
			t.Errorf("%s is in the cluster", name)
		}
	}
	if all, err := s.cluster.List(t.Context(), s.ref("batch", "Job", ""), ""); err != nil || len(all) > 0 {
		t.Errorf("%d Jobs are in the cluster, %v", len(all), err)
	}
}
