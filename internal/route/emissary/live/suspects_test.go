package live

import (
	"slices"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// TestChangedSince: the first Mappings that changed after the gateway's last change are
// named, in their order.
func TestChangedSince(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(1e9+int64(seconds), 0) }
	mapping := func(name string, seconds int) suspect {
		return suspect{id: manifest.ID{Kind: "Mapping", Namespace: "shop", Name: name}, changed: at(seconds)}
	}
	all := []suspect{mapping("f", 60), mapping("before", -1), mapping("b", 2), {}, mapping("d", 4), mapping("a", 1)}
	want := []string{
		"Mapping shop/a changed at 01:46:41, after the gateway's last change", "Mapping shop/b changed at 01:46:42, after the gateway's last change",
		"Mapping shop/d changed at 01:46:44, after the gateway's last change",
	}
	if have := changedSince(all, at(0)); !slices.Equal(have, want) {
		t.Errorf("%q", have)
	}
}

// TestChangedAt: a write of the status, or of canarize to the canary, is no change.
func TestChangedAt(t *testing.T) {
	type m = map[string]any
	entry := func(time, subresource string) m {
		e := m{"time": time}
		if subresource != "" {
			e["subresource"] = subresource
		}
		return e
	}
	for name, c := range map[string]struct {
		meta m
		want string
	}{
		"created": {m{"creationTimestamp": "2026-01-02T03:04:05Z"}, "2026-01-02T03:04:05Z"},
		"edited":  {m{"creationTimestamp": "2026-01-02T03:04:05Z", "managedFields": []any{entry("2026-01-02T03:05:00Z", ""), entry("2026-01-02T03:04:50Z", "")}}, "2026-01-02T03:05:00Z"},
		"status":  {m{"creationTimestamp": "2026-01-02T03:04:05Z", "managedFields": []any{entry("2026-01-02T03:05:00Z", "status")}}, "2026-01-02T03:04:05Z"},
		"canary":  {m{"creationTimestamp": "2026-01-02T03:04:05Z", "labels": m{rollout.ReleaseLabel: "web"}}, "0001-01-01T00:00:00Z"},
		"foreign": {m{"creationTimestamp": 7, "managedFields": []any{"x", m{"time": 7}}, "labels": "x"}, "0001-01-01T00:00:00Z"},
	} {
		if have := changedAt(m{"metadata": c.meta}).Format(time.RFC3339); have != c.want {
			t.Errorf("%s: %s, expected %s", name, have, c.want)
		}
	}
}
