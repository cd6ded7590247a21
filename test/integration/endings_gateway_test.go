//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/derive"
	"github.com/canarize/canarize/internal/route/emissary/live"
)

// verifying returns the arguments without --unverified and with the namespace of a
// gateway.
func verifying(args []string, gateway string) []string {
	args = slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "--unverified" })
	return append(args, "--emissary-namespace", gateway)
}

// testNoGateway checks that nothing begins if the namespace of the gateway is wrong.
func testNoGateway(t *testing.T, s shop, u *users) {
	for _, args := range [][]string{s.deploy(t, "v2"), u.run(t, "v2", "")} {
		s.expect(t, 1, verifying(args, "nowhere"), "nothing was changed", "there is no pod of Emissary in namespace nowhere", "--emissary-namespace")
		s.check(t, "v1", -1)
		for name := range s.contents(t) {
			if strings.HasPrefix(name, "ConfigMap canarize-") {
				t.Errorf("there is %s", name)
			}
		}
	}
}

// testUnverified checks that a share computed by the model is nowhere shown as verified
// and is not promoted, and that the same release is promoted once a gateway confirms it.
func testUnverified(t *testing.T, s shop, u *users) {
	s.expect(t, 0, append(s.deploy(t, "v2"), "--emissary-namespace", s.namespace))
	s.expect(t, 0, append(shift("10"), "--emissary-namespace", s.namespace), "computed with the model of Emissary and verified on no gateway")
	s.expect(t, 2, verifying(promote, s.namespace), "no gateway has confirmed that the canary gets 10 %", "--unverified")
	s.check(t, "v1", 10)
	if got := s.state(t); got.Proof != rollout.ByModelAlone {
		t.Errorf("proof %q", got.Proof)
	}
	if got := s.status(t); got.Verified != nil {
		t.Errorf("status says that %d %% are verified", *got.Verified)
	}
	s.startEmissary(t)
	s.expect(t, 0, append(shift("10"), "--emissary-namespace", s.namespace), "the canary gets 10 % on the gateway pod")
	if got := s.status(t); got.Verified == nil || *got.Verified != 10 {
		t.Errorf("status says that %v are verified", got.Verified)
	}
	s.expect(t, 0, verifying(promote, s.namespace))
	s.check(t, "v2", -1)
	s.expect(t, 0, verifying(u.run(t, "v3", ""), s.namespace), "the canary gets 50 % on the gateway pod", "promoted")
	s.check(t, "v3", -1)
}

// testFrozen: behind a gateway that takes no change any more, reject leaves no request on
// the canary all the same, and says so; when the gateway is well again it ends.
func testFrozen(t *testing.T, s shop, _ *users) {
	gateway := s.startEmissary(t)
	s.expect(t, 0, verifying(s.deploy(t, "v2"), s.namespace))
	s.expect(t, 0, verifying(shift("50"), s.namespace), "the canary gets 50 % on the gateway pod")
	gateway.freeze(50)
	s.expect(t, 4, verifying(reject, s.namespace), "the gateway did not apply the weight of 0", "select the stable pods", "canarize doctor")
	service := s.get(t, s.ref("", "Service", "shop-canary"))
	stable := s.get(t, s.ref("", "Service", "shop"))
	if have, want := service["spec"].(map[string]any)["selector"], stable["spec"].(map[string]any)["selector"]; !reflect.DeepEqual(have, want) {
		t.Errorf("the canary's Service selects %v, the stable one %v", have, want)
	}
	if n := s.replicas(t, "shop-canary"); n != 0 {
		t.Errorf("the canary has %v pods", n)
	}
	if got := s.status(t); !got.Braked || got.Verified != nil || got.Weight != 0 {
		t.Errorf("status says braked %v, weight %d, verified %v", got.Braked, got.Weight, got.Verified)
	}
	says := s.try(t, "doctor", "--emissary-namespace", s.namespace).out
	if strings.Count(says, "it is held: the gateway has not applied the shares within ") != 1 || strings.Contains(says, "a process ended") {
		t.Errorf("canarize doctor says %s", says)
	}
	gateway.thaw()
	s.expect(t, 0, verifying(reject, s.namespace), "rejected")
	s.check(t, "v1", -1)
}

// emissary is a gateway in memory.
type emissary struct{ frozen atomic.Int64 }

func (e *emissary) freeze(share int) { e.frozen.Store(int64(share) + 1) }
func (e *emissary) thaw()            { e.frozen.Store(0) }

// startEmissary starts a gateway in the namespace of the test. It gives the shares that
// the Mappings ask for, until it is frozen.
func (s shop) startEmissary(t *testing.T) *emissary {
	t.Helper()
	k := s.startKubelet(t, s.namespace)
	s.pod(t, "emissary-1", s.namespace, gatewayLabels, running)
	return s.openEmissary(t, k, s.namespace)
}

// openEmissary lets a pod emissary-1 of a kubelet be a gateway in a namespace.
func (s shop) openEmissary(t *testing.T, k *kubelet, namespace string) *emissary {
	t.Helper()
	gateway := &emissary{}
	of := func(name string) (cluster string, weight int) {
		object, err := s.cluster.Get(t.Context(), s.ref("getambassador.io", "Mapping", name))
		if err != nil || object == nil {
			return "", 0
		}
		if frozen := gateway.frozen.Load(); frozen > 0 && name == "shop-canary" {
			return derive.Cluster(object, namespace), int(frozen) - 1
		}
		return derive.Cluster(object, namespace), derive.Share(object, derive.Version{})
	}
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != live.ConfigDumpPath {
			http.NotFound(w, r)
			return
		}
		first := ""
		if canary, share := of("shop-canary"); canary != "" {
			first = fmt.Sprintf(`{"match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": %d}}}, "route": {"cluster": %q}},`, share, canary)
		}
		stable, _ := of("shop")
		fmt.Fprintf(w, `{"configs": [{"route_config": {"name": "routes", "virtual_hosts": [{"name": "all", "routes": [%s{"match": {"prefix": "/"}, "route": {"cluster": %q}}]}]}}]}`, first, stable)
	}))
	t.Cleanup(admin.Close)
	diagnostics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stable, _ := of("shop")
		mappings := fmt.Sprintf(`{"name": "shop", "namespace": %q, "_weight": 100, "cluster": %q}`, s.namespace, stable)
		if canary, share := of("shop-canary"); canary != "" {
			mappings = fmt.Sprintf(`{"name": "shop-canary", "namespace": %q, "_weight": %d, "cluster": %q}, `, s.namespace, share, canary) + mappings
		}
		fmt.Fprintf(w, `{"route_info": [{"prefix": "/", "host": "*", "_route": {"mappings": [%s]}}], "errors": []}`, mappings)
	}))
	t.Cleanup(diagnostics.Close)
	k.open("emissary-1", 8001, admin)
	k.open("emissary-1", 8877, diagnostics)
	return gateway
}
