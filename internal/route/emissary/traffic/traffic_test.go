package traffic

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// TestSubjects: every row is observed by its own conditions, in the order of the report. A
// row without a Mapping of its own, as of an Ingress, has the prefix of its group. Emissary
// calls a Mapping NAME.NAMESPACE if another namespace has one of its name.
func TestSubjects(t *testing.T) {
	mapping := map[string]any{
		"apiVersion": "getambassador.io/v3alpha1", "kind": "Mapping", "metadata": map[string]any{"name": "web", "namespace": "shop"},
		"spec": map[string]any{"prefix": "/", "headers": map[string]any{"X-Beta": "yes"}},
	}
	report := model.Report{Groups: []model.Group{
		{Prefix: "/", Rows: []model.Row{{Namespace: "shop", Mapping: "web.shop", Name: "web", Share: 100, Cluster: "a", Stats: "b"}}},
		{Prefix: "/old", Rows: []model.Row{{Namespace: "shop", Mapping: "old-0-0", Name: "old-0-0", Ingress: "old", Share: 100, Cluster: "c", Stats: "d"}}},
	}}
	want := []live.Subject{
		{Want: live.Want{Namespace: "shop", Mapping: "web", Cluster: "a", Share: 100, Route: &live.Route{Prefix: "/", Conditions: []string{"x-beta"}}}, Stats: "b"},
		{Want: live.Want{Namespace: "shop", Mapping: "old-0-0", Cluster: "c", Share: 100, Route: &live.Route{Prefix: "/old"}}, Stats: "d", Group: 1},
	}
	if diff := cmp.Diff(want, subjects(report, []map[string]any{mapping})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
