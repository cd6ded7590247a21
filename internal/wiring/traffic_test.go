package wiring

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/survey"
)

type values = map[string]any

// served lists the kinds of a cluster with Emissary, by group and version and plural.
var served = map[string]map[string]string{
	"v1":                     {"services": "Service", "configmaps": "ConfigMap", "pods": "Pod"},
	"coordination.k8s.io/v1": {"leases": "Lease"},
	"networking.k8s.io/v1":   {"ingresses": "Ingress", "ingressclasses": "IngressClass"},
	"getambassador.io/v3alpha1": {
		"mappings": "Mapping", "tcpmappings": "TCPMapping", "hosts": "Host", "listeners": "Listener", "modules": "Module",
		"tlscontexts": "TLSContext", "consulresolvers": "ConsulResolver",
		"kubernetesendpointresolvers": "KubernetesEndpointResolver", "kubernetesserviceresolvers": "KubernetesServiceResolver",
	},
}

// cluster is an API server that lists objects, except of the kinds that it forbids.
type cluster struct {
	objects   []values
	forbidden []string      // plurals
	version   model.Version // of Emissary, if it is given

	mu     sync.Mutex
	listed []string // paths
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	write := func(code int, v any) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	var groups []any
	for _, version := range []string{"coordination.k8s.io/v1", "networking.k8s.io/v1", "getambassador.io/v3alpha1"} {
		group, v, _ := strings.Cut(version, "/")
		at := values{"groupVersion": version, "version": v}
		groups = append(groups, values{"name": group, "versions": []any{at}, "preferredVersion": at})
	}
	switch r.URL.Path {
	case "/api":
		write(200, values{"kind": "APIVersions", "versions": []string{"v1"}})
		return
	case "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
		write(201, values{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "status": values{"allowed": true}})
		return
	case "/apis":
		write(200, values{"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
		return
	}
	for version, kinds := range served {
		root := strings.Replace("/apis/"+version, "/apis/v1", "/api/v1", 1)
		if rest, under := strings.CutPrefix(r.URL.Path, root); under {
			if r.URL.Query().Get("watch") != "" {
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				return // no change
			}
			write(c.answer(version, kinds, rest, r.URL.Path))
			return
		}
	}
	write(404, values{"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"})
}

func (c *cluster) answer(version string, kinds map[string]string, rest, path string) (int, values) {
	if rest == "" {
		var resources []any
		for plural, kind := range kinds {
			resources = append(resources, values{"name": plural, "kind": kind, "namespaced": kind != "IngressClass", "verbs": []string{"list"}})
		}
		return 200, values{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}
	}
	c.mu.Lock()
	c.listed = append(c.listed, path)
	c.mu.Unlock()
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	plural := parts[len(parts)-1]
	if slices.Contains(c.forbidden, plural) {
		return 403, values{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"}
	}
	items := []values{}
	for _, o := range c.objects {
		if o["kind"] == kinds[plural] {
			items = append(items, o)
		}
	}
	return 200, values{"kind": kinds[plural] + "List", "apiVersion": version, "metadata": values{}, "items": items}
}

func (c *cluster) traffic(t *testing.T, namespace string) (model.Report, string, error) {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	traffic, err := ReadTraffic(t.Context(), kube.Target{Kubeconfig: kubeconfig(t, server.URL)}, namespace, TrafficOptions{Emissary: Emissary{Namespace: "emissary", Version: c.version}})
	return traffic.Report, traffic.Unread, err
}

func newObject(version, kind, name string, spec values) values {
	return values{"apiVersion": version, "kind": kind, "metadata": values{"name": name, "namespace": "shop"}, "spec": spec}
}

const emissarys = "getambassador.io/v3alpha1"

// TestLiveTrafficReadsEveryKind checks that everything that decides what a TCPMapping gets
// is read: also a TLSContext and a resolver.
func TestLiveTrafficReadsEveryKind(t *testing.T) {
	c := &cluster{objects: []values{
		newObject(emissarys, "TCPMapping", "db", values{"port": 9000, "service": "db", "host": "db.example.com", "resolver": "own"}),
		newObject(emissarys, "TCPMapping", "odd", values{"port": 9000, "service": "db", "resolver": "none"}),
		newObject(emissarys, "TLSContext", "db", values{"hosts": []any{"db.example.com"}}),
		newObject(emissarys, "KubernetesServiceResolver", "own", values{}),
	}}
	for _, namespace := range []string{"", "shop"} {
		report, unread, err := c.traffic(t, namespace)
		switch {
		case err != nil || unread != "":
			t.Fatalf("unread %q, error %v", unread, err)
		case len(report.TCPGroups) != 1 || report.TCPGroups[0].Unserved != "" || report.TCPGroups[0].Rows[0].Mapping != "db":
			t.Errorf("groups %+v", report.TCPGroups)
		case len(report.TCPDrops) != 1 || report.TCPDrops[0].Mapping != "odd":
			t.Errorf("drops %+v", report.TCPDrops)
		}
	}
	if !slices.Contains(c.listed, "/apis/networking.k8s.io/v1/namespaces/shop/ingresses") || slices.Contains(c.listed, "/apis/networking.k8s.io/v1/namespaces/shop/ingressclasses") {
		t.Errorf("listed %q: an IngressClass is in no namespace", c.listed)
	}
}

// TestLiveTrafficReadsTheVersion: the version of Emissary is the oldest that its pods run,
// unless it is given. It needs no request of its own.
func TestLiveTrafficReadsTheVersion(t *testing.T) {
	pod := func(name, image string) values {
		return values{
			"apiVersion": "v1", "kind": "Pod",
			"metadata": values{"name": name, "namespace": "emissary", "uid": name, "labels": values{"app.kubernetes.io/name": "emissary-ingress"}},
			"spec":     values{"containers": []any{values{"name": "emissary", "image": image}}}, "status": values{"phase": "Running"},
		}
	}
	requests := map[int]bool{}
	for _, c := range []struct {
		name  string
		given model.Version
		pods  []values
		share float64
	}{
		{"none", model.Version{}, nil, 20},
		{"old", model.Version{}, []values{pod("a", "docker.io/emissaryingress/emissary:4.1.0")}, 20},
		{"new", model.Version{}, []values{pod("a", "docker.io/emissaryingress/emissary:4.2.0")}, 25},
		{"both", model.Version{}, []values{pod("a", "docker.io/emissaryingress/emissary:4.2.0"), pod("b", "docker.io/emissaryingress/emissary:3.10.0")}, 20},
		{"no tag", model.Version{}, []values{pod("a", "docker.io/emissaryingress/emissary@sha256:0")}, 20},
		{"given", model.Version{Major: 5}, []values{pod("a", "docker.io/emissaryingress/emissary:4.1.0")}, 25},
	} {
		world := &cluster{version: c.given, objects: append([]values{
			newObject(emissarys, "TCPMapping", "db", values{"port": 9000, "service": "db"}),
			newObject(emissarys, "TCPMapping", "db-canary", values{"port": 9000, "service": "db-canary", "weight": 25}),
		}, c.pods...)}
		report, _, err := world.traffic(t, "")
		if err != nil || len(report.TCPGroups) != 1 || report.TCPGroups[0].Rows[0].Share != c.share {
			t.Errorf("%s: %v, %+v, expected %v %%", c.name, err, report.TCPGroups, c.share)
		}
		world.mu.Lock()
		requests[len(world.listed)] = true
		world.mu.Unlock()
	}
	if len(requests) != 1 {
		t.Errorf("numbers of requests: %v, expected one", requests)
	}
}

// TestLiveTrafficCountsIngresses checks that an Ingress of Emissary's class, which is known
// by an object in no namespace, is counted.
func TestLiveTrafficCountsIngresses(t *testing.T) {
	backend := values{"service": values{"name": "old", "port": values{"number": 80}}}
	rules := []any{values{"http": values{"paths": []any{values{"path": "/", "pathType": "Prefix", "backend": backend}}}}}
	c := &cluster{objects: []values{
		newObject(emissarys, "Mapping", "web", values{"hostname": "*", "prefix": "/", "service": "web"}),
		newObject("networking.k8s.io/v1", "Ingress", "old", values{"ingressClassName": "main", "rules": rules}),
		newObject("networking.k8s.io/v1", "IngressClass", "main", values{"controller": "getambassador.io/ingress-controller"}),
	}}
	for _, namespace := range []string{"", "shop"} {
		report, _, err := c.traffic(t, namespace)
		if err != nil || len(report.Groups) != 1 || len(report.Groups[0].Rows) != 2 || report.Groups[0].Rows[0].Ingress != "old" || report.Groups[0].Rows[0].Share != 50 {
			t.Errorf("error %v, groups %+v", err, report.Groups)
		}
	}
}

// TestLiveTrafficWithoutPermissions checks that optional kinds that may not be listed are
// named, and that the others are an error.
func TestLiveTrafficWithoutPermissions(t *testing.T) {
	mapping := newObject(emissarys, "Mapping", "web", values{"hostname": "*", "prefix": "/", "service": "web"})
	optional := []string{"ingresses", "ingressclasses", "tlscontexts", "consulresolvers", "kubernetesendpointresolvers", "kubernetesserviceresolvers"}
	report, unread, err := (&cluster{objects: []values{mapping}, forbidden: optional}).traffic(t, "")
	if err != nil || !strings.HasPrefix(unread, "Ingresses, IngressClasses, TLSContexts, ConsulResolvers, KubernetesEndpointResolvers, KubernetesServiceResolvers were not read: not allowed to list them; ") || len(report.Groups) != 1 {
		t.Errorf("unread %q, error %v, report %+v", unread, err, report)
	}
	for _, plural := range []string{"mappings", "tcpmappings", "hosts", "services"} {
		if _, _, err := (&cluster{forbidden: []string{plural}}).traffic(t, ""); err == nil || !strings.Contains(err.Error(), "not allowed to list objects of kind") {
			t.Errorf("%s: error %v", plural, err)
		}
	}
}

// TestDoctorWithoutIngresses checks that doctor counts an Ingress, and that it says so and
// goes on if it may not list them.
func TestDoctorWithoutIngresses(t *testing.T) {
	backend := values{"service": values{"name": "web", "port": values{"number": 80}}}
	ingress := newObject("networking.k8s.io/v1", "Ingress", "old", values{"rules": []any{values{"http": values{"paths": []any{values{"path": "/", "backend": backend}}}}}})
	ingress["metadata"].(values)["annotations"] = values{"kubernetes.io/ingress.class": "ambassador"}
	for _, forbidden := range [][]string{nil, {"ingresses", "ingressclasses"}} {
		server := httptest.NewServer(&cluster{forbidden: forbidden, objects: []values{
			newObject(emissarys, "Mapping", "web", values{"hostname": "*", "prefix": "/", "service": "web"}), ingress,
		}})
		t.Cleanup(server.Close)
		options, err := Survey(kube.Target{Kubeconfig: kubeconfig(t, server.URL)}, "shop", "emissary", "")
		if err != nil {
			t.Fatal(err)
		}
		report, err := survey.Doctor(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		const unread = "Ingresses, IngressClasses were not read: not allowed to list them; Emissary makes Mappings of an Ingress of its class, which change shares"
		if slices.Contains(report.Unseen, unread) != (forbidden != nil) {
			t.Errorf("forbidden %q: unseen %q", forbidden, report.Unseen)
		}
		counted := slices.ContainsFunc(report.Findings, func(f doctor.Finding) bool { return strings.Contains(f.Problem, "Ingress shop/old (50 %)") })
		if counted != (forbidden == nil) {
			t.Errorf("forbidden %q: findings %+v", forbidden, report.Findings)
		}
	}
}
