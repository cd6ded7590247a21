//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/wiring"
)

// definition is a CRD that accepts everything: its group, plural and kind.
const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: "%[2]s.%[1]s"}
spec:
  group: %[1]s
  scope: Namespaced
  names: {kind: %[3]s, plural: %[2]s}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// define makes the cluster serve a kind until the test ends.
func (s site) define(t *testing.T, group, plural, kind string) {
	t.Helper()
	s.apply(t, fmt.Sprintf(definition, group, plural, kind))
	t.Cleanup(func() {
		if err := s.dynamic.Resource(definitions).Delete(context.WithoutCancel(t.Context()), plural+"."+group, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	for {
		served, err := connect(t, s.kubeconfig).Serves(t.Context(), map[string]any{"apiVersion": group + "/v1", "kind": kind})
		if err != nil {
			t.Fatal(err)
		}
		if served {
			return
		}
		if err := kube.Pause(t.Context(), 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// cinema has a workload whose claim only one node may mount, one from which a Rollout takes
// its template, and a kind that the cluster does not serve.
var cinema = []string{
	"{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: reels}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}",
	"{apiVersion: apps/v1, kind: Deployment, metadata: {name: archive}, spec: {replicas: 1, strategy: {type: Recreate}, selector: {matchLabels: {app: archive}}, template: {metadata: {labels: {app: archive}}, spec: {containers: [{name: main, image: archive, readinessProbe: {tcpSocket: {port: 80}}}], volumes: [{name: r, persistentVolumeClaim: {claimName: reels}}]}}}}",
	"{apiVersion: v1, kind: Service, metadata: {name: archive}, spec: {selector: {app: archive}, ports: [{port: 80}]}}",
	"{apiVersion: getambassador.io/v3alpha1, kind: Mapping, metadata: {name: archive}, spec: {hostname: cinema.example.com, prefix: /archive/, service: archive}}",
	"{apiVersion: apps/v1, kind: Deployment, metadata: {name: films}, spec: {replicas: 0, selector: {matchLabels: {app: films}}, template: {metadata: {labels: {app: films}}, spec: {containers: [{name: main, image: films}]}}}}",
	"{apiVersion: v1, kind: Service, metadata: {name: films}, spec: {selector: {app: films}, ports: [{port: 80}]}}",
	"{apiVersion: getambassador.io/v3alpha1, kind: Mapping, metadata: {name: films}, spec: {hostname: cinema.example.com, prefix: /films/, service: films}}",
	"{apiVersion: argoproj.io/v1, kind: Rollout, metadata: {name: films}, spec: {replicas: 5, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: films}}}",
	"{apiVersion: v1, kind: Service, metadata: {name: tills}, spec: {selector: {app: tills}, ports: [{port: 80}]}}",
	"{apiVersion: apps/v1, kind: Deployment, metadata: {name: tills}, spec: {replicas: 0, selector: {matchLabels: {app: tills}}, template: {metadata: {labels: {app: tills}}, spec: {containers: [{name: main, image: tills, readinessProbe: {tcpSocket: {port: 80}}}]}}}}",
	"{apiVersion: getambassador.io/v3alpha1, kind: Mapping, metadata: {name: tills}, spec: {hostname: cinema.example.com, prefix: /tills/, service: tills}}",
}

// testOthers checks that doctor, plan, deploy and run see who else releases a workload, and
// that the advice about a workload fits its volumes and whoever scales it.
func testOthers(t *testing.T, s shop) {
	s.define(t, "argoproj.io", "rollouts", "Rollout")
	s.define(t, "flagger.app", "canaries", "Canary")
	s.cluster = connect(t, s.kubeconfig) // one that has not discovered the kinds before
	for _, object := range cinema {
		s.apply(t, object)
	}
	stable := func(s shop, args ...string) (all map[string]doctor.Finding, unseen []string) {
		var r doctor.Report
		if err := json.Unmarshal([]byte(s.expect(t, 1, append([]string{"doctor", "-o", "json", "--emissary-namespace", s.namespace}, args...)).out), &r); err != nil {
			t.Fatal(err)
		}
		all = map[string]doctor.Finding{}
		for _, f := range r.Findings {
			if slices.Contains([]string{"stable", "claim", "releaser"}, f.Check) {
				t.Logf("%s: %s\n    %s", f.Object, f.Problem, f.Mend)
				all[strings.TrimPrefix(f.Object, "Deployment "+s.namespace+"/")+" "+f.Check] = f
			}
		}
		return all, r.Unseen
	}
	found, unseen := stable(s)
	for key, want := range map[string]string{
		"archive claim": "reels (ReadWriteOnce), so a canary beside it is not safe", "films releaser": "Rollout " + s.namespace + "/films of Argo Rollouts releases it", "tills stable": "it has 0 pods",
	} {
		if !strings.Contains(found[key].Problem, want) {
			t.Errorf("%s: %+v", key, found)
		}
	}
	if all := fmt.Sprint(found); strings.Contains(all, "RollingUpdate") || strings.Contains(found["films releaser"].Mend, "kubectl scale") || !strings.Contains(found["tills stable"].Mend, "kubectl scale") || len(unseen) > 0 {
		t.Errorf("%s, not seen: %q", all, unseen)
	}
	s.leastWithOthers(t, stable)
	s.besideOthers(t)
}

// leastWithOthers runs doctor with the Role of canarize rbac, and with that of an earlier
// version, which does not allow to list what other programs have.
func (s shop) leastWithOthers(t *testing.T, stable func(shop, ...string) (map[string]doctor.Finding, []string)) {
	t.Helper()
	access := wiring.Access(wiring.AccessOptions{Namespace: s.namespace, EmissaryNamespace: s.namespace, Account: "deployer"})
	deployer := s
	deployer.kubeconfig = actingAs(t, s.kubeconfig, "system:serviceaccount:"+s.namespace+":deployer")
	about := func(unseen []string) bool { return strings.Contains(fmt.Sprint(unseen), "Rollout, Canary") }
	for _, earlier := range []bool{false, true} {
		if earlier {
			access.Optional = nil
		}
		if _, err := s.cluster.Apply(t.Context(), access.Permissions(), kube.Write{Force: true}); err != nil {
			t.Fatal(err)
		}
		found, unseen := stable(deployer)
		if _, seen := found["films releaser"]; seen == earlier || about(unseen) != earlier {
			t.Errorf("with the earlier Role: %v; %v, not seen: %q", earlier, slices.Sorted(maps.Keys(found)), unseen)
		}
		if all := fmt.Sprint(found); strings.Contains(all, "RollingUpdate") || earlier && strings.Contains(all, "kubectl scale") {
			t.Errorf("with the earlier Role: %v; %s", earlier, all)
		}
	}
	deployer.expect(t, 0, append(deployer.deploy(t, "v2"), "--emissary-namespace", s.namespace), "not checked whether another program releases the workloads: not allowed to list Rollout, Canary in namespace "+s.namespace)
	s.expect(t, 0, []string{"reject", "shop"})
}

// besideOthers deploys and plans a workload that somebody else releases.
func (s shop) besideOthers(t *testing.T) {
	t.Helper()
	before := s.contents(t)
	unchanged := func() {
		t.Helper()
		after := s.contents(t)
		for _, all := range []map[string]string{before, after} { // a lock may stay
			maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasPrefix(name, "Lease") })
		}
		if !maps.Equal(before, after) {
			t.Errorf("something was changed: %v\nof %v", after, before)
		}
	}
	s.apply(t, "{apiVersion: flagger.app/v1, kind: Canary, metadata: {name: shop}, spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}}}")
	refusal := "nothing was changed, because Canary " + s.namespace + "/shop of Flagger releases Deployment " + s.namespace + "/shop, and no canary is possible beside that; release the new version with that"
	s.expect(t, 2, s.deploy(t, "v3"), refusal)
	s.expect(t, 2, []string{"run", s.version(t, "v3"), "--unverified"}, refusal)
	unchanged()
	var p report.Preview
	if err := json.Unmarshal([]byte(s.expect(t, 1, []string{"plan", s.version(t, "v3"), "-o", "json"}).out), &p); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(p.Findings, func(f doctor.Finding) bool {
		return f.Check == "releaser" && strings.Contains(f.Problem, "Canary "+s.namespace+"/shop of Flagger")
	}) {
		t.Errorf("%+v", p.Findings)
	}
	canaries := schema.GroupVersionResource{Group: "flagger.app", Version: "v1", Resource: "canaries"}
	if err := s.dynamic.Resource(canaries).Namespace(s.namespace).Delete(t.Context(), "shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	blue := append(s.deploy(t, "v3"), "--name", "blue", "-s", "-blue")
	s.expect(t, 0, blue)
	s.expect(t, 2, s.deploy(t, "v3"), "release blue already has a canary of Deployment "+s.namespace+"/shop", "canarize promote blue or canarize reject blue")
	s.expect(t, 0, []string{"reject", "blue"})

	s.text += "---\n{apiVersion: example.com/v1, kind: Door, metadata: {name: shop}}\n"
	for _, format := range []string{"text", "markdown"} {
		if o := s.expect(t, 1, []string{"plan", s.version(t, "v1"), "-o", format}); !strings.Contains(o.out, "0 of 5 stable objects would change") || !strings.Contains(o.out, "does not serve the kind of 1 object") || !strings.Contains(o.out, "not served") {
			t.Errorf("%s", o.out)
		}
	}
}
