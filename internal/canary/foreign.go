package canary

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// foreign follows the references of objects of other programs: those that select the
// stable pods by label or name the stable workload or Service get a copy for the canary
// if their kind is known and that is safe, else a warning.
func (d *derivation) foreign() {
	var f *foreign
	var findings []*finding
	for _, o := range d.index.others {
		x := finding{object: o, id: kindID{o.Group(), o.Kind()}}
		x.kind, x.known = foreignKinds[x.id]
		if !x.known && podless(x.id.group) {
			continue
		}
		if f == nil {
			f = newForeign(d)
		}
		f.examine(&x)
		findings = append(findings, &x)
	}
	for _, x := range findings {
		f.follow(x)
	}
}

// finding is an object of another program, with the pods that it selects and the workloads
// and Services that it names.
type finding struct {
	object *manifest.Object
	id     kindID
	kind   foreignKind
	known  bool  // the kind
	in     scope // of a known kind
	comparison
	named  []mention
	serves []*manifest.Object // canaries that it selects alone or names
	copied bool
	said   bool // has a warning
}

// mention is a field that names a workload or a Service with a canary.
type mention struct {
	field          string
	stable, canary *manifest.Object
	service        *service // if it is one
	host           string   // of the canary, if the field is a host name
}

// foreign is one run of derivation.foreign.
type foreign struct {
	*derivation
	stable, canaries       podIndex // in each namespace
	allStable, allCanaries podIndex // in all namespaces together
	twins                  map[*workload]twins
	added                  map[string]bool // labels that canary pods may have and stable pods not
	// named holds the workloads and Services with a canary, by their names, and
	// canaryNamed the canaries.
	named       map[manifest.ID]mention
	canaryNamed map[manifest.ID]*manifest.Object
	// balance holds, for a kind and a canary, the number of objects that are about the
	// canary alone less that of those that leave it out. If it is not negative, somebody
	// has followed the advice of the warnings.
	balance map[balanced]int
}

type balanced struct {
	kindID
	canary *manifest.Object
}

func newForeign(d *derivation) *foreign {
	f := &foreign{
		derivation: d, stable: d.index.pods, twins: map[*workload]twins{}, added: map[string]bool{TrackLabel: true},
		named: map[manifest.ID]mention{}, canaryNamed: map[manifest.ID]*manifest.Object{},
		balance: map[balanced]int{},
	}
	for key := range d.options.Labels {
		f.added[key] = true
	}
	name := func(namespace string, m mention) {
		id := manifest.ID{Kind: m.stable.Kind(), Namespace: namespace, Name: m.stable.Name()}
		f.named[id] = m
		id.Name = m.canary.Name()
		f.canaryNamed[id] = m.canary
	}
	var chosen []*workload
	for _, w := range d.index.workloads {
		if w.chosen {
			chosen = append(chosen, w)
			name(w.namespace, mention{stable: w.object, canary: w.derived})
		}
	}
	for _, s := range d.index.services {
		if s.derived != nil {
			name(s.namespace, mention{stable: s.object, canary: s.derived, service: s})
		}
	}
	stable := func(w *workload) map[string]string { return w.labels }
	canary := func(w *workload) map[string]string { return w.canaryLabels }
	f.canaries = newPodIndex(chosen, canary)
	f.allStable, f.allCanaries = newWideIndex(d.index.workloads, stable), newWideIndex(chosen, canary)
	return f
}

// examine finds what an object selects and names.
func (f *foreign) examine(x *finding) {
	if x.known {
		x.in = f.scopeOfKnown(x.object, x.kind)
		for _, set := range ruleSets(x.object.Root) {
			if q, ok := x.kind.form.read(manifest.Get(set, x.kind.selector...)); ok {
				x.add(f.compare(q, x.in))
			}
		}
	}
	s := scan{foreign: f, finding: x}
	s.mapping(x.object.Root, true)
	f.hosts(x)
	for _, w := range x.only {
		if !slices.Contains(x.byAccident, w) {
			x.serves = append(x.serves, w.derived)
		}
	}
	serves := func(canary *manifest.Object) bool { return slices.Contains(x.serves, canary) }
	x.missed = slices.DeleteFunc(inOrder(x.missed), func(w *workload) bool { return serves(w.derived) })
	x.named = slices.DeleteFunc(x.named, func(m mention) bool { return serves(m.canary) })
	f.count(x)
}

