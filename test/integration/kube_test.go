//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/canarize/canarize/internal/kube"
)

// testKube tests internal/kube, each test in its own namespace.
func (s suite) testKube(t *testing.T) {
	tests := map[string]func(*testing.T, site){
		"apply": testApply, "conflict": testConflict, "owners": testOwners, "replicas": testReplicasStay, "dry run": testDryRun, "delete": testDelete, "delete only": testDeleteOnly, "annotate": testAnnotate, "not served": testNotServed,
		"weight": testWeight, "record": testRecord, "records of many": testRecordsOfMany,
		"lock": testLock, "stale lock": testStaleLock, "lost lock": testLostLock, "deleted lock": testDeletedLock, "locks of many": testLocksOfMany,
		"ready": testReady, "not ready": testNotReady, "gone while waiting": testGone, "watch": testWatch,
		"forward": testForward, "verify": testVerify, "verify fails": testVerifyFails,
		"follow": testFollow, "cache": testCache, "cache with faults": testCacheWithFaults, "cache of many": testCacheOfMany, "pages": testPages, "gateway pages": testGatewayPages,
		"silent connection": testSilentConnection, "silent watch": testSilentWatch, "plugin hangs": testPluginHangs, "outage": testOutage,
		"somebody": testSomebody, "namespace gone": testKubeNamespaceGone, "crd gone": testCRDGone,
		"faults": testFaults, "watch faults": testWatchFaults, "lost answers": testLostAnswers, "permissions": testPermissions,
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) { tests[name](t, s.site(t)) })
	}
}

// site is a namespace for one test.
type site struct {
	suite
	namespace string
	cluster   *kube.Cluster
	dynamic   dynamic.Interface // for operations that internal/kube does not have
}

func (s suite) site(t *testing.T) site {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	name := "kube-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()[strings.LastIndex(t.Name(), "/")+1:]))
	st := site{suite: s, namespace: name, cluster: connect(t, s.kubeconfig), dynamic: client}
	st.apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+name+"}")
	st.apply(t, "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}")
	return st
}

// connect returns a cluster with short timeouts.
func connect(t *testing.T, kubeconfig string) *kube.Cluster {
	t.Helper()
	cluster, err := kube.Connect(kube.Target{Kubeconfig: kubeconfig}, kube.Options{
		Attempts: 12,
		Timeout:  2 * time.Second,
		Backoff:  func(int, time.Duration) time.Duration { return 5 * time.Millisecond },
	})
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

// object reads an object from YAML. Without a namespace it gets that of the test.
func (s site) object(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	metadata := o["metadata"].(map[string]any)
	switch o["kind"] {
	case "Namespace", "Node", "CustomResourceDefinition":
	default:
		if metadata["namespace"] == nil {
			metadata["namespace"] = s.namespace
		}
	}
	return o
}

func (s site) apply(t *testing.T, text string) kube.Change {
	t.Helper()
	changes, err := s.cluster.Apply(t.Context(), []map[string]any{s.object(t, text)}, kube.Write{})
	if err != nil {
		t.Fatal(err)
	}
	return changes[0]
}

func (s site) get(t *testing.T, ref kube.Ref) map[string]any {
	t.Helper()
	o, err := s.cluster.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (s site) ref(group, kind, name string) kube.Ref {
	return kube.Ref{Group: group, Kind: kind, Namespace: s.namespace, Name: name}
}

var (
	deployments   = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	pods          = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	nodes         = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	mappings      = schema.GroupVersionResource{Group: "getambassador.io", Version: "v3alpha1", Resource: "mappings"}
	configMaps    = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	services      = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	namespaceKind = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	leases        = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
)

// patch changes an object as another client would, by a merge patch of the object or of a
// subresource such as status.
func (s site) patch(ctx context.Context, what schema.GroupVersionResource, name string, change map[string]any, subresources ...string) error {
	text, err := json.Marshal(change)
	if err != nil {
		return err
	}
	resource := s.dynamic.Resource(what)
	options := metav1.PatchOptions{FieldManager: "somebody"}
	if what == nodes {
		_, err = resource.Patch(ctx, name, types.MergePatchType, text, options, subresources...)
	} else {
		_, err = resource.Namespace(s.namespace).Patch(ctx, name, types.MergePatchType, text, options, subresources...)
	}
	return err
}

func (s site) setStatus(t *testing.T, what schema.GroupVersionResource, name, status string) {
	t.Helper()
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(status), &fields); err != nil {
		t.Fatal(err)
	}
	if err := s.patch(t.Context(), what, name, map[string]any{"status": fields}, "status"); err != nil {
		t.Fatal(err)
	}
}

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.example.com/web:1"}]}
`

const mapping = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: web-canary}
spec: {hostname: "*", prefix: /, service: web-canary, weight: 0, timeout_ms: 1000}
`
