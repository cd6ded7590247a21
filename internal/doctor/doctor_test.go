package doctor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/doctor/doctortest"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// healthy is a namespace without problems, with a release at 10 %.
const healthy = `
{kind: Namespace, apiVersion: v1, metadata: {name: shop}}
---
{kind: Deployment, apiVersion: apps/v1, metadata: {name: web, namespace: shop, generation: 1},
 spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web, tier: front}},
  spec: {containers: [{name: web, image: "web:1", readinessProbe: {tcpSocket: {port: 80}}}]}}},
 status: {observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}}
---
{kind: Service, apiVersion: v1, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
{kind: ConfigMap, apiVersion: v1, metadata: {name: canarize-web, namespace: shop, labels: {canarize.dev/release: web}}}
---
{kind: Deployment, apiVersion: apps/v1, metadata: {name: web-canary, namespace: shop, generation: 1, labels: {canarize.dev/track: canary, canarize.dev/release: web}},
 spec: {replicas: 1, selector: {matchLabels: {app: web-canary}}, template: {metadata: {labels: {app: web-canary, tier: front, canarize.dev/track: canary}},
  spec: {containers: [{name: web, image: "web:2"}]}}}}
---
{kind: Service, apiVersion: v1, metadata: {name: web-canary, namespace: shop, labels: {canarize.dev/track: canary, canarize.dev/release: web}}, spec: {selector: {app: web-canary}, ports: [{port: 80}]}}
`

// elsewhere is in another namespace, which is not examined.
const elsewhere = `
{kind: Deployment, apiVersion: apps/v1, metadata: {name: other, namespace: other}, spec: {selector: {matchLabels: {app: web}}}}
`

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func id(kind, name string) manifest.ID {
	groups := map[string]string{"Deployment": "apps", "Route": routes}
	return manifest.ID{Group: groups[kind], Kind: kind, Namespace: "shop", Name: name}
}

func seen(t testing.TB) doctor.Seen {
	t.Helper()
	s := doctor.Seen{
		Namespace: "shop", Now: now, Whole: true, Grant: "canarize rbac -n shop",
		Objects: append(doctortest.Objects(t, healthy), doctortest.Objects(t, elsewhere)...),
		Releases: []doctor.Recorded{{
			Name: "web",
			State: rollout.State{Phase: rollout.Standing, Weight: 10, Verified: 10, Objects: []manifest.ID{
				id("Deployment", "web-canary"), id("Service", "web-canary"),
			}},
		}},
	}
	s.Listed = []manifest.ID{{Kind: "Pod"}, {Kind: "Service"}, {Kind: "ConfigMap"}, {Group: "apps", Kind: "Deployment"}, {Group: routes, Kind: "Route"}, {Group: "coordination.k8s.io", Kind: "Lease"}}
	return s
}

func TestNothingIsFoundWhereNothingIsWrong(t *testing.T) {
	r := doctor.Examine(seen(t))
	if len(r.Findings) > 0 || r.Gateways != "" {
		t.Errorf("%+v", r)
	}
	with := seen(t)
	with.Wanted = wanted(t)
	if r := doctor.Examine(with); len(r.Findings) > 0 {
		t.Errorf("for a planned release: %+v", r.Findings)
	}
}

// wanted returns a planned release of web.
func wanted(t testing.TB) *doctor.Wanted {
	t.Helper()
	s := seen(t)
	return &doctor.Wanted{Name: "web", Plan: rollout.Plan{
		Canary:    []map[string]any{doctortest.Object(&s, "Deployment", "web-canary")},
		Workloads: []rollout.Workload{{Pair: rollout.Pair{Stable: id("Deployment", "web"), Canary: id("Deployment", "web-canary")}}},
	}}
}

