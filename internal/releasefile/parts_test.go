package releasefile

import (
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

func TestParseParts(t *testing.T) {
	sure := rollout.Gate{Name: PromotionGate, Manual: true, Timeout: rollout.DefaultGateTimeout}
	for name, c := range map[string]struct {
		spec string
		want func(*File)
	}{
		"what": {"{workload: shop, manifests: [base, shop.yml], images: ['shop:2', proxy=envoy:3]}", func(r *File) {
			r.Workload, r.Manifests, r.Images = "shop", []string{"base", "shop.yml"}, []string{"shop:2", "proxy=envoy:3"}
		}},
		"canary": {"{canary: {suffix: -next, replicas: 3, labels: {a: b}, include: [sts/db, prod/deploy/web], copyPeers: true}}", func(r *File) {
			r.Canary = Canary{"-next", "3", map[string]string{"a": "b"}, []string{"sts/db", "prod/deploy/web"}, true}
		}},
		"same":                      {"{canary: {replicas: same}}", func(r *File) { r.Canary.Replicas = "same" }},
		"router":                    {"{router: {emissary: {namespace: ambassador}}}", func(r *File) { r.EmissaryNamespace = "ambassador" }},
		"version":                   {"{router: {emissary: {version: v4.2.0-rc.1}}}", func(r *File) { r.EmissaryVersion = "v4.2.0-rc.1" }},
		"version that is no number": {"{router: {emissary: {version: 3.10}}}", func(r *File) { r.EmissaryVersion = "3.10" }},
		"rest":                      {"{timeouts: {ready: 90s, share: 1m}, onCancel: hold}", func(r *File) { r.Timeouts, r.OnCancel = Timeouts{90 * time.Second, time.Minute}, CancelHold }},
		"force":                     {"{promotion: {forceConflicts: true}}", func(r *File) { r.Promotion.ForceConflicts = true }},
		"by hand, named before the gates": {"{promotion: {automatic: false}, gates: [{name: a, exec: [make, check], weight: 20, timeout: 1m}, {name: b, http: 'https://a/b'}, {name: c, manual: true, weight: 0}]}", func(r *File) {
			r.Promotion.Automatic = false
			r.Gates = []rollout.Gate{
				{Name: "a", Weight: 20, Exec: []string{"make", "check"}, Timeout: time.Minute},
				{Name: "b", HTTP: "https://a/b", Timeout: rollout.DefaultGateTimeout},
				{Name: "c", Manual: true, Timeout: rollout.DefaultGateTimeout},
				sure,
			}
		}},
		"by hand": {"{promotion: {automatic: false}}", func(r *File) { r.Promotion.Automatic, r.Gates = false, []rollout.Gate{sure} }},
	} {
		t.Run(name, func(t *testing.T) { parsesTo(t, head+"spec: "+c.spec+"\n", c.want) })
	}
}

func TestParsePartsRefuses(t *testing.T) {
	for spec, says := range map[string]string{
		"workload: Shop":                                                `spec.workload: "Shop": expected at most 52`,
		"manifests: shop.yml":                                           "spec.manifests: expected a list",
		"manifests: ['']":                                               "spec.manifests[0]: expected a string",
		"images: ['a=b=c']":                                             `spec.images[0]: "a=b=c": expected [CONTAINER=]IMAGE`,
		"canary: {replicas: 0}":                                         "spec.canary.replicas: expected a number from 1",
		"canary: {replicas: all}":                                       "spec.canary.replicas: expected a number from 1",
		"canary: {include: [db]}":                                       `spec.canary.include[0]: "db": expected KIND/NAME`,
		"canary: {labels: {a: 1}}":                                      "spec.canary.labels.a: expected a string",
		"router: {istio: {}}":                                           "spec.router.istio is not known; spec.router may have emissary",
		"router: {emissary: {namespace: A}}":                            `namespace: "A": expected at most 63`,
		"router: {emissary: {version: latest}}":                         "spec.router.emissary.version: expected a version, such as 4.1",
		"router: {emissary: {version: [4]}}":                            "spec.router.emissary.version: expected a version, such as 4.1",
		"promotion: {automatic: never}":                                 "spec.promotion.automatic: expected true or false",
		"timeouts: {ready: 0s}":                                         "spec.timeouts.ready: expected a duration above 0",
		"timeouts: {ready: 10}":                                         "spec.timeouts.ready: expected a duration with its unit",
		"timeouts: {drain: 10s}":                                        "spec.timeouts may have ready, share",
		"onCancel: reject":                                              `"reject" is not known; it may be zero or hold`,
		"gates: [{name: a}]":                                            "spec.gates[0]: expected one of exec, http, manual",
		"gates: [{name: a, manual: true, exec: [b]}]":                   "spec.gates[0]: expected one of exec, http, manual",
		"gates: [{manual: true}]":                                       "spec.gates[0]: a gate needs a name",
		"gates: [{name: a, manual: false}]":                             "spec.gates[0].manual: expected true",
		"gates: [{name: a, exec: []}]":                                  "exec: expected a program",
		"gates: [{name: a, exec: make check}]":                          "spec.gates[0].exec: expected a list",
		"gates: [{name: a, http: 'ftp://a'}]":                           "expected a URL that begins with http",
		"gates: [{name: a, http: 'http://%'}]":                          "is no URL",
		"gates: [{name: a, weight: 101, manual: true}]":                 "101 is out of range, expected 0 to 100",
		"gates: [{name: a, manual: true}, {name: a, http: 'http://b'}]": "two gates have the name a",
		"{promotion: {automatic: false}, gates: [{name: promotion, http: 'http://b'}]}": "two gates have the name promotion",
	} {
		if !strings.HasPrefix(spec, "{") {
			spec = "{" + spec + "}"
		}
		_, err := Parse("release.yml", []byte(head+"spec:\n  "+spec+"\n"))
		if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "release.yml:") {
			t.Errorf("%s: %v, want %q", spec, err, says)
		}
	}
}
