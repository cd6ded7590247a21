package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/canary"
)

const track = "canarize.dev/track"

// TestLawNoLeak is law 1: no Service of the input selects a canary pod, and the canary
// Service selects exactly the canaries of the pods that the stable one selects.
func TestLawNoLeak(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		pairs := x.workloads()
		for _, s := range x.of("Service") {
			for _, p := range pairs {
				if serviceSelects(s, p.canary) {
					t.Errorf("%s selects the canary pods %v", identity(s), p.canary.labels)
				}
			}
		}
		stable, canaries := x.made("Service")
		for i, s := range canaries {
			if strs(s, "spec", "selector")[track] != "canary" {
				t.Errorf("%s does not select by track", identity(s))
			}
			for _, p := range podsIn(x.input) {
				if serviceSelects(s, p) {
					t.Errorf("%s selects the stable pods %v", identity(s), p.labels)
				}
			}
			for _, p := range pairs {
				if got, want := serviceSelects(s, p.canary), serviceSelects(stable[i], p.stable); got != want {
					t.Errorf("%s selects the pods of %s: %v, while the stable one selects the stable ones: %v", identity(s), identity(p.canary.of), got, want)
				}
			}
		}
	})
}

// TestLawWhoGetsACanary checks which workloads get a canary: those that the user includes,
// and the Deployments that get traffic and are safe to run twice. The Services of those
// get one, too. Every other workload has one note that says why.
func TestLawWhoGetsACanary(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		has := map[string]bool{}
		for i := range x.output {
			if kind(x.stable[i]) == kind(x.output[i]) {
				has[identity(x.stable[i])] = true
			}
		}
		for _, p := range podsIn(x.input) {
			included := slices.ContainsFunc(x.world.options.Canary.Include, func(ref canary.WorkloadRef) bool {
				return strings.EqualFold(ref.Kind, kind(p.of)) && ref.Name == name(p.of)
			})
			want := included || kind(p.of) == "Deployment" && x.getsTraffic(t, p) && x.safeTwice(p.of)
			if has[identity(p.of)] != want {
				t.Errorf("%s has a canary: %v, want %v", identity(p.of), !want, want)
			}
			if lines := x.linesAbout(p.of); !want && lines != 1 {
				t.Errorf("%s is left alone with %d lines", identity(p.of), lines)
			}
		}
		for _, s := range x.of("Service") {
			want := slices.ContainsFunc(x.workloads(), func(p pair) bool { return serviceSelects(s, p.stable) })
			if has[identity(s)] != want {
				t.Errorf("%s has a canary: %v, want %v", identity(s), !want, want)
			}
		}
	})
}

// getsTraffic reports whether a Service with a route selects the pods; with any Service if
// the world has no route.
func (x outcome) getsTraffic(t *rapid.T, p pods) bool {
	routes := slices.Concat(x.of("Mapping"), x.of("TCPMapping"))
	for _, s := range x.of("Service") {
		routes = append(routes, stableMappings(t, s)...)
	}
	return slices.ContainsFunc(x.of("Service"), func(s obj) bool {
		routed := slices.ContainsFunc(routes, func(m obj) bool {
			host := strings.TrimSuffix(strings.TrimPrefix(str(m, "spec", "service"), "http://"), ":80")
			return host == name(s) && namespace(m) == namespace(s) || host == name(s)+"."+namespace(s) || strings.HasPrefix(host, name(s)+"."+namespace(s)+".svc")
		})
		return serviceSelects(s, p) && (len(routes) == 0 || routed)
	})
}

// safeTwice reports whether a workload has pods and no claim that only one node may mount.
func (x outcome) safeTwice(o obj) bool {
	if spec := o["spec"].(obj); fmt.Sprint(spec["replicas"]) == "0" {
		return false
	}
	for _, v := range list(o, "spec", "template", "spec", "volumes") {
		claim := str(v.(obj), "persistentVolumeClaim", "claimName")
		many := slices.ContainsFunc(x.of("PersistentVolumeClaim"), func(c obj) bool {
			modes := fmt.Sprint(c["spec"].(obj)["accessModes"])
			return name(c) == claim && namespace(c) == namespace(o) && strings.Contains(modes, "Many")
		})
		if claim != "" && !many {
			return false
		}
	}
	return true
}

func (x outcome) linesAbout(o obj) (n int) {
	for _, note := range x.notes {
		if note.Object.Kind() == kind(o) && note.Object.Name() == name(o) && strings.HasPrefix(note.Text, "gets no canary: ") {
			n++
		}
	}
	return n
}

