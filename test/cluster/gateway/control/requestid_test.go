package control

import (
	"math"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestSharesBelowOnePercent checks that the last hex digits of Envoy's request id are random.
// So a Mapping that matches one digit gets 1/16 of the requests, with two digits 1/256, and
// with a weight a part of that. CANARIZE_REQUESTS sets the number of requests for each;
// docs/emissary.md has the results for 200,000.
func TestSharesBelowOnePercent(t *testing.T) {
	n := 20_000
	if v, err := strconv.Atoi(os.Getenv("CANARIZE_REQUESTS")); err == nil {
		n = v
	}
	b := newTestbed(t, "web", "web-canary")
	var digits tally
	b.upstreams["web"].server.Config.Handler = digits.counting(b.upstreams["web"].serve("web"))
	b.upstreams["web-canary"].server.Config.Handler = digits.counting(b.upstreams["web-canary"].serve("web-canary"))
	b.apply(b.with(
		mapping("web", nil),
		digit("web-canary", "/one", ".*0$", nil),
		digit("web-canary", "/two", ".*00$", nil),
		digit("web", "/weighed", ".*0$", nil), digit("web-canary", "/weighed", ".*0$", 4),
	)...)
	for _, c := range []struct {
		path  string
		share float64
	}{{"/one", 1.0 / 16}, {"/two", 1.0 / 256}, {"/weighed", 0.04 / 16}} {
		seen := b.count(n, request{path: c.path})
		got, sigma := float64(seen["web-canary"]), math.Sqrt(float64(n)*c.share*(1-c.share))
		t.Logf("%-8s wanted %.4f %%, got %.0f of %d = %.4f %% (%+.1f standard deviations)",
			c.path, 100*c.share, got, n, 100*got/float64(n), (got-float64(n)*c.share)/sigma)
		if math.Abs(got-float64(n)*c.share) > 5*sigma || seen["web"]+seen["web-canary"] != n {
			t.Errorf("%s: %v, expected a share of %v", c.path, seen, c.share)
		}
	}
	digits.report(t)
	// Envoy replaces the id that a client sends, so that no client chooses its version,
	// unless the Module asks it to keep the id.
	own := request{path: "/one", header: map[string]string{"X-Request-Id": "mine-0"}}
	if seen := b.count(400, own); seen["web-canary"] > 100 {
		t.Errorf("clients that send an id of their own ending in 0: %v, expected 1/16 on the canary", seen)
	}
	keep := crd("Module", "emissary", "ambassador", map[string]any{"config": map[string]any{"preserve_external_request_id": true}})
	b.apply(b.with(keep, mapping("web", nil), digit("web-canary", "/one", ".*0$", nil))...)
	if !eventually(func() bool { return b.count(400, own)["web-canary"] == 400 }) {
		t.Error("with preserve_external_request_id a client's own id does not decide")
	}
}

// eventually polls until holds returns true, because Envoy needs a moment to change a
// listener.
func eventually(holds func() bool) bool {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}

func digit(service, path, pattern string, weight any) map[string]any {
	fields := map[string]any{"prefix": path, "service": service, "regex_headers": map[string]any{"x-request-id": pattern}}
	if weight != nil {
		fields["weight"] = weight
	}
	m := mapping(service, fields)
	m["metadata"].(map[string]any)["name"] = service + path[1:]
	return m
}

// tally counts the characters of request ids by position.
type tally struct {
	mu     sync.Mutex
	counts [36]map[byte]int
	total  int
	odd    int // ids that are not 36 characters long
}

func (c *tally) counting(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		c.mu.Lock()
		if len(id) != len(c.counts) {
			c.odd++
		} else {
			c.total++
			for i := range c.counts {
				if c.counts[i] == nil {
					c.counts[i] = map[byte]int{}
				}
				c.counts[i][id[i]]++
			}
		}
		c.mu.Unlock()
		next(w, r)
	}
}

// report fails unless all sixteen digits are equally frequent at every position, except the
// hyphens, the version and the variant of a UUID (RFC 9562), by a chi-squared test with 15
// degrees of freedom at one in a million.
func (c *tally) report(t *testing.T) {
	t.Helper()
	const critical = 56.5
	worst := 0.0
	for i, seen := range c.counts {
		switch i {
		case 8, 13, 18, 23:
			continue
		case 14, 19:
			t.Logf("position %d: %d different digits", i, len(seen))
			continue
		}
		expected, sum := float64(c.total)/16, 0.0
		for _, d := range []byte("0123456789abcdef") {
			sum += (float64(seen[d]) - expected) * (float64(seen[d]) - expected) / expected
		}
		worst = max(worst, sum)
		if sum > critical {
			t.Errorf("position %d: chi-squared %.1f, digits are not uniform: %v", i, sum, seen)
		}
	}
	t.Logf("%d ids, %d of another shape; largest chi-squared of 30 positions: %.1f (critical %.1f)", c.total, c.odd, worst, critical)
	if c.odd > 0 {
		t.Errorf("%d request ids are no UUIDs", c.odd)
	}
}
