package canary

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
)

// separate decides, for every chosen workload, which pod labels get another
// value on the canary, so that no selector that selects the stable pods selects
// the canary pods. It takes the smallest set of keys that breaks all of those
// selectors. Workloads that share a Service get the same keys, because the
// canary Service has one selector for the canaries of both.
func (x *index) separate(suffix string, extra map[string]string) {
	breaking := x.selectorsToBreak(extra)
	for _, family := range x.families() {
		var sets []keySet
		for _, w := range family {
			sets = append(sets, breaking[w]...)
		}
		changed := smallestHittingSet(sets)
		for _, w := range family {
			w.change = map[string]string{}
			for _, keys := range breaking[w] {
				for _, key := range keys {
					if slices.Contains(changed, key) {
						w.change[key] = WithSuffix(w.labels[key], suffix, maxLabelName)
					}
				}
			}
		}
	}
	for _, w := range x.workloads {
		if w.chosen {
			w.canaryLabels = w.labelsOfCanary(extra)
		}
	}
}

// labelsOfCanary returns the labels of the canary's pods.
func (w *workload) labelsOfCanary(extra map[string]string) map[string]string {
	labels := maps.Clone(w.labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, w.change)
	maps.Copy(labels, extra)
	labels[TrackLabel] = TrackCanary
	return labels
}

// keySet holds the keys that can break one selector, in order of preference.
type keySet []string

// selectorsToBreak returns, for every chosen workload, the selectors of the
// input that select its stable pods and would also select its canary pods.
func (x *index) selectorsToBreak(extra map[string]string) map[*workload][]keySet {
	found := map[*workload][]keySet{}
	collect := func(namespace string, s selector) {
		keys := keySet(s.breakable())
		if len(keys) == 0 {
			return // verify reports it as an error
		}
		slices.SortFunc(keys, preferred)
		for _, w := range x.pods.candidates(namespace, s) {
			// An added label may already break a selector, such as
			// "canarize.dev/track does not exist".
			if w.chosen && s.matches(w.labels) && s.matches(w.labelsOfCanary(extra)) {
				found[w] = append(found[w], keys)
			}
		}
	}
	for _, s := range x.services {
		if !s.selector.empty() {
			collect(s.namespace, s.selector)
		}
	}
	for _, w := range x.workloads {
		collect(w.namespace, w.selector)
	}
	for _, b := range slices.Concat(x.budgets, x.forwarders) {
		collect(b.namespace, b.selector)
	}
	return found
}

// preferred compares keys by how commonly they name an application.
func preferred(a, b string) int {
	rank := func(key string) int {
		for i, name := range [...]string{"app", "app.kubernetes.io/name", "k8s-app"} {
			if key == name {
				return i
			}
		}
		return 3
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// families groups the chosen workloads that shared Services link, directly or
// through other workloads.
func (x *index) families() [][]*workload {
	seen := map[*workload]bool{}
	var families [][]*workload
	for _, w := range x.workloads {
		if !w.chosen || seen[w] {
			continue
		}
		seen[w] = true
		family := []*workload{w}
		for i := 0; i < len(family); i++ {
			for _, s := range family[i].services {
				for _, other := range s.workloads {
					if other.chosen && !seen[other] {
						seen[other] = true
						family = append(family, other)
					}
				}
			}
		}
		families = append(families, family)
	}
	return families
}

// maxExactKeys limits the exact search. With more keys, which no real
// application has, a greedy search may return a larger set than needed.
const maxExactKeys = 16

// smallestHittingSet returns the smallest set of keys that contains a key of
// each of the sets. Among sets of equal size it prefers the most preferred
// keys.
func smallestHittingSet(sets []keySet) []string {
	var keys []string
	for _, s := range sets {
		keys = append(keys, s...)
	}
	slices.SortFunc(keys, preferred)
	keys = slices.Compact(keys)
	if len(keys) > maxExactKeys {
		return greedyHittingSet(sets, keys)
	}
	masks := make([]uint32, 0, len(sets))
	for _, s := range sets {
		var mask uint32
		for _, key := range s {
			mask |= 1 << slices.Index(keys, key)
		}
		masks = append(masks, mask)
	}
	slices.Sort(masks)
	masks = slices.Compact(masks)
	best := uint32(1)<<len(keys) - 1
	for candidate := range uint32(1) << len(keys) {
		if better(candidate, best) && !slices.ContainsFunc(masks, func(m uint32) bool { return m&candidate == 0 }) {
			best = candidate
		}
	}
	return keysOf(best, keys)
}

// better reports whether set a has fewer keys than b, or equally many and more
// preferred keys, which have the lower bits.
func better(a, b uint32) bool {
	if d := bits.OnesCount32(a) - bits.OnesCount32(b); d != 0 {
		return d < 0
	}
	return bits.Reverse32(a) > bits.Reverse32(b)
}

func keysOf(mask uint32, keys []string) []string {
	var chosen []string
	for i, key := range keys {
		if mask&(1<<i) != 0 {
			chosen = append(chosen, key)
		}
	}
	return chosen
}

func greedyHittingSet(sets []keySet, keys []string) []string {
	var chosen []string
	for len(sets) > 0 {
		best, hits := "", 0
		for _, key := range keys {
			n := 0
			for _, s := range sets {
				if slices.Contains(s, key) {
					n++
				}
			}
			if n > hits {
				best, hits = key, n
			}
		}
		chosen = append(chosen, best)
		sets = slices.DeleteFunc(slices.Clone(sets), func(s keySet) bool { return slices.Contains(s, best) })
	}
	return chosen
}

// sortedPairs iterates over a map in key order.
func sortedPairs(m map[string]string) func(yield func(k, v string) bool) {
	return func(yield func(k, v string) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
