package report

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/rollout/rollouttest"
)

var states = flag.Int("states", 10_000, "number of random states whose sentences are checked")

// said is a sentence, and the state in which it was said.
type said struct {
	world  *rollouttest.World
	where  string // who says it: status, board, event, judge, report
	text   string // without the texts of people and programs
	status Status
	report Report
	event  rollout.Event // of an event
	was    rollout.State // before the last step
}

// foreign matches the texts of people and programs, which may claim anything.
var foreign = regexp.MustCompile(`‹[^›]*›`)

// claim is something that a sentence may say, and when that is true. The submatches of the
// pattern are passed on.
type claim struct {
	pattern *regexp.Regexp
	where   string // "" for everybody
	is      func(s said, found []string) bool
}

func when(where, pattern string, is func(s said, found []string) bool) claim {
	return claim{regexp.MustCompile(pattern), where, is}
}

// TestEverySentenceIsTrue: over 10,000 states that releases reach, no sentence on the screen,
// in a log line or in a report claims what the state, the counts or the cluster deny.
func TestEverySentenceIsTrue(t *testing.T) {
	t.Parallel()
	const steps = 50
	if testing.Short() || raced {
		*states = min(*states, 2_000)
	}
	all := slices.Concat(claimsOfStates(), claimsOfCounts(), claimsOfDecisions())
	used, wrong := make([]int, len(all)), map[int]int{}
	n := 0
	for seed := uint64(0); n < *states; seed++ {
		w := rollouttest.New(seed)
		for range steps {
			was := w.State
			w.Step()
			n++
			for _, s := range sentences(w, was) {
				for i, c := range all {
					if c.where != "" && c.where != s.where {
						continue
					}
					for _, found := range c.pattern.FindAllStringSubmatch(s.text, -1) {
						used[i]++
						if !c.is(s, found) {
							if wrong[i]++; wrong[i] <= 2 {
								t.Errorf("seed %d: %s says %q (law %q)\nstate: %s\ntruth: %+v", seed, s.where, s.text, c.pattern, summary(w.State), w.Truth)
							}
						}
					}
				}
			}
		}
	}
	for i, c := range all {
		if used[i] == 0 && n >= 10_000 {
			t.Errorf("no sentence of %d states says %q", n, c.pattern)
		}
		t.Logf("%6d said, %5d wrong: %s: %q", used[i], wrong[i], c.where, c.pattern)
	}
}

func summary(s rollout.State) string {
	j := ""
	if s.Judged != nil {
		j = s.Judged.Sentence()
	}
	return fmt.Sprintf("%s %d %% verified %d %s held %q braked %v mixed %v kept %v peak %d left %+v paused %v awaiting %q reason %+v judged %s", s.Phase, s.Weight, s.Verified, s.Proof, s.Held, s.Braked, s.Mixed, s.Kept, s.Peak, s.Left, s.Paused, s.Awaiting, s.Reason, j)
}

// sentences returns everything that is said about the present state. Events of earlier states
// were checked when they happened.
func sentences(w *rollouttest.World, was rollout.State) []said {
	if w.State.Phase == rollout.None {
		return nil
	}
	r := Of("eu", "shop", w.State, w.Now, "v1")
	switch {
	case w.Truth.Working && w.Maybe(2):
		r.Worker = &Worker{Holder: "somebody", Alive: true}
	case !w.Truth.Working && w.Maybe(2):
		r.Worker = &Worker{Holder: "somebody", Renewed: w.Now.Add(-time.Minute)}
	}
	var all []said
	say := func(where, text string) {
		all = append(all, said{world: w, where: where, text: foreign.ReplaceAllString(text, "‹›"), status: r.Status, report: r, was: was})
	}
	say("outcome", r.Outcome())
	say("status", strings.ReplaceAll(r.Sentence(), r.Held, ""))
	var board strings.Builder
	b := NewBoard(&board, Style{Format: Terminal, Escape: same}, 0, true)
	now := r.Status
	now.Events = nil // what happened before was checked when it happened
	_ = b.Show([]Status{now}, nil)
	say("board", board.String())
	events, _ := r.events()
	new := w.State.History[max(0, len(w.State.History)-(w.State.Total-was.Total)):]
	for _, e := range new {
		say("event", e.Text)
		all[len(all)-1].event = e
	}
	if j := w.State.Judged; j != nil {
		say("judge", j.Sentence())
	}
	say("report", strings.Join(append(r.explain(), r.headline(), r.decision(events)), "\n"))
	if w.Maybe(4) { // it takes longer than all others
		junit, _ := JUnit(r)
		_, end, _ := strings.Cut(string(junit), `name="the release"`)
		say("junit", end)
	}
	return all
}
