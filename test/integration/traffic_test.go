//go:build integration

package integration

import (
	"encoding/json"
	"slices"
	"testing"
)

// traffic is the output of `canarize traffic -o json`.
type traffic struct {
	Groups  []group           `json:"groups"`
	Dropped []json.RawMessage `json:"dropped"`
	Error   bool              `json:"error"`
	Errors  []string          `json:"errors"`
}

type group struct {
	Host     string  `json:"host"`
	Prefix   string  `json:"prefix"`
	Routed   bool    `json:"routed"`
	Unrouted float64 `json:"unrouted"`
	Rows     []row   `json:"rows"`
}

type row struct {
	Mapping   string  `json:"mapping"`
	Namespace string  `json:"namespace"`
	Share     float64 `json:"share"`
	Cluster   string  `json:"cluster"`
	Stats     string  `json:"stats"`
}

// checkTraffic checks that every canary Mapping gets the share, and the stable one beside
// it the rest.
func checkTraffic(t *testing.T, text []byte, canary []object, share float64) {
	t.Helper()
	var r traffic
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("canarize traffic -o json: %v\n%s", err, head(text))
	}
	if len(r.Dropped) > 0 || r.Error || len(r.Errors) > 0 {
		t.Errorf("Emissary would drop %s; error %v, errors %q; expected none of that", r.Dropped, r.Error, r.Errors)
	}
	routed := map[string]bool{} // canary Mappings by name
	for _, m := range ofKind(canary, "Mapping") {
		routed[m.Metadata.Name] = false
	}
	if len(routed) == 0 {
		t.Error("there is no canary Mapping")
	}
	for _, g := range r.Groups {
		isCanary := func(r row) bool { _, ok := routed[r.Mapping]; return ok }
		if !slices.ContainsFunc(g.Rows, isCanary) {
			continue
		}
		checkGroup(t, g, isCanary, share)
		for _, r := range g.Rows {
			if isCanary(r) {
				routed[r.Mapping] = true
			}
		}
	}
	for name, ok := range routed {
		if !ok {
			t.Errorf("canary Mapping %s is in no group:\n%s", name, head(text))
		}
	}
}

// checkGroup checks a group with a canary in it.
func checkGroup(t *testing.T, g group, isCanary func(row) bool, share float64) {
	t.Helper()
	if len(g.Rows) != 2 || !g.Routed || g.Unrouted != 0 {
		t.Errorf("group %s%s: rows %+v, routed %v, %v %% unrouted; expected stable and canary, routed", g.Host, g.Prefix, g.Rows, g.Routed, g.Unrouted)
		return
	}
	if g.Rows[0].Cluster == g.Rows[1].Cluster || g.Rows[0].Stats == g.Rows[1].Stats {
		t.Errorf("group %s%s: both versions have one cluster or statistics name: %+v", g.Host, g.Prefix, g.Rows)
	}
	for _, r := range g.Rows {
		want := 100 - share
		if isCanary(r) {
			want = share
		}
		if r.Share != want {
			t.Errorf("group %s%s: Mapping %s gets %v %%, expected %v %%", g.Host, g.Prefix, r.Mapping, r.Share, want)
		}
	}
}
