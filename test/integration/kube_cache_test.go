//go:build integration

package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/test/faults"
)

// following returns the site with a caching cluster behind a proxy.
func (s site) following(t *testing.T, decide func(*http.Request) faults.Fault) (site, *faults.Proxy) {
	t.Helper()
	proxy := faults.Start(t, s.kubeconfig, decide)
	s.cluster = connect(t, proxy.Kubeconfig).Following(t.Context())
	return s, proxy
}

// eventually waits until an object has a weight.
func (s site) eventually(t *testing.T, ref kube.Ref, weight int64) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		o := s.get(t, ref)
		if o != nil && o["spec"].(map[string]any)["weight"] == weight {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("never a weight of %d: %v", weight, o)
		}
	}
}

func testCache(t *testing.T, s site) {
	other := s.cluster
	s, proxy := s.following(t, func(r *http.Request) faults.Fault {
		if strings.HasSuffix(r.URL.Path, "/services") { // to list them
			return faults.Forbidden
		}
		return faults.None
	})
	requests := func() int { n, _ := asked(proxy.Requests(), 0); return n }
	ref := s.ref("getambassador.io", "Mapping", "web-canary")
	if o := s.get(t, ref); o != nil {
		t.Fatalf("there is one: %v", o)
	}
	before := requests()
	s.apply(t, mapping)
	if err := s.cluster.SetNumber(t.Context(), ref, "weight", 5, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	s.eventually(t, ref, 5) // at once, because this cluster wrote it
	for range 100 {
		s.get(t, ref)["spec"] = "whoever reads it may change it"
	}
	if did := requests() - before; did != 2 {
		t.Errorf("%d requests for two writes:\n%s", did, lines(proxy.Requests()))
	}
	if err := other.SetNumber(t.Context(), ref, "weight", 7, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	s.eventually(t, ref, 7)
	if did := requests() - before; did != 2 {
		t.Errorf("%d requests, none of them for the change by somebody else:\n%s", did, lines(proxy.Requests()))
	}
	if fresh, err := s.cluster.Fresh(t.Context(), ref); err != nil || requests()-before != 3 || fresh == nil {
		t.Errorf("fresh: %v, %v, %d requests", fresh, err, requests()-before)
	}
	if _, err := s.cluster.Delete(t.Context(), []kube.Ref{ref}, kube.Write{}); err != nil {
		t.Fatal(err)
	}
	if o := s.get(t, ref); o != nil {
		t.Errorf("it exists after its deletion: %v", o)
	}
	// Secrets, and kinds that may not be listed, are read each time.
	for _, text := range []string{
		"{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}",
		"{apiVersion: v1, kind: Secret, metadata: {name: web}}",
	} {
		ref := kube.RefOf(s.apply(t, text).After)
		before := len(proxy.Requests())
		for range 3 {
			s.get(t, ref)
		}
		if did := len(proxy.Requests()) - before; did != 3 {
			t.Errorf("%s: %d requests for reading it three times:\n%s", ref, did, lines(proxy.Requests()[before:]))
		}
	}
}

// testCacheWithFaults reads while somebody else writes, and while watches break: what
// is read is never older than what was written or read before.
func testCacheWithFaults(t *testing.T, s site) { s.readWithFaults(t, 0) }

// testCacheOfMany is the same where all objects of the kind are watched at once.
func testCacheOfMany(t *testing.T, s site) {
	proxy := s.readWithFaults(t, 40)
	whole, single := 0, 0
	for _, r := range proxy.Requests() {
		switch {
		case r.IsWatch() && r.Query.Has("fieldSelector"):
			single++
		case r.IsWatch():
			whole++
		}
	}
	t.Logf("%d watches of all objects, %d of single ones", whole, single)
	if whole < single {
		t.Errorf("%d watches of all objects, %d of single ones", whole, single)
	}
}

// readWithFaults does so beside a number of other objects that are read too.
func (s site) readWithFaults(t *testing.T, beside int) *faults.Proxy {
	t.Helper()
	const seed = 11
	other := s.cluster
	at := faults.Random(seed, 0.2)
	s, proxy := s.following(t, func(r *http.Request) faults.Fault {
		if fault := at(r); fault != faults.None || r.URL.Query().Get("watch") == "" {
			return fault
		}
		return faults.Cut
	})
	for n := range beside {
		s.get(t, s.ref("getambassador.io", "Mapping", fmt.Sprint("other-", n)))
	}
	ref := s.ref("getambassador.io", "Mapping", "web-canary")
	s.apply(t, mapping)
	random, ctx := rand.New(rand.NewPCG(seed, 1)), t.Context()
	write := func(by *kube.Cluster, weight int) error {
		return by.SetNumber(ctx, ref, "weight", weight, kube.Write{})
	}
	for n := range 100 {
		weight := n % 101
		if random.IntN(3) == 0 {
			if err := write(other, weight); err != nil {
				t.Fatal(err)
			}
			s.eventually(t, ref, int64(weight))
			continue
		}
		if err := write(s.cluster, weight); err != nil {
			t.Fatal(err)
		}
		if have := s.weight(t, ref); have != int64(weight) {
			t.Fatalf("read %d after %d was written\n%s", have, weight, proxy.Summary())
		}
	}
	t.Log(proxy.Summary())
	if proxy.Faults()[faults.Cut] < 10 {
		t.Error("few watches broke")
	}
	return proxy
}

func (s site) weight(t *testing.T, ref kube.Ref) int64 {
	t.Helper()
	o, err := s.cluster.Get(t.Context(), ref)
	if err != nil || o == nil {
		t.Fatal(fmt.Errorf("%s: %v, %w", ref, o, err))
	}
	weight, _ := o["spec"].(map[string]any)["weight"].(int64)
	return weight
}
