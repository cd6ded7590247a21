package runner

import "testing"

// TestRouteOfNewVersion checks that until its promotion the canary's route matches the
// stable one, whatever the new version's Mapping says. A canary Mapping in a group of its
// own would get every request, at any weight.
func TestRouteOfNewVersion(t *testing.T) {
	w := newWorld()
	w.must(t, deploy(moved))
	if got := field(w.objects[canaryMapping], "spec", "prefix"); got != "/" {
		t.Errorf("the canary is deployed at %v", got)
	}
	w.must(t, deploy(moved), shift(50), promote())
	if got := field(w.objects[stableMapping], "spec", "prefix"); got != "/moved" {
		t.Errorf("the promoted version is at %v", got)
	}
	w.expect(t, moved, -1)
}

// TestStableRouteEdited edits the stable Mapping, so that the canary's no longer matches
// it. Every next request first makes them match again.
func TestStableRouteEdited(t *testing.T) {
	for _, c := range []struct {
		asks   []ask
		weight int
	}{
		{[]ask{shift(60)}, 60}, {[]ask{shift(0)}, 0}, {[]ask{reject()}, -1},
	} {
		w := newWorld()
		w.must(t, deploy("shop:2"), shift(50))
		w.set(stableMapping, "/edited", "spec", "prefix")
		w.must(t, c.asks...)
		w.expect(t, "shop:1", c.weight)
	}
}
