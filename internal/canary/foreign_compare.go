package canary

import (
	"cmp"
	"slices"

	"github.com/canarize/canarize/internal/manifest"
)

// candidates returns the workloads in a scope that a query may take.
func (in scope) candidates(own, wide podIndex, q query) []*workload {
	if in.covers == nil {
		return own.candidates(in.own, q.rough())
	}
	return wide.candidates("", q.rough())
}

// differing returns the workloads for which a query may tell stable and canary pods apart.
// It may name one twice.
func (f *foreign) differing(q query, in scope) []*workload {
	taken, takenCanaries := in.candidates(f.stable, f.allStable, q), in.candidates(f.canaries, f.allCanaries, q)
	if some, ok := f.withOtherValues(q.tests(), in, len(taken)+len(takenCanaries)); ok {
		return some
	}
	return slices.Concat(taken, takenCanaries)
}

// withOtherValues returns the workloads one of whose pods have a label with a value that a
// query looks at. Others have the same for the query, if it looks at values only. It
// returns false if it does not, or if they are not fewer than limit.
func (f *foreign) withOtherValues(looksAt tests, in scope, limit int) ([]*workload, bool) {
	if looksAt.parts || slices.ContainsFunc(looksAt.existence, func(key string) bool { return f.added[key] }) {
		return nil, false
	}
	stable, canaries := f.allStable, f.allCanaries
	if in.covers == nil {
		stable, canaries = f.stable, f.canaries
	}
	var some []*workload
	for _, v := range looksAt.values {
		at := labelAt{in.own, v.key, v.value}
		with, canariesWith := stable.byLabel[at], canaries.byLabel[at]
		if len(some)+len(with)+len(canariesWith) >= limit {
			return nil, false
		}
		some = append(append(some, with...), canariesWith...)
	}
	return some, true
}

// comparison is how a query tells stable and canary pods apart.
type comparison struct {
	missed []*workload // it takes their stable pods, but not their canary pods
	only   []*workload // it takes their canary pods, but not their stable pods
	// byAccident holds those of only that are taken because they lack something, as by
	// "app is not web".
	byAccident []*workload
}

func (c *comparison) add(other comparison) {
	c.missed, c.only, c.byAccident = append(c.missed, other.missed...), append(c.only, other.only...), append(c.byAccident, other.byAccident...)
}

func (f *foreign) compare(q query, in scope) comparison {
	var c comparison
	seen := map[*workload]bool{}
	for _, w := range f.differing(q, in) {
		if !w.chosen || seen[w] || !in.contains(w.namespace) {
			continue
		}
		seen[w] = true
		switch stable, canary := q.takes(f.pods(w).stable), q.takes(f.pods(w).canary); {
		case stable && !canary:
			c.missed = append(c.missed, w)
		case canary && !stable:
			c.only = append(c.only, w)
		}
	}
	if q.tests().negative {
		c.byAccident = c.only
	}
	return c
}

// pods describes the pods of a workload.
func (f *foreign) pods(w *workload) twins {
	t, known := f.twins[w]
	if !known {
		spec := PodSpec(w.object)
		account := cmp.Or(manifest.GetString(spec, "serviceAccountName"), manifest.GetString(spec, "serviceAccount"), "default")
		t = twins{pod{w.namespace, account, w.labels}, pod{w.namespace, account, w.canaryLabels}}
		f.twins[w] = t
	}
	return t
}

func (f *foreign) allPods(of []*workload) []twins {
	all := make([]twins, len(of))
	for i, w := range of {
		all[i] = f.pods(w)
	}
	return all
}

// takesOnly reports whether a query takes the canary pods of the given workloads and no other
// pods.
func (f *foreign) takesOnly(of []*workload, q query, in scope) bool {
	for _, w := range in.candidates(f.stable, f.allStable, q) {
		if in.contains(w.namespace) && q.takes(f.pods(w).stable) {
			return false
		}
	}
	taken := 0
	for _, w := range in.candidates(f.canaries, f.allCanaries, q) {
		if !in.contains(w.namespace) || !q.takes(f.pods(w).canary) {
			continue
		}
		if !slices.Contains(of, w) {
			return false
		}
		taken++
	}
	return taken == len(of)
}
