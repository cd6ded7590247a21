package plan_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/note"
)

// TestLawReferencesFollow is law 7 for references of pods. Configuration in the input is
// read from its copy, every other reference stays, and rules about the stable pods become
// rules about the canary's.
func TestLawReferencesFollow(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		pairs := x.workloads()
		for _, p := range pairs {
			checkConfiguration(t, x, p)
			checkPlacements(t, p)
		}
		stable, canaries := x.made("HorizontalPodAutoscaler")
		for i, h := range canaries {
			from, to := x.canaryOf(stable[i], "spec", "scaleTargetRef")
			if from == nil || str(h, "spec", "scaleTargetRef", "name") != name(to) {
				t.Errorf("%s scales %v", identity(h), dig(h, "spec", "scaleTargetRef"))
			}
			for j, metric := range list(h, "spec", "metrics") {
				old := list(stable[i], "spec", "metrics")[j].(obj)["object"].(obj)
				if _, to := x.canaryOf(obj{"metadata": stable[i]["metadata"], "spec": old}, "spec", "describedObject"); to != nil && str(metric, "object", "describedObject", "name") != name(to) {
					t.Errorf("%s looks at %v", identity(h), metric)
				}
			}
		}
		for _, h := range x.of("HorizontalPodAutoscaler") {
			if _, to := x.canaryOf(h, "spec", "scaleTargetRef"); to != nil && !slices.ContainsFunc(stable, func(s obj) bool { return identity(s) == identity(h) }) {
				t.Errorf("%s has no canary, but what it scales has", identity(h))
			}
		}
	})
}

// canaryOf follows a reference (kind and name, in the object's namespace) to an object of
// the input and its canary.
func (x outcome) canaryOf(o obj, path ...string) (stable, made obj) {
	ref := dig(o, path...)
	for i, s := range x.stable {
		if kind(s) == str(ref, "kind") && name(s) == str(ref, "name") && namespace(s) == namespace(o) && kind(x.output[i]) == kind(s) {
			return s, x.output[i]
		}
	}
	return nil, nil
}

func checkConfiguration(t *rapid.T, x outcome, p pair) {
	before, after := references(dig(p.stable.of, "spec", "template", "spec")), references(dig(p.canary.of, "spec", "template", "spec"))
	if len(before) != len(after) {
		t.Fatalf("%s: %d references became %d", identity(p.canary.of), len(before), len(after))
	}
	for i, ref := range before {
		at := obj{"metadata": p.stable.of["metadata"], "ref": obj{"kind": ref.kind, "name": ref.name}}
		in := slices.ContainsFunc(x.input, func(o obj) bool {
			return kind(o) == ref.kind && name(o) == ref.name && namespace(o) == namespace(at)
		})
		stable, copied := x.canaryOf(at, "ref")
		switch {
		case !in && after[i] != ref:
			t.Errorf("%s: %v is not in the input and became %v", identity(p.canary.of), ref, after[i])
		case in && copied == nil:
			t.Errorf("%s: %v has no copy", identity(p.canary.of), ref)
		case in && after[i].name != name(copied):
			t.Errorf("%s: %v became %v, and the copy is %s", identity(p.canary.of), ref, after[i], name(copied))
		case in && !reflect.DeepEqual(stable["data"], copied["data"]):
			t.Errorf("%s: the copy has other values:\n%s", identity(copied), cmp.Diff(stable["data"], copied["data"]))
		}
	}
}

// checkPlacements checks that the rules of the canary pods say about the canary pods
// what those of the stable pods say about the stable pods, and the same about the pods of
// other namespaces.
func checkPlacements(t *rapid.T, p pair) {
	before, after := dig(p.stable.of, "spec", "template", "spec"), dig(p.canary.of, "spec", "template", "spec")
	for _, from := range placementLists {
		was, is := list(before, from...), list(after, from...)
		if slices.Contains(from, "podAffinity") && slices.Contains(from, required) && slices.ContainsFunc(was, func(r any) bool {
			return matchesPlacement(p.stable, r, p.stable.labels, p.stable.namespace) && matchesPlacement(p.stable, r, p.stable.labels, otherNamespace)
		}) {
			// One pod of any of the namespaces is enough for such a rule, so it cannot be
			// divided.
			if !reflect.DeepEqual(was, is) {
				t.Errorf("%s: a rule about several namespaces changed:\n%s", identity(p.canary.of), cmp.Diff(was, is))
			}
			continue
		}
		own := func(rules []any, about pods) []string {
			return matchingPlacements(p.stable, rules, about.labels, p.stable.namespace)
		}
		if want, have := own(was, p.stable), own(is, p.canary); !slices.Equal(want, have) {
			t.Errorf("%s, %v: the rules %v about the stable pods became %v about the canary pods", identity(p.canary.of), from, want, have)
		}
		if have := own(is, p.stable); len(have) > 0 {
			t.Errorf("%s, %v: the rules %v are about the stable pods", identity(p.canary.of), from, have)
		}
		for _, labels := range []map[string]string{p.stable.labels, {"app": "cache"}} {
			want := matchingPlacements(p.stable, was, labels, otherNamespace)
			if have := matchingPlacements(p.stable, is, labels, otherNamespace); !slices.Equal(want, have) {
				t.Errorf("%s, %v: the rules %v about pods %v elsewhere became %v", identity(p.canary.of), from, want, labels, have)
			}
		}
	}
}