// TestLawNoTheft is law 2: no workload of the input adopts the canary's pods, and the
// canary adopts no others.
func TestLawNoTheft(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		pairs := x.workloads()
		all := podsIn(x.input)
		for _, p := range pairs {
			all = append(all, p.canary)
			for _, o := range x.input {
				switch {
				case isWorkload(o) && selectorSelects(o, p.canary, "spec", "selector"):
					t.Errorf("%s selects the canary pods %v", identity(o), p.canary.labels)
				case kind(o) == "PodDisruptionBudget" && selectorSelects(o, p.canary, "spec", "selector"):
					t.Errorf("%s counts the canary pods %v", identity(o), p.canary.labels)
				case kind(o) == "NetworkPolicy" && selectorSelects(o, p.canary, "spec", "podSelector") && !selectorSelects(o, p.stable, "spec", "podSelector"):
					t.Errorf("%s restricts the canary pods %v and not the stable ones", identity(o), p.canary.labels)
				}
			}
		}
		for _, p := range pairs {
			for _, other := range all {
				own := identity(other.of) == identity(p.canary.of)
				if selectorSelects(p.canary.of, other, "spec", "selector") != own {
					t.Errorf("%s selects the pods of %s: %v", identity(p.canary.of), identity(other.of), !own)
				}
			}
		}
	})
}

// TestLawFewestLabels is the second half of law 1: the changed labels are the smallest
// set that breaks every selector of the input that selects the stable pods. The test
// finds that set by trying all of them. Workloads behind one Service share the decision.
func TestLawFewestLabels(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		for _, family := range families(x) {
			var selectors [][]string
			changed := map[string]bool{}
			for _, p := range family {
				own := breakable(x, p.stable)
				selectors = append(selectors, own...)
				usable := slices.Concat(own...)
				for key, value := range p.canary.labels {
					if added, found := x.world.options.Canary.Labels[key]; found && added == value || key == track {
						continue
					}
					if old, found := p.stable.labels[key]; !found || old != value {
						changed[key] = true
						if !slices.Contains(usable, key) {
							t.Errorf("%s: the label %s changed, which no selector uses", identity(p.canary.of), key)
						}
					}
				}
				for key := range p.stable.labels {
					if _, kept := p.canary.labels[key]; !kept {
						t.Errorf("%s: the label %s is lost", identity(p.canary.of), key)
					}
				}
				if p.canary.labels[track] != "canary" {
					t.Errorf("%s: no track on its pods", identity(p.canary.of))
				}
			}
			if got, want := slices.SortedFunc(maps.Keys(changed), byPreference), smallest(selectors); !slices.Equal(got, want) {
				t.Errorf("the labels %v changed, and %v would do, for %v", got, want, selectors)
			}
		}
	})
}

// families returns the workloads with a canary, grouped by common Services.
func families(x outcome) [][]pair {
	var all [][]pair
	for _, p := range x.workloads() {
		family := []pair{p}
		all = slices.DeleteFunc(all, func(other []pair) bool {
			linked := slices.ContainsFunc(x.of("Service"), func(s obj) bool {
				return serviceSelects(s, p.stable) && slices.ContainsFunc(other, func(q pair) bool { return serviceSelects(s, q.stable) })
			})
			if linked {
				family = append(family, other...)
			}
			return linked
		})
		all = append(all, family)
	}
	return all
}

// breakable returns, for every selector of the input that selects the pods, the keys that
// could break it: those for which it wants a certain value.
func breakable(x outcome, p pods) [][]string {
	var all [][]string
	for _, o := range x.input {
		selector := dig(o, "spec", "selector")
		switch {
		case isService(o) && serviceSelects(o, p):
			selector = obj{"matchLabels": selector}
		case (isWorkload(o) || kind(o) == "PodDisruptionBudget") && selectorSelects(o, p, "spec", "selector"):
		default:
			continue
		}
		var keys []string
		for key := range strs(selector, "matchLabels") {
			keys = append(keys, key)
		}
		for _, e := range list(selector, "matchExpressions") {
			if str(e, "operator") == "In" {
				keys = append(keys, str(e, "key"))
			}
		}
		all = append(all, keys)
	}
	return all
}

// byPreference orders labels by the documented preference for changing them.
func byPreference(a, b string) int {
	rank := func(key string) int {
		if i := slices.Index([]string{"app", "app.kubernetes.io/name", "k8s-app"}, key); i >= 0 {
			return i
		}
		return 3
	}
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// smallest tries every set of keys: small sets first, and among equal sizes preferred
// ones first.
func smallest(selectors [][]string) []string {
	keys := slices.SortedFunc(slices.Values(slices.Concat(selectors...)), byPreference)
	keys = slices.Compact(keys)
	for size := range len(keys) + 1 {
		if found := choose(keys, size, nil, selectors); found != nil {
			return found
		}
	}
	return nil
}

func choose(keys []string, size int, chosen []string, selectors [][]string) []string {
	if size == 0 {
		for _, s := range selectors {
			if !slices.ContainsFunc(s, func(key string) bool { return slices.Contains(chosen, key) }) {
				return nil
			}
		}
		return append([]string{}, chosen...)
	}
	for i, key := range keys {
		if found := choose(keys[i+1:], size-1, append(slices.Clone(chosen), key), selectors); found != nil {
			return found
		}
	}
	return nil
}