// TestEveryProblemIsFound has one problem in each case.
func TestEveryProblemIsFound(t *testing.T) {
	state := func(s *doctor.Seen) *rollout.State { return &s.Releases[0].State }
	for _, c := range []struct {
		name    string
		plant   func(*doctor.Seen)
		check   string
		object  string
		problem string
	}{
		{"namespace", func(s *doctor.Seen) {
			doctortest.Remove(s, "Namespace", "shop")
			s.Absent = append(s.Absent, manifest.ID{Kind: "Namespace", Name: "shop"})
		}, "namespace", "Namespace shop", "does not exist"},
		{"namespace ends", func(s *doctor.Seen) {
			doctortest.Object(s, "Namespace", "shop")["metadata"].(map[string]any)["deletionTimestamp"] = "2026-11-26T11:00:00Z"
		}, "namespace", "Namespace shop", "being deleted"},
		{"permission", func(s *doctor.Seen) {
			s.Denied = []doctor.Denied{{Resource: "deployments.apps", Namespace: "shop", Verbs: []string{"patch", "delete"}}}
		}, "permission", "deployments.apps in namespace shop", "not allowed: patch, delete"},
		{"paused", func(s *doctor.Seen) { doctortest.Spec(s, "Deployment", "web")["paused"] = true }, "stable", "Deployment shop/web", "paused"},
		{"recreate", func(s *doctor.Seen) {
			doctortest.Spec(s, "Deployment", "web")["strategy"] = map[string]any{"type": "Recreate"}
		}, "stable", "Deployment shop/web", "Recreate"},
		{"no pods", func(s *doctor.Seen) { doctortest.Spec(s, "Deployment", "web")["replicas"] = int64(0) }, "stable", "Deployment shop/web", "it has 0 pods"},
		{"no ready pods", func(s *doctor.Seen) {
			delete(doctortest.Status(s, "Deployment", "web"), "readyReplicas")
			doctortest.Add(t, s, `{kind: Pod, apiVersion: v1, metadata: {name: web-1, namespace: shop, labels: {app: web}}, status: {phase: Pending, containerStatuses: [{name: web, state: {waiting: {reason: ImagePullBackOff}}}]}}`)
		}, "stable", "Deployment shop/web", "none of its pods is ready: pod web-1, container web: ImagePullBackOff"},
		{"rollout", func(s *doctor.Seen) { doctortest.Status(s, "Deployment", "web")["updatedReplicas"] = int64(1) }, "stable", "Deployment shop/web", "1 of 2 pods are of the new version"},
		{"no probe", func(s *doctor.Seen) {
			doctortest.Spec(s, "Deployment", "web")["template"].(map[string]any)["spec"] = map[string]any{"containers": []any{map[string]any{"name": "web"}}}
		}, "stable", "Deployment shop/web", "readinessProbe"},
		{"leak", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: Service, apiVersion: v1, metadata: {name: front, namespace: shop}, spec: {selector: {tier: front}}}`)
		}, "selector", "Service shop/front", "tier=front also selects the pods of the canary's Deployment web-canary"},
		{"leak to a workload", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: Deployment, apiVersion: apps/v1, metadata: {name: front, namespace: shop}, spec: {selector: {matchExpressions: [{key: tier, operator: Exists}]}, template: {metadata: {labels: {tier: x}}}}}`)
		}, "selector", "Deployment shop/front", "also selects the pods of the canary's Deployment web-canary"},
		{"quota", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: ResourceQuota, apiVersion: v1, metadata: {name: all, namespace: shop}, status: {hard: {pods: "3", requests.cpu: "2"}, used: {pods: "3", requests.cpu: 1900m}}}`)
		}, "quota", "ResourceQuota shop/all", "the quota of pods is used up (3 of 3)"},
		{"memory", func(s *doctor.Seen) { s.Releases[0].Err = errors.New("damaged") }, "release", "release shop/web", "cannot be read: damaged"},
		{"unfinished", func(s *doctor.Seen) { state(s).Phase = rollout.Promoting; state(s).Run.Holder = "build 7" }, "release", "release shop/web", "a process ended while it was promoting, at a weight of 10 %: build 7"},
		{"held", func(s *doctor.Seen) { state(s).Held = "somebody moves the weight" }, "release", "release shop/web", "held: somebody moves the weight"},
		{"gone", func(s *doctor.Seen) {
			state(s).Objects = append(state(s).Objects, manifest.ID{Kind: "ConfigMap", Namespace: "shop", Name: "gone-canary"})
		}, "release", "release shop/web", "deleted objects of its canary: ConfigMap shop/gone-canary"},
		{"orphan", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: Secret, apiVersion: v1, metadata: {name: key-canary, namespace: shop, labels: {canarize.dev/release: old}}}`)
		}, "orphan", "Secret shop/key-canary", "release old: the release has no record"},
		{"orphan of a version", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: Secret, apiVersion: v1, metadata: {name: key-canary, namespace: shop, labels: {canarize.dev/release: web}}}`)
		}, "orphan", "Secret shop/key-canary", "the record of the release does not list it"},
		{"lock", func(s *doctor.Seen) {
			doctortest.Add(t, s, `{kind: Lease, apiVersion: coordination.k8s.io/v1, metadata: {name: canarize-web, namespace: shop}, spec: {holderIdentity: build 7, leaseDurationSeconds: 30, renewTime: "2026-11-26T11:59:29.000000Z"}}`)
		}, "lock", "Lease shop/canarize-web", "its holder no longer renews it: build 7 renewed it last at 2026-11-26T11:59:29Z"},
		{"no stable workload", func(s *doctor.Seen) { s.Wanted = wanted(t); doctortest.Remove(s, "Deployment", "web") }, "stable", "Deployment shop/web", "not in the cluster"},
		{"refused", func(s *doctor.Seen) {
			s.Wanted = wanted(t)
			s.Wanted.Refused = []doctor.Finding{{Check: "owner", Object: "Deployment shop/web", Problem: "owned by another", Mend: "ask the owner"}}
		}, "owner", "Deployment shop/web", "owned by another"},
		{"leak of a canary to come", func(s *doctor.Seen) {
			s.Wanted = wanted(t)
			doctortest.Remove(s, "Deployment", "web-canary")
			s.Releases, s.Listed = nil, nil
			doctortest.Add(t, s, `{kind: Service, apiVersion: v1, metadata: {name: front, namespace: shop}, spec: {selector: {tier: front}}}`)
		}, "selector", "Service shop/front", "web-canary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := seen(t)
			c.plant(&s)
			doctortest.Finds(t, doctor.Examine(s), c.check, c.object, c.problem)
		})
	}
}

// TestAWorkingProcessIsNoFinding: a held lock is no problem.
func TestAWorkingProcessIsNoFinding(t *testing.T) {
	s := seen(t)
	s.Releases[0].State.Phase = rollout.Shifting
	doctortest.Add(t, &s, `{kind: Lease, apiVersion: coordination.k8s.io/v1, metadata: {name: canarize-web, namespace: shop}, spec: {holderIdentity: build 7, leaseDurationSeconds: 30, renewTime: "2026-11-26T11:59:31.000000Z"}}`)
	if found := doctor.Examine(s).Findings; len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

// TestWhatIsNotSeenIsNotMissing: objects of kinds that may not be listed are not
// reported as missing.
func TestWhatIsNotSeenIsNotMissing(t *testing.T) {
	s := seen(t)
	s.Listed, s.Whole = nil, false
	for _, kind := range []string{"Service", "Deployment"} {
		for _, name := range []string{"web", "web-canary"} {
			doctortest.Remove(&s, kind, name)
		}
	}
	if found := doctor.Examine(s).Findings; len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

// TestTheOrderOfWhatIsSeenDoesNotMatter checks that the order of the objects does not
// change the report.
func TestTheOrderOfWhatIsSeenDoesNotMatter(t *testing.T) {
	s := seen(t)
	doctortest.Spec(&s, "Deployment", "web")["paused"] = true
	doctortest.Add(t, &s, `{kind: Service, apiVersion: v1, metadata: {name: front, namespace: shop}, spec: {selector: {tier: front}}}
---
{kind: Secret, apiVersion: v1, metadata: {name: key-canary, namespace: shop, labels: {canarize.dev/release: old}}}`)
	doctortest.IgnoresOrder(t, s, func(s doctor.Seen) doctor.Report { return doctor.Examine(s) })
}
