package model_test

import (
	"testing"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// TestWeightlessTCPMapping checks that a TCPMapping with a weight of 0 freezes Emissary only
// beside another one of its group.
func TestWeightlessTCPMapping(t *testing.T) {
	tcp := func(name string, spec map[string]any) map[string]any {
		return map[string]any{"apiVersion": "getambassador.io/v3alpha1", "kind": "TCPMapping", "metadata": map[string]any{"name": name, "namespace": "shop"}, "spec": spec}
	}
	zero := tcp("db-canary", map[string]any{"port": int64(5432), "service": "db-canary:5432", "weight": int64(0)})
	for name, c := range map[string]struct {
		other map[string]any
		want  int
	}{
		"beside stable":       {tcp("db", map[string]any{"port": int64(5432), "service": "db:5432"}), 1},
		"at another port":     {tcp("db", map[string]any{"port": int64(5433), "service": "db:5432"}), 0},
		"at another host":     {tcp("db", map[string]any{"port": int64(5432), "host": "db.example.com", "service": "db:5432"}), 0},
		"for another gateway": {tcp("db", map[string]any{"port": int64(5432), "service": "db:5432", "ambassador_id": []any{"other"}}), 0},
	} {
		all := model.Freezing([]map[string]any{c.other, zero}, model.Options{Namespace: "emissary"})
		if len(all) != c.want || c.want == 1 && all[0].Name != "db-canary" {
			t.Errorf("%s: %+v", name, all)
		}
	}
}
