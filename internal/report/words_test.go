package report

import (
	"fmt"
	"html"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// world draws random records of releases. Each of its sentences is unique, so that a
// sentence that a report has twice is the report's fault.
type world struct {
	*rand.Rand
	texts int
}

func (w *world) text() string {
	w.texts++
	return fmt.Sprintf("reason number %d, which is long enough to notice.", w.texts)
}

func pick[T any](w *world, all ...T) T { return all[w.IntN(len(all))] }

func (w *world) maybe() bool { return w.IntN(2) == 0 }

func (w *world) count() rollout.Count {
	total := pick(w, 0, 1, w.Int64N(60), w.Int64N(5000))
	return rollout.Count{Total: total, Bad: pick(w, 0, total, w.Int64N(total+1))}
}

func (w *world) look(at time.Time) rollout.Look {
	l := rollout.Look{Time: at, Weight: w.IntN(101), Verdict: pick(w, analysis.Continue, analysis.Hold, analysis.Reject, analysis.Promote), Reason: w.text()}
	for _, name := range []string{"errors", "slow", "orders"}[:w.IntN(4)] {
		l.Metrics = append(l.Metrics, rollout.Metric{Name: name, Canary: w.count(), Stable: w.count(), Harm: w.ExpFloat64() * 100, Safe: w.ExpFloat64() * 20, Events: name == "orders"})
	}
	return l
}

// state draws a State that a release may have left.
func (w *world) state() rollout.State {
	phases := []rollout.Phase{rollout.Deploying, rollout.Standing, rollout.Shifting, rollout.Promoting, rollout.Retiring, rollout.Rejecting, rollout.Promoted, rollout.Rejected}
	pods := manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "eu", Name: "shop"}
	s := rollout.State{
		Schema: rollout.Schema, Phase: pick(w, phases...), Verified: rollout.Unknown, Started: noon, Number: w.IntN(30), Most: w.IntN(101),
		Plan: strings.Repeat("1a", 32), Run: azure,
	}
	for i := range w.IntN(4) {
		image := rollout.Image{Workload: pods, Container: fmt.Sprint("c", i), Image: pick(w, "shop:2", "shop@sha256:"+strings.Repeat("3c", 32))}
		s.Images = append(s.Images, image)
		if w.maybe() {
			image.Image = pick(w, image.Image, "shop:1")
			s.Before = append(s.Before, image)
		}
	}
	if s.Phase.Active() && s.Phase != rollout.Rejecting && w.maybe() {
		s.Weight = w.IntN(101)
	}
	if s.Phase.Active() && w.IntN(4) == 0 {
		s.Held = w.text()
	}
	if decision := verbs[s.Phase]; decision != "" && w.maybe() {
		s.Reason = &rollout.Reason{By: pick(w, rollout.ByRequest, rollout.ByJudge, rollout.ByDeadline, rollout.ByPerson, rollout.ByGate, rollout.ByPods, rollout.ByFailure), Text: pick(w, "", w.text())}
		s.Mixed = s.Phase == rollout.Rejected && w.maybe()
	}
	w.history(&s)
	for range w.IntN(4) {
		s.Said = append(s.Said, rollout.Saying{Kind: pick(w, rollout.SaidHold, rollout.SaidResume, rollout.SaidApprove, rollout.SaidReject), Text: w.text(), By: pick(w, "", "ada"), At: noon.Add(time.Minute)})
	}
	if s.Phase == rollout.Standing && w.IntN(4) == 0 {
		s.Paused = &rollout.Statement{Text: w.text(), By: pick(w, "", "ada"), At: noon}
		s.Said = append(s.Said, rollout.Saying{Kind: rollout.SaidHold, Text: s.Paused.Text, By: s.Paused.By, At: s.Paused.At})
	}
	if w.maybe() {
		w.judge(&s)
	}
	return s
}

