package runner

import "testing"

// TestRouteOfNewVersion: until its promotion a canary answers what the stable version
// answers, whatever the new version's Mapping says. A canary's Mapping apart from the
// stable one would get every request, whatever its weight.
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

// TestStableRouteEdited: somebody who edits the stable Mapping parts the canary's from
// it. Whatever is asked for next brings them together again first.
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
