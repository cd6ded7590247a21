package plan_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/note"
)

// TestLawForeignSelectorsFollow is law 7 for objects of other programs. One that selects
// stable pods, but not their canary pods, either has a copy that selects exactly those or
// is named in one warning. No other one is copied or named.
func TestLawForeignSelectorsFollow(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		for _, f := range x.world.foreign {
			o := x.input[slices.IndexFunc(x.input, func(o obj) bool { return identity(o) == f.id })]
			missed, misses := map[string]bool{}, 0
			for _, p := range x.workloads() {
				if in := f.wide || p.stable.namespace == namespace(o); in && equalTo(f.wants, p.stable.labels) && !equalTo(f.wants, p.canary.labels) {
					missed[identity(p.stable.of)] = true
					misses++
				}
			}
			named := 0
			for _, n := range x.notes {
				if n.Level == note.Warning && n.Object != nil && identity(n.Object.Value()) == f.id {
					named++
				}
			}
			copies := x.copiesOf(o)
			if (misses > 0) != (len(copies)+named == 1) || !f.known && len(copies) > 0 {
				t.Errorf("%s: %d copies and %d warnings; it misses %v", f.id, len(copies), named, missed)
			}
			// A form without expressions cannot always select several, and --labels may
			// give other canary pods the label of these.
			if f.known && misses == 1 && !x.world.relabel && len(copies) == 0 {
				t.Errorf("%s: no copy; it misses %v", f.id, missed)
			}
			for _, c := range copies {
				for _, p := range x.workloads() {
					if got, want := f.selects(c, p.canary), missed[identity(p.stable.of)]; got != want {
						t.Errorf("%s selects the pods of %s: %v", identity(c), identity(p.canary.of), got)
					}
				}
				for _, p := range podsIn(x.input) {
					if f.selects(c, p) {
						t.Errorf("%s selects the pods of %s", identity(c), identity(p.of))
					}
				}
			}
		}
	})
}

func (x outcome) copiesOf(o obj) []obj {
	var all []obj
	for i, s := range x.stable {
		if identity(s) == identity(o) {
			all = append(all, x.output[i])
		}
	}
	return all
}

// selects reports whether a copy selects pods.
func (f foreignObject) selects(o obj, p pods) bool {
	if namespace(o) != p.namespace {
		return false
	}
	switch f.form {
	case "matchLabels":
		return equalTo(strs(o, "spec", "selector", "matchLabels"), p.labels) && dig(o, "spec", "selector", "matchExpressions") == nil
	case "labels":
		return equalTo(strs(o, "spec", "workloadSelector", "labels"), p.labels)
	case "cilium":
		labels := map[string]string{}
		for key, value := range p.labels {
			labels[key], labels["k8s:"+key] = value, value
		}
		return selects(dig(o, "spec", "endpointSelector"), labels)
	case "calico":
		equal := map[string]string{}
		for part := range strings.SplitSeq(str(o, "spec", "selector"), " && ") {
			key, value, _ := strings.Cut(part, " == ")
			equal[key] = strings.Trim(value, "'")
		}
		return equalTo(equal, p.labels)
	}
	return false
}
