//go:build integration

package integration

import (
	"encoding/base64"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/rollout"
)

// forge replaces the stored plan, as anybody who may write ConfigMaps can.
func (s shop) forge(t *testing.T, change func(*rollout.Plan)) {
	t.Helper()
	encoded, _, _ := unstructured.NestedString(s.get(t, s.ref("", "ConfigMap", "canarize-shop")), "binaryData", "plan.json.gz")
	packed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := rollout.Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	change(&plan)
	if packed, err = plan.Pack(); err != nil {
		t.Fatal(err)
	}
	forged := map[string]any{"binaryData": map[string]any{"plan.json.gz": base64.StdEncoding.EncodeToString(packed)}}
	if err := s.patch(t.Context(), configMaps, "canarize-shop", forged); err != nil {
		t.Fatal(err)
	}
}

// testReplacedPlan checks that no verb promotes a plan that was never a canary, and that
// reject leads back.
func testReplacedPlan(t *testing.T, s shop, _ *users) {
	s.expect(t, 0, s.deploy(t, "v2"))
	s.expect(t, 0, shift("50"))
	s.forge(t, func(p *rollout.Plan) {
		for _, o := range p.Stable {
			if o["kind"] != "Deployment" {
				continue
			}
			containers, _, _ := unstructured.NestedSlice(o, "spec", "template", "spec", "containers")
			containers[0].(map[string]any)["image"] = "registry.example.com/shop:evil"
			if err := unstructured.SetNestedSlice(o, containers, "spec", "template", "spec", "containers"); err != nil {
				t.Fatal(err)
			}
		}
	})
	const says = "does not match what was deployed"
	s.expect(t, 1, promote, says)
	s.expect(t, 1, shift("60"), says)
	s.check(t, "v1", 50)
	s.expect(t, 0, reject)
	s.check(t, "v1", -1)
}

// testMoreObjects checks that reject deletes, of the objects that the record lists, only
// those with the release's label in its namespace.
func testMoreObjects(t *testing.T, s shop, _ *users) {
	s.expect(t, 0, s.deploy(t, "v2"))
	s.expect(t, 0, shift("50"))
	s.edit(t, func(state map[string]any) {
		objects, _ := state["objects"].([]any)
		for _, id := range []map[string]any{
			{"Group": "apps", "Kind": "Deployment", "Namespace": s.namespace, "Name": "shop"},
			{"Kind": "Service", "Namespace": s.namespace, "Name": "shop"},
			{"Kind": "Service", "Namespace": "default", "Name": "kubernetes"},
		} {
			objects = append(objects, id)
		}
		state["objects"] = objects
	})
	s.expect(t, 0, reject, "skipped")
	s.check(t, "v1", -1)
	for _, object := range []struct{ group, kind string }{{"apps", "Deployment"}, {"", "Service"}} {
		if s.get(t, s.ref(object.group, object.kind, "shop")) == nil {
			t.Errorf("the stable %s was deleted", object.kind)
		}
	}
}

// testForgedPhase checks that canarize does not trust a record that claims that stable is
// the new version, and that the canary loses its traffic.
func testForgedPhase(t *testing.T, s shop, _ *users) {
	s.expect(t, 0, s.deploy(t, "v2"))
	s.expect(t, 0, shift("50"))
	s.edit(t, func(state map[string]any) { state["phase"] = string(rollout.Retiring) })
	s.expect(t, 1, promote, "does not match what was deployed")
	s.check(t, "v1", 50)
	s.expect(t, 0, reject)
	s.check(t, "v1", -1)
}

// testUnreadableRecord checks that reject takes the traffic off first, whatever the record
// contains, and then says what it could not read.
func testUnreadableRecord(t *testing.T, s shop, _ *users) {
	s.expect(t, 0, s.deploy(t, "v2"))
	for text, says := range map[string]string{
		"": "the stored state is damaged", "{": "the stored state is damaged",
		`{"schema": 99}`: "version 99", `{"schema": 1, "phase": "odd"}`: "odd",
	} {
		mapping := map[string]any{"spec": map[string]any{"weight": 50}}
		if err := s.patch(t.Context(), mappings, "shop-canary", mapping); err != nil {
			t.Fatal(err)
		}
		if err := s.patch(t.Context(), configMaps, "canarize-shop", map[string]any{"data": map[string]any{"state.json": text}}); err != nil {
			t.Fatal(err)
		}
		o := s.expect(t, 1, reject, says, "the canary gets no traffic")
		if strings.Contains(o.err, "goroutine ") {
			t.Errorf("%q: %s", text, o.err)
		}
		s.check(t, "v1", 0)
	}
	if err := s.dynamic.Resource(configMaps).Namespace(s.namespace).Delete(t.Context(), "canarize-shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.expect(t, 0, s.deploy(t, "v2")) // takes over the remaining objects
	s.expect(t, 0, reject)
	s.check(t, "v1", -1)
}
