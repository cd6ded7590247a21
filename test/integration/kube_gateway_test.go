//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/live"
)

const (
	running       = "{phase: Running, conditions: [{type: Ready, status: 'True'}]}"
	notReady      = "{phase: Running, conditions: [{type: Ready, status: 'False'}]}"
	gatewayLabels = "{app.kubernetes.io/name: emissary-ingress}"
)

func testForward(t *testing.T, s site) {
	k := s.startKubelet(t, s.namespace)
	s.pod(t, "web-1", s.namespace, "{app: web}", running)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, "%s %s %d", r.Method, r.URL.Path, len(body))
	}))
	t.Cleanup(server.Close)
	k.open("web-1", 8080, server)
	tunnel, err := s.cluster.Forward(t.Context(), s.namespace, "web-1")
	if err != nil {
		t.Fatal(err)
	}
	requests := s.cluster.Requests()
	for range 20 {
		response, err := tunnel.Client().Post("http://any:8080/page", "text/plain", strings.NewReader(strings.Repeat("x", 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || string(text) != "POST /page 100000" {
			t.Errorf("%q, %v", text, err)
		}
	}
	if n := s.cluster.Requests() - requests; n != 0 || k.opened() != 1 {
		t.Errorf("%d requests and %d tunnels for 20 connections", n, k.opened())
	}
	if _, err := tunnel.Client().Get("http://any:9/"); err == nil || !strings.Contains(err.Error(), "nobody listens on port 9") {
		t.Errorf("a closed port: %v", err)
	}
	connection, err := tunnel.Dial(8080)
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Read(make([]byte, 1)); err == nil { // the other side sends nothing
		t.Error("no error after a deadline")
	}
	if err := tunnel.Close(); err != nil {
		t.Error(err)
	}
	<-tunnel.Closed()
	if _, err := tunnel.Dial(8080); err == nil {
		t.Error("no error from a closed tunnel")
	}
	if _, err := s.cluster.Forward(t.Context(), s.namespace, "nothing"); err == nil {
		t.Error("no error for a pod that is not there")
	}
}

// gateway simulates a pod of Emissary: its Envoy and its diagnostics.
type gateway struct {
	share atomic.Int64 // of the canary
	fault atomic.Value // string, of its diagnostics
	asked atomic.Int64
}

func (s site) startGateway(t *testing.T, k *kubelet, pod string, share int64) *gateway {
	t.Helper()
	g := &gateway{}
	g.share.Store(share)
	g.fault.Store("")
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked.Add(1)
		if r.URL.RequestURI() != live.ConfigDumpPath {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"configs": [{"route_config": {"name": "routes", "virtual_hosts": [{"name": "all", "routes": [
		  {"match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": %d}}}, "route": {"cluster": "canary"}},
		  {"match": {"prefix": "/"}, "route": {"cluster": "stable"}}]}]}}]}`, g.share.Load())
	}))
	t.Cleanup(admin.Close)
	diagnostics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		errors := "[]"
		if text := g.fault.Load().(string); text != "" {
			errors = fmt.Sprintf(`[["web-canary.%s.1", %q]]`, s.namespace, text)
		}
		fmt.Fprintf(w, `{"route_info": [{"prefix": "/", "host": "*", "_route": {"mappings": [
		  {"name": "web-canary", "namespace": %[1]q, "_weight": %[2]d, "cluster": "canary"},
		  {"name": "web", "namespace": %[1]q, "_weight": 100, "cluster": "stable"}]}}], "errors": %[3]s}`, s.namespace, g.share.Load(), errors)
	}))
	t.Cleanup(diagnostics.Close)
	k.open(pod, 8001, admin)
	k.open(pod, 8877, diagnostics)
	return g
}

func (s site) wants(share float64) []live.Want {
	return []live.Want{
		{Namespace: s.namespace, Mapping: "web-canary", Cluster: "canary", Share: share},
		{Namespace: s.namespace, Mapping: "web", Cluster: "stable", Share: 100 - share},
	}
}

// testVerify checks that a share is verified when every ready pod has it, including pods
// that start late.
func testVerify(t *testing.T, s site) {
	k := s.startKubelet(t, s.namespace)
	s.pod(t, "emissary-1", s.namespace, gatewayLabels, running)
	s.pod(t, "emissary-2", s.namespace, gatewayLabels, running)
	s.pod(t, "emissary-3", s.namespace, gatewayLabels, notReady)
	first, second := s.startGateway(t, k, "emissary-1", 10), s.startGateway(t, k, "emissary-2", 0)
	gateways := live.NewGateways(s.cluster, live.Gateway{Namespace: s.namespace, Every: 20 * time.Millisecond})
	defer gateways.Close()
	type result struct {
		live.Verified
		err error
	}
	done := make(chan result, 1)
	verify := func(share float64) {
		v, err := gateways.VerifyShare(t.Context(), s.wants(share), 0)
		done <- result{v, err}
	}
	go verify(10)
	for second.asked.Load() < 3 { // it is asked repeatedly
		time.Sleep(5 * time.Millisecond)
	}
	third := s.startGateway(t, k, "emissary-3", 0)
	s.setStatus(t, pods, "emissary-3", running)
	for third.asked.Load() < 1 {
		time.Sleep(5 * time.Millisecond)
	}
	second.share.Store(10)
	for n := third.asked.Load() + 5; third.asked.Load() < n; time.Sleep(5 * time.Millisecond) {
		select {
		case r := <-done:
			t.Fatalf("verified though a pod has another share: %v, %v", r.Verified, r.err)
		default:
		}
	}
	third.share.Store(10)
	r := <-done
	if r.err != nil || r.String() != "on all 3 gateway pods, by Envoy's routes and Emissary's diagnostics" {
		t.Errorf("%v, %v", r.Verified, r.err)
	}
	// The second time costs a list and a watch; the tunnels stay open.
	tunnels, requests := k.opened(), s.cluster.Requests()
	for _, g := range []*gateway{first, second, third} {
		g.share.Store(20)
	}
	verify(20)
	if r := <-done; r.err != nil {
		t.Error(r.err)
	}
	if n := s.cluster.Requests() - requests; n > 2 || k.opened() != tunnels {
		t.Errorf("%d requests and %d tunnels for the second verification", n, k.opened()-tunnels)
	}
	// If Envoy cannot be reached, the diagnostics count.
	for _, pod := range []string{"emissary-1", "emissary-2", "emissary-3"} {
		k.shut(pod, 8001)
	}
	verify(20)
	if r := <-done; r.err != nil || r.String() != "on all 3 gateway pods, by Emissary's diagnostics" {
		t.Errorf("%v, %v", r.Verified, r.err)
	}
}

func testVerifyFails(t *testing.T, s site) {
	k := s.startKubelet(t, s.namespace)
	gateways := live.NewGateways(s.cluster, live.Gateway{Namespace: s.namespace, Every: 20 * time.Millisecond, Patience: 2 * time.Second})
	defer gateways.Close()
	fails := func(share float64, want string) {
		t.Helper()
		_, err := gateways.VerifyShare(t.Context(), s.wants(share), 0)
		var refused *live.NotVerifiedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, expected %s", err, want)
		}
	}
	fails(10, "no pod of the gateway with the label app.kubernetes.io/name=emissary-ingress is ready in namespace "+s.namespace)
	s.pod(t, "emissary-1", s.namespace, gatewayLabels, running)
	fails(10, "the gateway has not applied the shares within 2s: no answer (nobody listens on port 8001")
	g := s.startGateway(t, k, "emissary-1", 20)
	fails(10, "the gateway has not applied the shares within 2s: Mapping "+s.namespace+"/web-canary has 20 % of the requests, not 10 %")
	s.pod(t, "emissary-2", s.namespace, gatewayLabels, running)
	s.startGateway(t, k, "emissary-2", 10)
	fails(10, "the gateway has not applied the shares within 2s on 1 of 2 gateway pods (emissary-1): Mapping "+s.namespace+"/web-canary has 20 % of the requests, not 10 %")
	s.startGateway(t, k, "emissary-2", 20)
	g.fault.Store("is broken")
	fails(20, "Mapping "+s.namespace+"/web-canary has an error: is broken")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	if _, err := gateways.VerifyShare(ctx, s.wants(10), 0); !errors.Is(err, why) {
		t.Error(err)
	}
}
