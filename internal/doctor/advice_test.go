package doctor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/doctor/doctortest"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/rollout"
)

// leading is a gateway without problems whose routes lead to the Services of names.
type leading struct{ names []string }

// Examine implements doctor.Gateway.
func (l leading) Examine(e *doctor.Exam) (r doctor.GatewayReport) {
	for _, name := range l.names {
		r.Leads = append(r.Leads, manifest.ID{Kind: "Service", Namespace: e.Namespace, Name: name})
	}
	return r
}

// theatre has a front end behind a route, and a database behind a Service.
const theatre = `
{kind: Deployment, apiVersion: apps/v1, metadata: {name: tickets, namespace: theatre, generation: 1},
 spec: {replicas: 2, selector: {matchLabels: {app: tickets}}, template: {metadata: {labels: {app: tickets}},
  spec: {containers: [{name: tickets, image: "tickets:1", readinessProbe: {tcpSocket: {port: 80}}}]}}},
 status: {observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}}
---
{kind: Service, apiVersion: v1, metadata: {name: tickets, namespace: theatre}, spec: {selector: {app: tickets}, ports: [{port: 80}]}}
---
{kind: Deployment, apiVersion: apps/v1, metadata: {name: seats, namespace: theatre, generation: 1},
 spec: {replicas: 1, strategy: {type: Recreate}, selector: {matchLabels: {app: seats}}, template: {metadata: {labels: {app: seats}},
  spec: {containers: [{name: db, image: "db:1"}], volumes: [{name: data, persistentVolumeClaim: {claimName: seats}}]}}},
 status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1}}
---
{kind: Service, apiVersion: v1, metadata: {name: seats, namespace: theatre}, spec: {selector: {app: seats}, ports: [{port: 5432}]}}
---
{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: seats, namespace: theatre}, spec: {accessModes: [ReadWriteOnce]}}
`

// programs are the kinds by which other programs release or scale workloads.
var programs = []manifest.ID{{Group: "argoproj.io", Kind: "Rollout"}, {Group: "rollouts.kruise.io", Kind: "Rollout"}, {Group: "flagger.app", Kind: "Canary"}, {Group: "keda.sh", Kind: "ScaledObject"}, {Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}}

func inTheatre(t testing.TB) *doctor.Seen {
	t.Helper()
	return &doctor.Seen{
		Namespace: "theatre", Now: now, Whole: true, Objects: doctortest.Objects(t, theatre),
		Listed: append([]manifest.ID{{Kind: "Pod"}, {Kind: "Service"}, {Kind: "PersistentVolumeClaim"}, {Group: "apps", Kind: "Deployment"}}, programs...),
	}
}

// mount makes the pods of a workload mount a claim.
func mount(s *doctor.Seen, workload, claim string) {
	pods := doctortest.Spec(s, "Deployment", workload)["template"].(map[string]any)["spec"].(map[string]any)
	pods["volumes"] = []any{map[string]any{"name": "data", "persistentVolumeClaim": map[string]any{"claimName": claim}}}
}

func recreate(s *doctor.Seen) {
	doctortest.Spec(s, "Deployment", "tickets")["strategy"] = map[string]any{"type": "Recreate"}
}

func scaledToZero(s *doctor.Seen) { doctortest.Spec(s, "Deployment", "tickets")["replicas"] = int64(0) }

// naming returns an object that names Deployment tickets in a field of its spec.
func naming(version, kind, field string) string {
	return fmt.Sprintf(`{kind: %s, apiVersion: %s, metadata: {name: stage, namespace: theatre}, spec: {%s: {apiVersion: apps/v1, kind: Deployment, name: tickets}}}`, kind, version, field)
}

