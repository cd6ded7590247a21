//go:build integration

package integration

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/wiring"
	"github.com/canarize/canarize/test/faults"
)

// kinds has an object of every kind that a canary may have.
var kinds = []string{
	web, mapping,
	"{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: db}]}}}}",
	"{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}",
	"{apiVersion: v1, kind: ConfigMap, metadata: {name: web}}",
	"{apiVersion: v1, kind: Secret, metadata: {name: web}}",
	"{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web}, spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}",
	"{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web}, spec: {podSelector: {}}}",
	"{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}}",
	"{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: web}, spec: {selector: {}, endpoints: []}}",
	"{apiVersion: monitoring.coreos.com/v1, kind: PodMonitor, metadata: {name: web}, spec: {selector: {}}}",
	"{apiVersion: getambassador.io/v3alpha1, kind: TCPMapping, metadata: {name: web}, spec: {port: 5432, service: db}}",
}

// testPermissions releases with the permissions that canarize rbac prints, and checks that
// each is used and none is missing.
func testPermissions(t *testing.T, s site) {
	emissary := s
	emissary.namespace += "-emissary"
	s.apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+emissary.namespace+"}")
	emissary.apply(t, "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}")
	k := s.startKubelet(t, s.namespace)
	emissary.pod(t, "emissary-1", s.namespace, gatewayLabels, running)
	s.startGateway(t, k, "emissary-1", 10)
	s.pod(t, "web-1", s.namespace, "{app: web}", crashed)

	access := wiring.Access(wiring.AccessOptions{Namespace: s.namespace, EmissaryNamespace: emissary.namespace, Account: "deployer", PodMetrics: true})
	// canarize doctor uses the others; testOthers checks it.
	access.Optional = []kube.Granted{{Namespace: s.namespace, Grants: kube.ExamineGrants()}}
	if _, err := s.cluster.Apply(t.Context(), access.Permissions(), kube.Write{}); err != nil {
		t.Fatal(err)
	}
	// Without a WebSocket the client falls back to SPDY.
	noWebSocket := func(r *http.Request) faults.Fault {
		if r.Header.Get("Upgrade") == "websocket" {
			return faults.ServerError
		}
		return faults.None
	}
	used := map[string]bool{}
	for _, decide := range []func(*http.Request) faults.Fault{nil, noWebSocket} {
		proxy := faults.Start(t, s.kubeconfig, decide)
		deployer := s
		deployer.cluster = connect(t, actingAs(t, proxy.Kubeconfig, "system:serviceaccount:"+s.namespace+":deployer"))
		releaseAll(t, deployer, emissary.namespace)
		for _, r := range proxy.Requests() {
			if permission := permissionFor(r); permission != "" {
				used[permission] = true
			}
			// The API server requires it when an apply creates an object.
			if what, isPatch := strings.CutSuffix(permissionFor(r), " patch"); isPatch && r.Query.Has("force") {
				used[what+" create"] = true
			}
		}
	}
	granted := granted(t, access.Permissions())
	for permission := range granted {
		if !used[permission] {
			t.Errorf("granted and not used: %s", permission)
		}
	}
	for permission := range used {
		if !granted[permission] {
			t.Errorf("used and not granted: %s", permission)
		}
	}
	if err := connect(t, actingAs(t, s.kubeconfig, "system:serviceaccount:"+s.namespace+":nobody")).SetNumber(t.Context(), s.ref("getambassador.io", "Mapping", "web"), "weight", 1, kube.Write{}); err == nil || !errors.As(err, new(*kube.ForbiddenError)) {
		t.Errorf("an account without permissions: %v", err)
	}
}