// TestLawNothingIsCopiedInVain checks that only configuration read by a canary is copied.
func TestLawNothingIsCopiedInVain(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		for _, k := range []string{"ConfigMap", "Secret"} {
			_, copies := x.made(k)
			for _, c := range copies {
				if !slices.ContainsFunc(x.workloads(), func(p pair) bool {
					return p.canary.namespace == namespace(c) && slices.ContainsFunc(references(dig(p.canary.of, "spec", "template", "spec")), func(r reference) bool { return r.kind == k && r.name == name(c) })
				}) {
					t.Errorf("%s is read by no canary", identity(c))
				}
			}
		}
		for i, o := range x.output {
			switch kind(o) {
			case "Deployment", "StatefulSet", "DaemonSet", "Service", "ConfigMap", "Secret", "HorizontalPodAutoscaler", "NetworkPolicy", "ServiceMonitor", "PodMonitor", "Mapping", "TCPMapping",
				"AuthorizationPolicy", "Sidecar", "CiliumNetworkPolicy":
			default:
				t.Errorf("%s is nothing a canary needs, made of %s", identity(o), identity(x.stable[i]))
			}
		}
	})
}

// TestLawConnectedAsStable checks that with --copy-peers the canary pods may talk to
// exactly the pods that the stable pods may talk to, and that nothing changes for the
// stable pods. Without the flag, a policy that blocks the canary gets a warning.
func TestLawConnectedAsStable(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		before := x.of("NetworkPolicy")
		_, made := x.made("NetworkPolicy")
		after := slices.Concat(before, made)
		input := podsIn(x.input)
		for _, a := range input {
			for _, b := range input {
				for _, ingress := range []bool{true, false} {
					if was, is := flow(before, a, b, ingress), flow(after, a, b, ingress); !slices.Equal(was, is) {
						t.Errorf("stable %s and %s (ingress %v): %v became %v", identity(a.of), identity(b.of), ingress, was, is)
					}
				}
			}
		}
		for _, p := range x.workloads() {
			for _, ingress := range []bool{true, false} {
				x.checkOwnSide(t, p, before, after, ingress)
				x.checkOtherSide(t, p, before, after, ingress)
			}
		}
	})
}

// checkOwnSide checks what the policies of the canary pods allow from the stable pods of
// other applications and from canary pods.
func (x outcome) checkOwnSide(t *rapid.T, p pair, before, after []obj, ingress bool) {
	for _, other := range podsIn(x.input) {
		if identity(other.of) == identity(p.stable.of) {
			continue // it need not talk to its own stable version
		}
		if want, got := flow(before, p.stable, other, ingress), flow(after, p.canary, other, ingress); !slices.Equal(want, got) {
			t.Errorf("canary %s and %s (ingress %v): %v, but stable has %v", identity(p.canary.of), identity(other.of), ingress, got, want)
		}
	}
	for _, q := range x.workloads() {
		if want, got := flow(before, p.stable, q.stable, ingress), flow(after, p.canary, q.canary, ingress); !slices.Equal(want, got) {
			t.Errorf("canaries %s and %s (ingress %v): %v, but stable has %v", identity(p.canary.of), identity(q.canary.of), ingress, got, want)
		}
	}
}

