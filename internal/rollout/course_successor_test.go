package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
)

// nature describes a world, whoever works in it: what the judge finds after how many
// looks at a share, what people and gates say, and what fails.
type nature struct {
	health   string // "healthy", "broken" from a share on, or "undecided" until a deadline
	breaksAt int
	patience int  // looks at a share before the judge continues
	keep     bool // an undecided canary keeps its share
	person   string
	gates    []Gate
	refuses  string     // the gate that refuses
	fails    ActionKind // an action that always fails at the largest share
	known    Proof      // how a share can be determined
	edited   []string   // what somebody changed in stable
}

// life is a world with a nature, and what its judge has seen.
type life struct {
	nature
	*world
	looks   map[int]int // at each share, by all processes
	total   int
	moments int // moments so far
	kills   map[int]bool
	half    bool // what is killed in the middle is half done
	trace   []string
}

var ramp = []int{0, 5, 20, 50}

func (n nature) begin(kills map[int]bool, half bool) *life {
	l := &life{nature: n, world: newWorld(Spec{Limit: 100}), looks: map[int]int{}, kills: kills, half: half}
	l.watch, l.fate, l.proof, l.changed = l, l.befall, n.known, n.edited
	for _, g := range n.gates {
		l.answers[g.Name] = Answer{By: "ci"}
		if g.Name == n.refuses {
			l.answers[g.Name] = Answer{Refusal: "no"}
		}
	}
	return l
}

func (l *life) befall(p *process, m moment) fate {
	l.moments++
	switch {
	case l.kills[l.moments]:
		return fate{kill: true, done: l.half}
	case m.act.Kind == l.fails && m.act.Weight == 50 && !m.store && !m.exit:
		return fate{fail: "it never works"}
	}
	return fate{}
}

// judge returns the judgement of the next look, from everything ever seen at the share.
func (l *life) judge(share int) *Judged {
	l.looks[share]++
	l.total++
	j := &Judged{Look: Look{Verdict: analysis.Continue, Reason: "so"}, Recommended: share, Own: 10}
	enough := l.looks[share] >= l.patience
	switch {
	case share == 0:
		j.Recommended = ramp[1]
	case l.health == "broken" && share >= l.breaksAt && enough:
		j.Verdict, j.Recommended = analysis.Reject, 0
	case l.health == "undecided" && share == 20 && enough:
		j.Verdict, j.Inconclusive, j.Recommended = analysis.Hold, true, map[bool]int{true: share}[l.keep]
	case enough && share == 50:
		j.Verdict, j.Recommended = analysis.Promote, 100
	case enough:
		j.Recommended = ramp[slices.Index(ramp, share)+1]
	}
	return j
}

// people say the same in every life: as soon as there is a canary, or it has a share.
func (l *life) people(s State) {
	if !s.Phase.Active() || s.Phase == Deploying {
		return
	}
	switch {
	case l.person == "holds" || l.person == "holds at 20" && s.Weight >= 20:
		l.said.Hold = &Statement{Text: "wait"}
	case l.person == "rejects at 20" && s.Weight >= 20:
		l.said.Rejected = &Statement{Text: "no"}
	}
	for _, g := range l.gates {
		if g.Manual && l.person != "approves nothing" {
			l.said.Approve(Approval{Gate: g.Name, By: "ada"})
		}
	}
}

// live runs one process. If it waits long for a person, it is interrupted.
func (l *life) live() {
	p := l.start(Course{Plan: l.plan, First: ramp[1], Gates: l.gates})
	p.run()
	for n := 0; p.over == "" && n < 40; n++ {
		l.people(p.state)
		p.look(l.judge(p.state.Weight))
		if p.over == "" {
			p.run()
		}
	}
	if p.over == "" {
		p.over = "waits"
	}
}

// end describes how a release ended, independent of how long it took.
func (l *life) end() string {
	s, err := ParseState(l.record)
	if err != nil {
		return err.Error()
	}
	by := Decider("")
	if s.Reason != nil && l.person != "rejects at 20" { // two deciders that agree may come in either order
		by = s.Reason.By
	}
	phase := string(s.Phase)
	if s.Held != "" && s.Phase.Active() { // the weight is 0, verified or not
		phase = "held"
	}
	var passed []string
	for _, p := range s.Passed {
		passed = append(passed, p.Gate)
	}
	return fmt.Sprintf("%s by %q at %d %%, %d %% in force, stable %s, mixed %t, on hold %t, awaits %q, passed %v", phase, by, s.Weight, l.weight, l.stable, s.Mixed, s.Paused != nil, s.Awaiting, passed)
}