// releaseAll does everything that a release may do to an object.
func releaseAll(t *testing.T, s site, gatewayNamespace string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	held, err := s.cluster.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: "build", Duration: time.Second})
	must(err)
	waiting := make(chan string, 1)
	waited := make(chan error, 1)
	go func() {
		other, err := s.cluster.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: "other", Wait: true, Waiting: func(holder string) { waiting <- holder }})
		if err == nil {
			err = other.Release(t.Context())
		}
		waited <- err
	}()
	<-waiting
	must(count(t.Context(), s.cluster, s.namespace, 2))
	_, err = s.cluster.List(t.Context(), s.ref("", "ConfigMap", ""), "canarize.dev/release")
	must(err)
	_, err = s.cluster.List(t.Context(), s.ref("", "Pod", ""), "app=web") // as canarize doctor does
	must(err)
	s.cluster = s.cluster.Following(t.Context())
	var refs []kube.Ref
	for _, text := range kinds {
		ref := kube.RefOf(s.object(t, text))
		s.get(t, ref)
		s.apply(t, text)
		_, err := s.cluster.Fresh(t.Context(), ref)
		must(err)
		refs = append(refs, ref)
	}
	must(s.cluster.SetReplicas(t.Context(), s.ref("autoscaling", "HorizontalPodAutoscaler", "web"), 2, kube.Write{}))
	must(s.cluster.SetReplicas(t.Context(), s.ref("apps", "Deployment", "web"), 2, kube.Write{}))
	must(s.cluster.SetNumber(t.Context(), s.ref("getambassador.io", "Mapping", "web-canary"), "weight", 10, kube.Write{}))
	for _, ref := range []kube.Ref{refs[0], refs[2]} {
		if err := s.cluster.Ready(t.Context(), []kube.Ref{ref}, kube.Wait{Deadline: 300 * time.Millisecond}); err != nil && strings.Contains(err.Error(), "forbidden") {
			t.Error(err) // without a controller it never becomes ready
		}
	}
	if _, err := s.cluster.Examine(t.Context(), refs[:1], nil); err != nil {
		t.Error(err)
	}
	gateways := live.NewGateways(s.cluster, live.Gateway{Namespace: gatewayNamespace})
	defer gateways.Close()
	_, err = gateways.VerifyShare(t.Context(), s.wants(10), 0)
	must(err)
	pages, err := s.cluster.Pages()
	must(err)
	if _, err := pages.Get(t.Context(), kube.Pod{Namespace: s.namespace, Name: "none"}, 80, "/metrics", "*/*", 10); err == nil || strings.Contains(err.Error(), "forbidden") {
		t.Errorf("a page of a pod that is not there: %v", err)
	}
	_, err = s.cluster.Delete(t.Context(), refs, kube.Write{})
	must(err)
	record, err := s.cluster.Load(t.Context(), s.namespace, release)
	must(err)
	must(s.cluster.Forget(t.Context(), s.namespace, release, record.Version))
	must(held.Release(t.Context()))
	must(<-waited)
}

// actingAs returns the path of a kubeconfig for another user.
func actingAs(t *testing.T, kubeconfig, user string) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	current := config.Contexts[config.CurrentContext]
	info, found := config.AuthInfos[current.AuthInfo]
	if !found {
		current.AuthInfo, info = "somebody", api.NewAuthInfo()
		config.AuthInfos["somebody"] = info
	}
	info.Impersonate = user
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// permissionFor returns the permission that a request needs, as NAMESPACE GROUP/RESOURCE
// VERB, or "" if everybody may send it.
func permissionFor(r faults.Request) string {
	parts := strings.Split(strings.Trim(r.Path, "/"), "/")
	group := ""
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		group, parts = parts[1], parts[3:]
	default:
		return ""
	}
	if parts[0] != "namespaces" || len(parts) < 3 {
		return r.String() // no Role grants this
	}
	resource, named := parts[2], len(parts) > 3
	if len(parts) > 4 {
		resource += "/" + parts[4]
	}
	verb := map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}[r.Method]
	switch {
	case r.Method == http.MethodGet && r.IsWatch():
		verb = "watch"
	case r.Method == http.MethodGet && named:
		verb = "get"
	case r.Method == http.MethodGet:
		verb = "list"
	}
	return fmt.Sprintf("%s %s/%s %s", parts[1], group, resource, verb)
}

func granted(t *testing.T, objects []map[string]any) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, o := range objects {
		rules, _ := o["rules"].([]any)
		for _, rule := range rules {
			r := rule.(map[string]any)
			for _, group := range r["apiGroups"].([]any) {
				for _, resource := range r["resources"].([]any) {
					for _, verb := range r["verbs"].([]any) {
						permission := fmt.Sprintf("%s %s/%s %s", kube.RefOf(o).Namespace, group, resource, verb)
						if slices.Contains([]string{"*"}, fmt.Sprint(verb)) || out[permission] {
							t.Errorf("granted twice, or by a wildcard: %s", permission)
						}
						out[permission] = true
					}
				}
			}
		}
	}
	return out
}
