//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/route/emissary/live"
)

// testFollow checks that Follow sees pods appear, restart, become ready and disappear, and
// that reading them costs no request.
func testFollow(t *testing.T, s site) {
	followed := s.cluster.Follow(s.namespace, "app=web")
	defer followed.Close()
	await := func(want ...string) {
		t.Helper()
		var have []string
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			all, err := followed.Running(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			have = nil
			for _, p := range all {
				have = append(have, fmt.Sprintf("%s %d %v", p.Name, p.Restarts, p.Ready))
			}
			if cmp.Equal(want, have) {
				return
			}
		}
		t.Fatal(cmp.Diff(want, have))
	}
	await()
	requests := s.cluster.Requests()
	await()
	if n := s.cluster.Requests() - requests; n != 0 {
		t.Errorf("%d requests for asking again", n)
	}
	s.pod(t, "web-1", "node", "{app: web}", running)
	s.pod(t, "other", "node", "{app: other}", running)
	await("web-1 0 true")
	s.pod(t, "web-2", "node", "{app: web}", "{phase: Pending}")
	s.pod(t, "web-1", "node", "{app: web}", "{phase: Running, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: web, image: a, imageID: '', restartCount: 2, ready: false}]}")
	await("web-1 2 false")
	if _, err := s.cluster.Delete(t.Context(), []kube.Ref{s.ref("", "Pod", "web-2")}, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	await("web-1 2 false")
	followed.Close()
	if _, err := followed.Running(t.Context()); err == nil {
		t.Error("no error after the end")
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := s.cluster.Follow("nowhere", "").Running(ended); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Error(err)
	}
}

// ownAddress returns an address of this machine other than localhost, to which an API
// server refuses to connect.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if ip, isIP := a.(*net.IPNet); isIP && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	t.Fatal("this machine has no address but localhost, so no pod can be reached")
	return ""
}

func testPages(t *testing.T, s site) {
	address := ownAddress(t)
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			fmt.Fprintf(w, "%s %s", r.URL.RawQuery, r.Header.Get("Accept"))
		case "/broken":
			http.Error(w, "out of\norder", http.StatusTeapot)
		case "/declared":
			fmt.Fprint(w, strings.Repeat("x", 100))
		default:
			_ = http.NewResponseController(w).Flush() // so the response has no declared length
			fmt.Fprint(w, strings.Repeat("x", 100))
		}
	}))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	port := listener.Addr().(*net.TCPAddr).Port
	s.pod(t, "web-1", "node", "{app: web}", fmt.Sprintf("{phase: Running, podIP: %s, podIPs: [{ip: %s}]}", address, address))
	pages, err := s.cluster.Pages()
	if err != nil {
		t.Fatal(err)
	}
	pod := kube.Pod{Namespace: s.namespace, Name: "web-1"}
	for path, want := range map[string]string{
		"/metrics?a=b": "a=b text/plain", "/long": strings.Repeat("x", 51), "/broken": "418 I'm a teapot: out of order",
		"/declared": "its page has 100 bytes, but the limit is 50 bytes; make the program expose fewer series, or take its metrics from Prometheus",
	} {
		text, err := pages.Get(t.Context(), pod, port, path, "text/plain", 50)
		if err != nil {
			text = []byte(err.Error())
		}
		if string(text) != want {
			t.Errorf("%s: %q, want %q", path, text, want)
		}
	}
	if _, err := pages.Get(t.Context(), kube.Pod{Namespace: s.namespace, Name: "none"}, port, "/", "text/plain", 50); err == nil || !strings.Contains(err.Error(), `pods "none" not found`) {
		t.Error(err)
	}
	nobody := connect(t, actingAs(t, s.kubeconfig, "system:serviceaccount:"+s.namespace+":nobody"))
	if pages, err = nobody.Pages(); err != nil {
		t.Fatal(err)
	}
	if _, err := pages.Get(t.Context(), pod, port, "/metrics", "text/plain", 50); err == nil || !strings.Contains(err.Error(), "which needs the verb get on pods/proxy") {
		t.Error(err)
	}
}

// testGatewayPages checks that the statistics come through the tunnel that verifying uses,
// and that a dead tunnel is opened again.
func testGatewayPages(t *testing.T, s site) {
	k := s.startKubelet(t, s.namespace)
	s.pod(t, "emissary-1", s.namespace, gatewayLabels, running)
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RequestURI) }))
	t.Cleanup(admin.Close)
	k.open("emissary-1", 8001, admin)
	gateways := live.NewGateways(s.cluster, live.Gateway{Namespace: s.namespace})
	defer gateways.Close()
	followed := gateways.Pods()
	defer followed.Close()
	all, err := followed.Running(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	for range 3 {
		text, err := gateways.Page(t.Context(), all[0], "/stats?usedonly", "text/plain", 100)
		if err != nil || string(text) != "/stats?usedonly" {
			t.Fatalf("%s, %v", text, err)
		}
	}
	if n := k.opened(); n != 1 {
		t.Errorf("%d tunnels for 3 pages", n)
	}
	k.shut("emissary-1", 8001)
	if _, err := gateways.Page(t.Context(), all[0], "/stats", "text/plain", 100); err == nil || !strings.Contains(err.Error(), "nobody listens on port 8001") {
		t.Error(err)
	}
	k.open("emissary-1", 8001, admin)
	if _, err := gateways.Page(t.Context(), all[0], "/stats", "text/plain", 100); err != nil {
		t.Error(err)
	}
}