// history adds events that fit the State.
func (w *world) history(s *rollout.State) {
	at := noon
	add := func(kind rollout.EventKind, phase rollout.Phase, weight int, text string) *rollout.Event {
		s.History = append(s.History, rollout.Event{Time: at, Kind: kind, Phase: phase, Weight: weight, Text: text})
		at = at.Add(time.Duration(1+w.IntN(300)) * time.Second)
		return &s.History[len(s.History)-1]
	}
	if w.maybe() {
		add(rollout.EventAsked, rollout.Deploying, 0, "deploy 1a1a1a1a1a1a").Run = azure
	}
	for range w.IntN(5) {
		weight := w.IntN(101)
		add(rollout.EventPhase, rollout.Standing, weight, fmt.Sprintf("the canary gets %d %% of the traffic", weight)).Proof = pick(w, "", rollout.SeenOnGateways, rollout.ByModelAlone)
	}
	if s.Held != "" {
		add(rollout.EventFailed, s.Phase, s.Weight, "scale canary: "+s.Held)
		add(rollout.EventHeld, s.Phase, s.Weight, "held: "+s.Held)
		return
	}
	reason := ""
	if s.Reason != nil && s.Reason.Text != "" {
		reason = ": " + s.Reason.Text
	}
	switch {
	case w.IntN(4) == 0: // the event is no longer kept
	case verbs[s.Phase] == "promoted":
		add(rollout.EventAsked, rollout.Promoting, 30, "promote"+reason).Run = azure
	case verbs[s.Phase] == "rejected":
		add(rollout.EventAsked, rollout.Rejecting, 0, "reject"+reason).Run = azure
	}
	if s.Over() {
		add(rollout.EventPhase, s.Phase, 0, string(s.Phase))
	}
}

func (w *world) judge(s *rollout.State) {
	j := rollout.Judged{Reject: 101, Promote: 20}
	for i := range w.IntN(6) {
		j.Before = append(j.Before, w.look(noon.Add(time.Duration(i)*time.Minute)))
	}
	j.Look = w.look(noon.Add(6 * time.Minute))
	if s.Reason != nil && s.Reason.By == rollout.ByJudge {
		j.Reason = s.Reason.Text
	}
	if w.maybe() {
		j.Rule = rollout.RuleOf(analysis.Default(), "emissary", j.Metrics)
	}
	s.Judged = &j
}

// TestWordsFitNumbers: over 2,000 random records no sentence of a report contradicts the
// record, and none comes twice.
func TestWordsFitNumbers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		w := &world{Rand: rand.New(rand.NewPCG(seed, 19))}
		s := w.state()
		r := Of("eu", "shop", s, noon.Add(time.Hour), "v1")
		page, err := HTML(r)
		if err != nil {
			t.Fatal(err)
		}
		l := claims{t: t, seed: seed, s: s, r: r, page: visibleText(string(page)), markdown: Markdown(r, MarkdownOptions{Escape: same})}
		l.outcome()
		l.differences()
		l.shares()
		l.measurements()
		l.summary()
		l.once()
		if t.Failed() {
			return
		}
	}
}

var tags = regexp.MustCompile(`(?s)<style>.*?</style>|<svg.*?</svg>|<[^>]*>`)

// visibleText returns the visible text of a page, a line for each element.
func visibleText(page string) string { return html.UnescapeString(tags.ReplaceAllString(page, "\n")) }

// claims checks what a report claims about a State.
type claims struct {
	t              *testing.T
	seed           uint64
	s              rollout.State
	r              Report
	page, markdown string
}

// says checks that both forms of the report have a text if and only if it is true.
func (c claims) says(is bool, text string) {
	c.t.Helper()
	if strings.Contains(c.page, text) != is {
		c.t.Errorf("seed %d: %q in the page: %v, expected %v\n%s", c.seed, text, !is, is, c.page)
	}
	if marked := markdownText(text); strings.Contains(c.markdown, marked) != is {
		c.t.Errorf("seed %d: %q in the Markdown: %v, expected %v\n%s", c.seed, text, !is, is, c.markdown)
	}
}

// outcome: the first words are those of the phase, the decision has its reason, and a
// release that is on its way or held claims no decision.
func (c claims) outcome() {
	held := c.s.Held != ""
	c.says(c.s.Phase == rollout.Promoted && !held, "The new version is stable and serves everything.")
	c.says(c.s.Phase == rollout.Rejected && !c.s.Mixed && !held, "The old version is stable and serves everything.")
	c.says(held, "The release waits until somebody decides")
	lead := c.r.explain()[0]
	for _, verb := range []string{"promoted", "rejected"} {
		if is := !held && verbs[c.s.Phase] == verb; strings.Contains(lead, " "+verb) != is {
			c.t.Errorf("seed %d: %s, but: %s", c.seed, c.s.Phase, lead)
		}
	}
	if c.s.Reason != nil && !held && !strings.Contains(lead, ended(c.s.Reason.Text)) {
		c.t.Errorf("seed %d: the reason %q is not in: %s", c.seed, c.s.Reason.Text, lead)
	}
	for by, words := range byDecider {
		if words.because != "" && strings.Contains(lead, words.because) && c.r.decidedBy() != by {
			c.t.Errorf("seed %d: decided by %q, but: %s", c.seed, c.r.decidedBy(), lead)
		}
	}
	pinned := len(c.s.Images) > 0
	for _, i := range c.s.Images {
		pinned = pinned && strings.Contains(i.Image, "@sha256:")
	}
	c.says(pinned, "Every image is pinned by a digest")
	c.says(!pinned && len(c.s.Images) > 0, "Not every image is pinned by a digest.")
}