// checkOtherSide checks what the policies of others allow from the canary.
func (x outcome) checkOtherSide(t *rapid.T, p pair, before, after []obj, ingress bool) {
	for _, other := range podsIn(x.input) {
		want, got := flow(before, other, p.stable, ingress), flow(after, other, p.canary, ingress)
		if identity(other.of) == identity(p.stable.of) || slices.Equal(want, got) {
			continue
		}
		warned := slices.ContainsFunc(x.notes, func(n note.Note) bool {
			policy := plain(t, []obj{n.Object.Value()})[0]
			return n.Level == note.Warning && kind(policy) == "NetworkPolicy" && selectorSelects(policy, other, "spec", "podSelector")
		})
		if x.world.options.Canary.CopyPeers || !warned {
			t.Errorf("%s admits of the canary %s (ingress %v) %v, of stable %v; warned: %v", identity(other.of), identity(p.canary.of), ingress, got, want, warned)
		}
	}
}

// TestLawMonitored checks that a monitor, or its variant, finds on the canary what it
// finds on stable. No variant is made that would find the same things again.
func TestLawMonitored(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		services, canaryServices := x.made("Service")
		for _, k := range []string{"ServiceMonitor", "PodMonitor"} {
			origins, variants := x.made(k)
			for _, m := range x.of(k) {
				variant := slices.IndexFunc(origins, func(o obj) bool { return identity(o) == identity(m) })
				needed := false
				check := func(stable, made obj, old, now map[string]string) {
					if !watches(m, stable) || !selects(dig(m, "spec", "selector"), old) || selects(dig(m, "spec", "selector"), now) {
						return
					}
					needed = true
					if variant < 0 || !selects(dig(variants[variant], "spec", "selector"), now) {
						t.Errorf("%s finds %s, and neither it nor a variant finds %s", identity(m), identity(stable), identity(made))
					} else if selects(dig(variants[variant], "spec", "selector"), old) {
						t.Errorf("the variant of %s finds the stable %s too", identity(m), identity(stable))
					}
				}
				for i := range services {
					if k == "ServiceMonitor" {
						check(services[i], canaryServices[i], strs(services[i], "metadata", "labels"), strs(canaryServices[i], "metadata", "labels"))
					}
				}
				for _, p := range x.workloads() {
					if k == "PodMonitor" {
						check(p.stable.of, p.canary.of, p.stable.labels, p.canary.labels)
					}
				}
				if variant >= 0 && !needed {
					t.Errorf("%s needs no variant", identity(m))
				}
			}
		}
	})
}

func watches(monitor, o obj) bool {
	return dig(monitor, "spec", "namespaceSelector", "any") == true || namespace(monitor) == namespace(o)
}

// TestLawPods checks the number of canary pods, and what else of a workload may differ.
func TestLawPods(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		for _, p := range x.workloads() {
			stable, canary := dig(p.stable.of, "spec", "template", "spec").(obj), dig(p.canary.of, "spec", "template", "spec").(obj)
			for _, key := range slices.Sorted(maps.Keys(stable)) {
				if !slices.Contains([]string{"affinity", "topologySpreadConstraints", "volumes", "imagePullSecrets", "containers", "initContainers"}, key) && !reflect.DeepEqual(stable[key], canary[key]) {
					t.Errorf("%s: %s changed", identity(p.canary.of), key)
				}
			}
			if kind(p.canary.of) == "DaemonSet" {
				continue
			}
			if got, found := num(p.canary.of, "spec", "replicas"); !found || got != x.wantReplicas(p) {
				spec, _ := json.Marshal(p.stable.of["spec"].(obj)["replicas"])
				t.Errorf("%s has %d replicas of %s, want %d", identity(p.canary.of), got, spec, x.wantReplicas(p))
			}
		}
	})
}

// wantReplicas returns ⌈stable × weight / 100⌉, at least 1, unless the options say
// otherwise. An autoscaler's minimum counts as stable, because that many pods run.
func (x outcome) wantReplicas(p pair) int {
	stable, found := num(p.stable.of, "spec", "replicas")
	if !found {
		stable = 1
	}
	for _, h := range x.of("HorizontalPodAutoscaler") {
		if s, _ := x.canaryOf(h, "spec", "scaleTargetRef"); s != nil && identity(s) == identity(p.stable.of) {
			if least, found := num(h, "spec", "minReplicas"); found && least > stable {
				stable = least
			}
		}
	}
	switch o := x.world.options; {
	case o.Canary.Replicas.N > 0:
		return o.Canary.Replicas.N
	case o.Canary.Replicas.Mode != 0:
		return stable
	default:
		n := stable * *o.Weight / 100
		if n*100 < stable**o.Weight {
			n++
		}
		return max(n, 1)
	}
}
