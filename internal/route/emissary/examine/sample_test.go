package examine_test

import (
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/doctor/doctortest"
)

// sampled holds the Mappings that 'canarize generate -w 0.25' makes beside the stable Mapping web.
const sampled = `
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: web-canary, namespace: shop, labels: {canarize.dev/track: canary}},
 spec: {hostname: "*", prefix: /, service: "web-canary:80", timeout_ms: 100, weight: 4, stats_name: web_canary, regex_headers: {x-request-id: ".*0$"}}}
---
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: web-rest-canary, namespace: shop, labels: {canarize.dev/track: canary}},
 spec: {hostname: "*", prefix: /, service: "web:80", timeout_ms: 100, regex_headers: {x-request-id: ".*0$"}}}
`

func seenSampled(t *testing.T) doctor.Seen {
	t.Helper()
	s := seen(t)
	s.Releases = nil
	doctortest.Remove(&s, "Mapping", "web-canary")
	doctortest.Remove(&s, "Service", "web-canary")
	doctortest.Add(t, &s, sampled+`---
{kind: Service, apiVersion: v1, metadata: {name: web-canary, namespace: shop, labels: {canarize.dev/track: canary}}, spec: {selector: {app: web-canary}, ports: [{port: 80}]}}`)
	return s
}

// TestSample: a pair of Mappings for a share below one percent is no finding. What is left
// of an incomplete pair is.
func TestSample(t *testing.T) {
	if found := examined(seenSampled(t)).Findings; len(found) > 0 {
		t.Errorf("a pair: %+v", found)
	}
	for _, c := range []struct {
		name    string
		plant   func(*doctor.Seen)
		object  string
		problem string
		mend    string
	}{
		{"without the rest", func(s *doctor.Seen) { doctortest.Remove(s, "Mapping", "web-rest-canary") }, "Mapping shop/web-canary",
			"no stable Mapping beside it (hostname \"*\", prefix \"/\", 1/16 of the requests by their x-request-id), so it gets every request", "apply the stable Mapping"},
		{"without the canary", func(s *doctor.Seen) { doctortest.Remove(s, "Mapping", "web-canary") }, "Mapping shop/web-rest-canary",
			"left over from a share below 1 %: it keeps its sample", "delete it"},
		{"the rest routes elsewhere", func(s *doctor.Seen) { doctortest.Spec(s, "Mapping", "web-rest-canary")["service"] = "web-canary:80" }, "Mapping shop/web-canary",
			"no stable Mapping beside it", "apply the stable Mapping"},
		{"another member", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: rival, namespace: shop}, spec: {hostname: "*", prefix: /, service: "web:80", regex_headers: {x-request-id: ".*0$"}}}
---
{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: rival2, namespace: shop}, spec: {hostname: "*", prefix: /, service: "web:80", regex_headers: {x-request-id: ".*0$"}}}`)
		}, "Mapping shop/rival", "has several members", "give the others another prefix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := seenSampled(t)
			c.plant(&s)
			found := examined(s).Findings
			if len(found) != 1 || found[0].Check != "group" || found[0].Object != c.object || !strings.Contains(found[0].Problem, c.problem) || !strings.Contains(found[0].Mend, c.mend) {
				t.Errorf("%+v", found)
			}
		})
	}
}

// TestSameMatchTwice: a group whose match another group in front of it has gets nothing.
func TestSameMatchTwice(t *testing.T) {
	s := seen(t)
	doctortest.Add(t, &s, `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: first, namespace: other}, spec: {hostname: "*", prefix: /, precedence: 1, service: "x.other"}}`)
	doctortest.Finds(t, examined(s), "group", "Mapping shop/web", "gets no requests: Envoy tries Mapping other/first first, whose match is the same")
}