// TestAdviceDoesNoHarm: each finding about the front end, and its advice, fit what else is
// in the cluster.
func TestAdviceDoesNoHarm(t *testing.T) {
	for _, c := range []struct {
		name    string
		plant   func(*doctor.Seen)
		check   string // "" if nothing is wrong
		problem string
		mend    string
		never   []string // not in the advice
	}{
		{"nothing", func(*doctor.Seen) {}, "", "", "", nil},
		{"a claim of one node", func(s *doctor.Seen) { mount(s, "tickets", "seats") }, "claim", "PersistentVolumeClaim seats (ReadWriteOnce), so a canary beside it is not safe", "release it without a canary; leave its strategy", nil},
		{"a claim of one node, and Recreate", func(s *doctor.Seen) { mount(s, "tickets", "seats"); recreate(s) }, "claim", "not safe", "leave its strategy", []string{"RollingUpdate"}},
		{"a claim of one pod", func(s *doctor.Seen) {
			mount(s, "tickets", "prints")
			doctortest.Add(t, s, `{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: prints, namespace: theatre}, spec: {accessModes: [ReadWriteOncePod]}}`)
		}, "claim", "prints (ReadWriteOncePod)", "without a canary", nil},
		{"a shared claim", func(s *doctor.Seen) {
			mount(s, "tickets", "prints")
			doctortest.Add(t, s, `{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: prints, namespace: theatre}, spec: {accessModes: [ReadWriteOnce, ReadWriteMany]}}`)
		}, "", "", "", nil},
		{"a claim to read", func(s *doctor.Seen) {
			mount(s, "tickets", "prints")
			doctortest.Add(t, s, `{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: prints, namespace: theatre}, spec: {accessModes: [ReadOnlyMany]}}`)
		}, "", "", "", nil},
		{"a shared claim, and Recreate", func(s *doctor.Seen) {
			mount(s, "tickets", "prints")
			recreate(s)
			doctortest.Add(t, s, `{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: prints, namespace: theatre}, spec: {accessModes: [ReadWriteMany]}}`)
		}, "stable", "its strategy is Recreate", "if two versions may run at once, set spec.strategy.type to RollingUpdate", nil},
		{"an unknown claim", func(s *doctor.Seen) { mount(s, "tickets", "prints") }, "", "", "", nil},
		{"an unknown claim, and Recreate", func(s *doctor.Seen) { mount(s, "tickets", "prints"); recreate(s) }, "stable", "Recreate, perhaps because of PersistentVolumeClaim prints", "see kubectl get pvc prints -n theatre", []string{"RollingUpdate"}},
		{"Recreate", recreate, "stable", "perhaps two versions must not run at once", "if two versions may run at once", nil},
		{"Recreate by a controller", func(s *doctor.Seen) {
			recreate(s)
			doctortest.Object(s, "Deployment", "tickets")["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{"apiVersion": "example.com/v1", "kind": "Show", "name": "hamlet", "controller": true}}
		}, "stable", "Recreate", "change it in Show theatre/hamlet", []string{"RollingUpdate"}},
		{"no pods", scaledToZero, "stable", "it has 0 pods", "find out who set the number to 0 and why; if it is to serve again, kubectl scale --replicas=N Deployment/tickets -n theatre", nil},
		{"no pods, and a claim that is not known", func(s *doctor.Seen) { scaledToZero(s); mount(s, "tickets", "prints") }, "stable", "it has 0 pods", "--replicas=1 ", nil},
		{"no pods, with Argo Rollouts", func(s *doctor.Seen) {
			scaledToZero(s)
			doctortest.Add(t, s, naming("argoproj.io/v1alpha1", "Rollout", "workloadRef"))
		}, "releaser", "Rollout theatre/stage of Argo Rollouts releases it, so no canary is possible beside it", "release the new version with that", []string{"kubectl scale"}},
		{"no pods, with Flagger", func(s *doctor.Seen) {
			scaledToZero(s)
			doctortest.Add(t, s, naming("flagger.app/v1beta1", "Canary", "targetRef"))
		}, "releaser", "Canary theatre/stage of Flagger releases it", "which also sets the number of its pods", []string{"kubectl scale"}},
		{"pods, with Flagger", func(s *doctor.Seen) {
			doctortest.Add(t, s, naming("flagger.app/v1beta1", "Canary", "targetRef"))
		}, "releaser", "Canary theatre/stage of Flagger releases it", "release the new version with that", nil},
		{"made by Flagger", func(s *doctor.Seen) {
			doctortest.Object(s, "Deployment", "tickets")["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "stage", "controller": true}}
		}, "releaser", "Canary theatre/stage of Flagger releases it", "release the new version with that", nil},
		{"paused, with Argo Rollouts", func(s *doctor.Seen) {
			doctortest.Spec(s, "Deployment", "tickets")["paused"] = true
			doctortest.Add(t, s, naming("argoproj.io/v1alpha1", "Rollout", "workloadRef"))
		}, "releaser", "Rollout theatre/stage", "release the new version with that", []string{"resume"}},
		{"paused", func(s *doctor.Seen) { doctortest.Spec(s, "Deployment", "tickets")["paused"] = true }, "stable", "it is paused", "find out who paused it and why; then kubectl rollout resume Deployment/tickets -n theatre, which at once rolls out", nil},
		{"no pods, with KEDA", func(s *doctor.Seen) {
			scaledToZero(s)
			doctortest.Add(t, s, naming("keda.sh/v1alpha1", "ScaledObject", "scaleTargetRef"))
		}, "stable", "it has 0 pods", "ScaledObject theatre/stage of KEDA sets the number", []string{"kubectl scale"}},
		{"no pods, with an autoscaler", func(s *doctor.Seen) {
			scaledToZero(s)
			doctortest.Add(t, s, naming("autoscaling/v2", "HorizontalPodAutoscaler", "scaleTargetRef"))
		}, "stable", "it has 0 pods", "which also stops HorizontalPodAutoscaler theatre/stage", []string{"kubectl scale"}},
		{"no pods, and nothing may be listed", func(s *doctor.Seen) { scaledToZero(s); unlist(s, "Rollout", "Canary") }, "stable", "it has 0 pods", "could not be read (Rollout, Canary)", []string{"kubectl scale"}},
		{"no pods, after Flagger, which may not be listed", func(s *doctor.Seen) {
			scaledToZero(s)
			unlist(s, "Canary")
			doctortest.Object(s, "Deployment", "tickets")["metadata"].(map[string]any)["managedFields"] = []any{map[string]any{"manager": "flagger", "fieldsV1": map[string]any{"f:spec": map[string]any{"f:replicas": map[string]any{}}}}}
		}, "releaser", "Flagger releases it", "release the new version with that", []string{"kubectl scale"}},
		{"a rollout that failed", func(s *doctor.Seen) {
			doctortest.Status(s, "Deployment", "tickets")["conditions"] = []any{map[string]any{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}}
		}, "stable", "its rollout has failed", "repair the stable version first", []string{"wait"}},
		{"being deleted", func(s *doctor.Seen) {
			doctortest.Object(s, "Deployment", "tickets")["metadata"].(map[string]any)["deletionTimestamp"] = "2026-11-26T11:00:00Z"
		}, "stable", "it is being deleted", "find out who deletes it", []string{"rollout status"}},
		{"another workload that deletes by hand", func(s *doctor.Seen) {
			doctortest.Remove(s, "Deployment", "tickets")
			doctortest.Add(t, s, `{kind: StatefulSet, apiVersion: apps/v1, metadata: {name: tickets, namespace: theatre}, spec: {updateStrategy: {type: OnDelete}, template: {metadata: {labels: {app: tickets}}, spec: {containers: [{readinessProbe: {}}]}}}, status: {observedGeneration: 1, readyReplicas: 1}}`)
		}, "stable", "its update strategy is OnDelete, so a promotion changes no pod", "delete its pods one by one after a promotion", []string{"RollingUpdate"}},
		{"a DaemonSet without nodes", func(s *doctor.Seen) {
			doctortest.Remove(s, "Deployment", "tickets")
			doctortest.Add(t, s, `{kind: DaemonSet, apiVersion: apps/v1, metadata: {name: tickets, namespace: theatre}, spec: {template: {metadata: {labels: {app: tickets}}, spec: {containers: [{readinessProbe: {}}]}}}, status: {observedGeneration: 1}}`)
		}, "stable", "no node takes its pods", "compare its nodeSelector", []string{"kubectl scale"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := inTheatre(t)
			c.plant(s)
			found := doctor.Examine(*s, leading{[]string{"tickets"}}).Findings
			if c.check == "" {
				if len(found) > 0 {
					t.Errorf("%+v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Check != c.check || !strings.HasSuffix(found[0].Object, " theatre/tickets") || !strings.Contains(found[0].Problem, c.problem) || !strings.Contains(found[0].Mend, c.mend) {
				t.Fatalf("%+v", found)
			}
			for _, word := range c.never {
				if strings.Contains(found[0].Problem+found[0].Mend, word) {
					t.Errorf("%+v says %q", found[0], word)
				}
			}
		})
	}
}

// unlist takes kinds from those that could be listed.
func unlist(s *doctor.Seen, kinds ...string) {
	s.Listed = slices.DeleteFunc(s.Listed, func(id manifest.ID) bool { return slices.Contains(kinds, id.Kind) })
}

// TestWhoIsExamined: a namespace with routes is examined where they lead. One without
// routes is examined where a canary is possible. A database is nobody's release.
func TestWhoIsExamined(t *testing.T) {
	for _, c := range []struct {
		name  string
		leads []string
		plant func(*doctor.Seen)
		want  []string
	}{
		{"routes lead to the front end", []string{"tickets"}, func(*doctor.Seen) {}, nil},
		{"no routes", nil, func(*doctor.Seen) {}, nil},
		{"routes lead to the database", []string{"seats"}, func(*doctor.Seen) {}, []string{"claim: Deployment theatre/seats", "stable: Deployment theatre/seats"}},
		{"no routes, and a front end without a probe", nil, func(s *doctor.Seen) { removeProbe(s, "tickets") }, []string{"stable: Deployment theatre/tickets"}},
		{"routes lead elsewhere, and a front end without a probe", []string{"seats"}, func(s *doctor.Seen) {
			removeProbe(s, "tickets")
			doctortest.Remove(s, "Deployment", "seats")
		}, nil},
		{"no routes, and Flagger releases the front end", nil, func(s *doctor.Seen) {
			removeProbe(s, "tickets")
			doctortest.Add(t, s, naming("flagger.app/v1beta1", "Canary", "targetRef"))
		}, nil},
		{"no routes, and a StatefulSet without a probe", nil, func(s *doctor.Seen) {
			doctortest.Object(s, "Deployment", "tickets")["kind"] = "StatefulSet"
			removeProbe(s, "tickets")
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := inTheatre(t)
			c.plant(s)
			var got []string
			for _, f := range doctor.Examine(*s, leading{c.leads}).Findings {
				got = append(got, f.Check+": "+f.Object)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func removeProbe(s *doctor.Seen, name string) {
	for _, kind := range []string{"Deployment", "StatefulSet"} {
		if o := doctortest.Object(s, kind, name); o != nil {
			pods := o["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
			pods["containers"] = []any{map[string]any{"name": "a"}}
		}
	}
}

// planned returns a planned release of the front end.
func planned(s *doctor.Seen) *doctor.Wanted {
	id := func(name string) manifest.ID {
		return manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "theatre", Name: name}
	}
	canary := map[string]any{"kind": "Deployment", "apiVersion": "apps/v1", "metadata": map[string]any{"name": "tickets-canary", "namespace": "theatre", "labels": map[string]any{"canarize.dev/track": "canary"}},
		"spec": doctortest.Spec(s, "Deployment", "tickets")}
	return &doctor.Wanted{Name: "tickets", Plan: rollout.Plan{
		Canary: []map[string]any{canary}, Workloads: []rollout.Workload{{Pair: rollout.Pair{Stable: id("tickets"), Canary: id("tickets-canary")}}},
	}}
}

// TestPlannedReleases: what a plan says about claims and other releases counts too.
func TestPlannedReleases(t *testing.T) {
	release := func(name string, phase rollout.Phase) doctor.Recorded {
		workload := manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "theatre", Name: "tickets"}
		return doctor.Recorded{Name: name, State: rollout.State{Phase: phase, Images: []rollout.Image{{Workload: workload}}}}
	}
	claim := func(mode string) map[string]any {
		return doctortest.Objects(t, `{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: prints, namespace: theatre}, spec: {accessModes: [`+mode+`]}}`)[0]
	}
	for _, c := range []struct {
		name  string
		plant func(*doctor.Seen)
		want  []string
	}{
		{"nothing", func(*doctor.Seen) {}, nil},
		{"the claim is planned", func(s *doctor.Seen) {
			s.Wanted.Plan.Stable = append(s.Wanted.Plan.Stable, claim("ReadWriteOnce"))
			mount(s, "tickets", "prints")
		}, []string{"claim: it mounts PersistentVolumeClaim prints (ReadWriteOnce)"}},
		{"the shared claim is planned", func(s *doctor.Seen) {
			s.Wanted.Plan.Stable = append(s.Wanted.Plan.Stable, claim("ReadWriteMany"))
			mount(s, "tickets", "prints")
		}, nil},
		{"the claim is accepted", func(s *doctor.Seen) {
			s.Wanted.Accept = []note.Name{note.SharedClaim}
			mount(s, "tickets", "seats")
		}, nil},
		{"another release", func(s *doctor.Seen) { s.Releases = append(s.Releases, release("matinee", rollout.Standing)) },
			[]string{"releaser: release theatre/matinee already has a canary of it"}},
		{"the same release", func(s *doctor.Seen) { s.Releases = append(s.Releases, release("tickets", rollout.Standing)) }, nil},
		{"another release that is over", func(s *doctor.Seen) { s.Releases = append(s.Releases, release("matinee", rollout.Promoted)) }, nil},
		{"the workload was replaced", func(s *doctor.Seen) {
			doctortest.Remove(s, "Deployment", "tickets")
			doctortest.Add(t, s, `{kind: Rollout, apiVersion: argoproj.io/v1alpha1, metadata: {name: tickets, namespace: theatre}, spec: {template: {}}}`)
		}, []string{"releaser: it is not in the cluster, but Rollout theatre/tickets of Argo Rollouts is in its place"}},
		{"a conflict with the releaser", func(s *doctor.Seen) {
			s.Wanted.Refused = []doctor.Finding{{Check: "owner", Object: "Deployment theatre/tickets", Problem: "owned"}}
			doctortest.Add(t, s, naming("flagger.app/v1beta1", "Canary", "targetRef"))
		}, []string{"releaser: Canary theatre/stage of Flagger releases it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := inTheatre(t)
			s.Wanted = planned(s)
			c.plant(s)
			var got []string
			for _, f := range doctor.Examine(*s, leading{}).Findings {
				if f.Check != "release" && f.Check != "selector" { // the planned canary has the labels of stable
					got = append(got, f.Check+": "+f.Problem)
				}
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestNoAdviceHarms: whatever is combined, no advice starts a second version on a volume of
// one pod, or sets a number of pods that somebody else sets or may set.
func TestNoAdviceHarms(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := inTheatre(t)
		if rapid.Bool().Draw(r, "planned") {
			s.Wanted = planned(s)
		}
		mode := rapid.SampledFrom([]string{"", "ReadWriteOnce", "ReadWriteMany", "unknown"}).Draw(r, "mode")
		if mode != "" {
			mount(s, "tickets", "prints")
		}
		if mode != "" && mode != "unknown" {
			doctortest.Add(t, s, `{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: prints, namespace: theatre}, spec: {accessModes: [`+mode+`]}}`)
		}
		if rapid.Bool().Draw(r, "recreate") {
			recreate(s)
		}
		if rapid.Bool().Draw(r, "scaled to zero") {
			scaledToZero(s)
		}
		doctortest.Spec(s, "Deployment", "tickets")["paused"] = rapid.Bool().Draw(r, "paused")
		others := false
		for _, p := range []struct{ version, kind, field string }{
			{"argoproj.io/v1alpha1", "Rollout", "workloadRef"}, {"flagger.app/v1beta1", "Canary", "targetRef"},
			{"keda.sh/v1alpha1", "ScaledObject", "scaleTargetRef"}, {"autoscaling/v2", "HorizontalPodAutoscaler", "scaleTargetRef"},
		} {
			switch rapid.SampledFrom([]string{"none", "one", "unread"}).Draw(r, p.kind) {
			case "one":
				doctortest.Add(t, s, naming(p.version, p.kind, p.field))
				others = true
			case "unread":
				unlist(s, p.kind)
				others = true
			}
		}
		for _, f := range doctor.Examine(*s, leading{[]string{"tickets"}}).Findings {
			safe := mode == "" || mode == "ReadWriteMany"
			switch {
			case strings.Contains(f.Mend, "RollingUpdate") && !safe:
				r.Errorf("beside a claim (%s): %+v", mode, f)
			case strings.Contains(f.Mend, "kubectl scale") && others:
				r.Errorf("beside another program: %+v", f)
			case strings.Contains(f.Mend, "--replicas=N") && !safe:
				r.Errorf("several pods on a claim (%s): %+v", mode, f)
			}
		}
	})
}