// count adds an object to the balance of its kind.
func (f *foreign) count(x *finding) {
	leftOut := map[*manifest.Object]bool{}
	for _, w := range x.missed {
		leftOut[w.derived] = true
	}
	for _, m := range x.named {
		leftOut[m.canary] = true
	}
	for canary := range leftOut {
		f.balance[balanced{x.id, canary}]--
	}
	for i, canary := range x.serves {
		if !slices.Contains(x.serves[:i], canary) {
			f.balance[balanced{x.id, canary}]++
		}
	}
}

// served reports whether the input has objects of a kind for a canary beside those for
// the stable version.
func (f *foreign) served(id kindID, canary *manifest.Object) bool {
	return f.balance[balanced{id, canary}] >= 0
}

// follow copies an object, or warns about it once.
func (f *foreign) follow(x *finding) {
	if len(x.missed) > 0 {
		if c := f.copyOf(x); c != nil {
			f.admit(c, x, nil)
			f.finish(x.object, c, x.object.Name())
			x.copied = true
		} else {
			f.warnMissed(x)
		}
	}
	if len(x.byAccident) > 0 {
		pods, _ := podsOf(inOrder(x.byAccident))
		f.say(x, note.ForeignSelector, "selects the canary pods of %s by label, but not the stable pods; select by labels that only its own pods have", pods)
	}
	f.peers(x)
	f.destinationRules(x)
	f.warnNamed(x)
}

// warnMissed warns about an object that misses canary pods, unless the input has another
// one for them.
func (f *foreign) warnMissed(x *finding) {
	missed := slices.DeleteFunc(slices.Clone(x.missed), func(w *workload) bool { return f.served(x.id, w.derived) })
	if len(missed) == 0 {
		return
	}
	pods, its := podsOf(missed)
	advice := x.kind.advice
	switch {
	case x.kind.forwards:
		f.say(x, note.ForeignSelector, "sends requests to the pods of %s by label, but none to those of %s, so these requests are not part of the canary's share", pods, its)
		return
	case advice == "" && len(missed) == 1:
		advice = "if the canary needs it, add one that selects " + labelsOf(missed[0])
	case advice == "":
		advice = "if they need it, add one for each, such as one that selects " + labelsOf(missed[0])
	}
	f.say(x, note.ForeignSelector, "selects the pods of %s by label, but not those of %s; %s", pods, its, advice)
}

// warnNamed warns about an object that names the stable workload or Service.
func (f *foreign) warnNamed(x *finding) {
	for _, m := range x.named {
		switch name := m.canary.Name(); {
		case f.served(x.id, m.canary):
			continue
		case m.host != "":
			f.say(x, note.ForeignSelector, "sets how requests reach %s, but not how they reach its canary; if they pass through the mesh, add one for host %s", m.stable.ID(), m.host)
		case m.field == "scaleTargetRef": // package harm warns about autoscalers
			continue
		default:
			f.say(x, note.ForeignSelector, "names %s, but not its canary; if the canary needs it, add one that names %s", m.stable.ID(), name)
		}
	}
}

// say warns about an object, once.
func (f *foreign) say(x *finding, name note.Name, format string, args ...any) {
	if !x.said {
		x.said = true
		f.warn(name, x.object, format, args...)
	}
}

// inOrder sorts workloads for a message and drops repeated ones.
func inOrder(workloads []*workload) []*workload {
	sorted := slices.Clone(workloads)
	slices.SortFunc(sorted, func(a, b *workload) int {
		return cmp.Or(strings.Compare(a.namespace, b.namespace), strings.Compare(a.object.ID().String(), b.object.ID().String()))
	})
	return slices.Compact(sorted)
}

// podsOf names workloads, and their canaries by a pronoun.
func podsOf(workloads []*workload) (names, canaries string) {
	switch first := workloads[0].object.ID().String(); len(workloads) {
	case 1:
		return first, "its canary"
	case 2:
		return first + " and " + workloads[1].object.ID().String(), "their canaries"
	default:
		return fmt.Sprintf("%s and %d others", first, len(workloads)-1), "their canaries"
	}
}

// labelsOf returns the labels by which the canary pods of a workload differ from all
// others, as "app=web-canary".
func labelsOf(w *workload) string {
	if len(w.change) == 0 {
		return TrackLabel + "=" + TrackCanary
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(w.change)) {
		pairs = append(pairs, key+"="+w.change[key])
	}
	return strings.Join(pairs, ",")
}