// differences: the sign of a difference is that of the exact fractions, and its interval
// contains it.
func (c claims) differences() {
	for i, m := range c.r.ordered() {
		row := c.r.metrics()[i]
		if m.Canary.Total == 0 || m.Stable.Total == 0 {
			if row.Difference != "unknown" {
				c.t.Errorf("seed %d: %+v has the difference %s", c.seed, m, row.Difference)
			}
			continue
		}
		exact := new(big.Rat).Sub(big.NewRat(m.Canary.Bad, m.Canary.Total), big.NewRat(m.Stable.Bad, m.Stable.Total)).Sign()
		said := map[bool]int{strings.HasPrefix(row.Difference, "+"): 1, strings.HasPrefix(row.Difference, "−"): -1}[true]
		d, _ := DifferenceOf(m)
		if said != exact || d.Low > d.Value || d.High < d.Value || d.Low < -100-1e-9 || d.High > 100+1e-9 {
			c.t.Errorf("seed %d: canary %+v, stable %+v: %s", c.seed, m.Canary, m.Stable, row.Difference)
		}
		if !strings.Contains(c.page, row.Canary) || !strings.HasPrefix(row.Canary, fmt.Sprint(m.Canary.Bad)) {
			c.t.Errorf("seed %d: %s instead of %+v", c.seed, row.Canary, m.Canary)
		}
	}
}

// shares: every share of the canary is there with the way in which it was verified.
func (c claims) shares() {
	byModel, onGateways := false, false
	for _, e := range c.s.History {
		if e.Kind == rollout.EventPhase && e.Phase == rollout.Standing && e.Weight > 0 {
			byModel, onGateways = byModel || e.Proof == rollout.ByModelAlone, onGateways || e.Proof == rollout.SeenOnGateways
		}
	}
	c.says(byModel, "not verified: computed by the model of the gateway")
	c.says(onGateways, "asked every pod of the gateway")
}

// measurements: a report without looks says so, and who decided instead is the decider.
func (c claims) measurements() {
	c.says(c.s.Judged == nil, "This report contains no measurements")
	c.says(c.s.Judged != nil, "The judge's last verdict, at ")
	by := c.r.decidedBy()
	undecided := c.s.Held != "" || verbs[c.s.Phase] == ""
	c.says(c.s.Judged == nil && !undecided && (by == "" || by == rollout.ByRequest), "the people who ran the steps")
	for decider, text := range deciders {
		if decider != "" && decider != rollout.ByRequest {
			c.says(c.s.Judged == nil && !undecided && decider == by, "no measurements: "+text)
		}
	}
}

// summary: what is not folded has at most 20 lines.
func (c claims) summary() {
	summary, _, _ := strings.Cut(c.markdown, "<details>")
	if n := strings.Count(summary, "\n"); n > 20 {
		c.t.Errorf("seed %d: the summary has %d lines:\n%s", c.seed, n, summary)
	}
}

var full = regexp.MustCompile(`[^.:|\n]{25,}[.:|\n]`)

// once: no sentence comes twice. What happened twice may be listed twice.
func (c claims) once() {
	for name, text := range map[string]string{"page": c.page, "Markdown": strings.ReplaceAll(c.markdown, `\`, "")} {
		seen := map[string]bool{}
		for _, sentence := range full.FindAllString(text, -1) {
			sentence = strings.Trim(sentence, " .:|*\n")
			if repeats.MatchString(sentence) {
				continue
			}
			if len(sentence) >= 25 && seen[sentence] {
				c.t.Errorf("seed %d: %q is twice in the %s:\n%s", c.seed, sentence, name, text)
				return
			}
			seen[sentence] = true
		}
	}
}

// repeats matches what may come more than once: events and shares, times, versions, the
// titles of charts.
var repeats = regexp.MustCompile(`^the canary gets \d+ % of the traffic$|asked every pod|not verified|computed by the model|how is not recorded|UTC$|sha256|→ shop|^(3c)+(, unchanged)?$|^ ?bad requests|^ ?evidence of|^ ?events`)