// natures draws worlds with at most two problems.
func natures() *rapid.Generator[nature] {
	troubles := map[string]func(*nature){
		"broken at 5 %":         func(n *nature) { n.health, n.breaksAt = "broken", 5 },
		"broken at 50 %":        func(n *nature) { n.health, n.breaksAt = "broken", 50 },
		"undecided, rejected":   func(n *nature) { n.health = "undecided" },
		"undecided, kept":       func(n *nature) { n.health, n.keep = "undecided", true },
		"nobody approves":       func(n *nature) { n.person = "approves nothing" },
		"held":                  func(n *nature) { n.person = "holds" },
		"held at 20 %":          func(n *nature) { n.person = "holds at 20" },
		"rejected at 20 %":      func(n *nature) { n.person = "rejects at 20" },
		"pods never ready":      func(n *nature) { n.fails = Scale },
		"share never given":     func(n *nature) { n.fails = Verify },
		"weight never taken":    func(n *nature) { n.fails = SetWeight },
		"no gateway in reach":   func(n *nature) { n.known = ByModelAlone },
		"gate before 50 % shut": func(n *nature) { n.refuses = "load" },
		"gate before promotion": func(n *nature) { n.refuses = "cab" },
		"stable edited":         func(n *nature) { n.edited = []string{"Service shop"} },
	}
	names := slices.Sorted(maps.Keys(troubles))
	return rapid.Custom(func(t *rapid.T) nature {
		n := nature{health: "healthy", known: SeenOnGateways, patience: rapid.IntRange(1, 3).Draw(t, "patience")}
		for _, g := range []Gate{{Name: "qa", Weight: 20, Manual: true}, {Name: "load", Weight: 50}, {Name: "sign", Manual: true}, {Name: "cab"}} {
			if rapid.Bool().Draw(t, g.Name) {
				n.gates = append(n.gates, g)
			}
		}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 0, 2).Draw(t, "troubles") {
			troubles[name](&n)
		}
		return n
	})
}

// TestSuccessorComesToTheSameEnd kills a run before or during any write, in some cases
// its successor too, and starts the same run again. It has to come to the same end as a
// run that nobody killed.
func TestSuccessorComesToTheSameEnd(t *testing.T) {
	natured, killed, ends := 0, 0, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		n := natures().Draw(t, "nature")
		undisturbed := n.begin(nil, false)
		undisturbed.live()
		want := undisturbed.end()
		natured++
		ends[strings.Split(want, ",")[0]]++
		for range 6 {
			at := rapid.IntRange(1, undisturbed.moments).Draw(t, "killed before write")
			kills := map[int]bool{at: true}
			if again := rapid.IntRange(0, 12).Draw(t, "and the successor, so many later"); again > 0 {
				kills[at+again] = true
			}
			l := n.begin(kills, rapid.Bool().Draw(t, "half done"))
			for l.live(); l.dead(); l.live() {
				killed++
			}
			if have := l.end(); have != want {
				for _, line := range l.trace {
					t.Log(line)
				}
				t.Fatalf("killed before writes %v it comes to\n%s\nand undisturbed to\n%s", kills, have, want)
			}
			if l.total < undisturbed.total {
				t.Fatalf("killed before writes %v it took %d looks, and undisturbed %d", kills, l.total, undisturbed.total)
			}
		}
	})
	t.Logf("%d worlds, %d kills, ends %v", natured, killed, ends)
}

// dead reports whether the last process was killed.
func (l *life) dead() bool { return len(l.trace) > 0 && l.trace[len(l.trace)-1] == "gone: killed" }

func (l *life) decided(_ *process, d Decision) {
	l.trace = append(l.trace, fmt.Sprintf("decides %s %v", d.Do, d.Why))
}

func (l *life) stepped(p *process, _ State, fact Fact, _ []Action) {
	l.trace = append(l.trace, fmt.Sprintf("applies %s: %s", factLine(fact), stateLine(p.state)))
}

func (l *life) stored(*process) {}

func (l *life) acted(_ *process, a Action, err error) {
	l.trace = append(l.trace, fmt.Sprintf("does %s %d: %v", a.Kind, a.Weight, err))
}

func (l *life) gone(_ *process, how string) { l.trace = append(l.trace, "gone: "+how) }
