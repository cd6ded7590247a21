package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/manifest"
)

// ends draws a release that is over, with texts of any length.
func ends(number int) *rapid.Generator[State] {
	text := rapid.SampledFrom([]string{strings.Repeat("\x01", 400), strings.Repeat("é", 400), strings.Repeat(`"`, 700), "a", "", "\xff", "https://ci.example.com/1"})
	return rapid.Custom(func(t *rapid.T) State {
		began := start.Add(time.Duration(number) * time.Hour)
		s := State{
			Schema: Schema, Phase: rapid.SampledFrom([]Phase{Promoted, Rejected}).Draw(t, "phase"), Number: number, Started: began,
			Most: rapid.IntRange(0, 100).Draw(t, "most"), Plan: text.Draw(t, "plan"),
			Reason: &Reason{By: rapid.SampledFrom([]Decider{ByJudge, ByRequest, ByDeadline}).Draw(t, "by"), Text: text.Draw(t, "reason")},
			Run:    Run{System: text.Draw(t, "system"), URL: text.Draw(t, "url"), Holder: text.Draw(t, "holder"), Canarize: "1.2.3"},
			Judged: &Judged{Look: Look{Verdict: analysis.Reject, Metrics: []Metric{{Canary: Count{Bad: 3, Total: 20}, Stable: Count{Bad: 1, Total: 200}}}}},
		}
		for i := range rapid.IntRange(0, 9).Draw(t, "images") {
			image := Image{Workload: manifest.ID{Kind: "Deployment", Name: text.Draw(t, "name")}, Container: fmt.Sprint(i), Image: text.Draw(t, "image")}
			s.Images, s.Before = append(s.Images, image), append(s.Before, image)
		}
		s.History = []Event{{Time: began.Add(time.Minute), Kind: EventPhase, Phase: s.Phase}}
		return s
	})
}

// TestHistoryIsBounded remembers many releases: the newest are kept, in order, each can be
// read as it was written, and there is never more than fits.
func TestHistoryIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stored []byte
		var before State
		texts := ends(1).Draw(t, "texts")
		n := rapid.SampledFrom([]int{1, 2, MaxKept, MaxKept + 1, MaxKept + 9}).Draw(t, "releases")
		for i := 1; i <= n; i++ {
			after := texts
			if i%10 == 0 {
				after = ends(i).Draw(t, "release")
			}
			after.Number, after.Started = i, start.Add(time.Duration(i)*time.Hour)
			stored = Remember(stored, before, after)
			before = after
		}
		h, err := ParseHistory(stored)
		if err != nil {
			t.Fatal(err)
		}
		kept := len(h.Releases)
		if len(stored) > MaxKeptBytes || kept > MaxKept || kept == 0 {
			t.Fatalf("%d releases in %d bytes", kept, len(stored))
		}
		for i, e := range h.Releases {
			if e.Number != n-kept+1+i {
				t.Fatalf("release %d is at %d of %d", e.Number, i, kept)
			}
		}
		if want := PastOf(before, start); !cmp.Equal(h.Releases[kept-1], want) {
			t.Fatal(cmp.Diff(want, h.Releases[kept-1]))
		}
		if text, err := h.Pack(); err != nil || string(text) != string(stored) {
			t.Fatalf("error %v, %s is written again as %s", err, stored, text)
		}
	})
}

// TestHistoryHasRoom keeps as many usual releases as it promises.
func TestHistoryHasRoom(t *testing.T) {
	workload := manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	var stored []byte
	for i := 1; i <= MaxKept+9; i++ {
		stored = Remember(stored, State{}, State{
			Phase: Rejected, Number: i, Started: start, Plan: strings.Repeat("a", 64), Most: 35,
			Reason:  &Reason{By: ByJudge, Text: "errors: the canary is worse than stable: 31 of 1204 requests failed, and 12 of 40312."},
			Images:  []Image{{workload, "web", "registry.example.com/shop/web:1.5.0"}},
			Before:  []Image{{workload, "web", "registry.example.com/shop/web:1.4.9"}},
			Run:     Run{System: "Azure Pipelines", ID: "123456", URL: "https://dev.azure.com/shop/Web/_build/results?buildId=123456", Attempt: "1", Holder: "Azure Pipelines run 123456 on vm, process 2768 (ABCDEF)", Canarize: "v1.2.3"},
			History: []Event{{Time: start, Kind: EventPhase, Phase: Rejected}},
		})
	}
	h, err := ParseHistory(stored)
	if err != nil || len(h.Releases) < MaxKept*4/5 {
		t.Errorf("error %v, %d releases are kept in %d bytes", err, len(h.Releases), len(stored))
	}
}

// TestHistoryOfWalks applies random facts to a release: every release that ends is
// remembered once, numbers only grow, and remembering again changes nothing.
func TestHistoryOfWalks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stored []byte
		var ended []int
		for _, s := range walk(t, Spec{Limit: 100}) {
			before, after := s.before.CurrentNumber(), s.after.CurrentNumber()
			if after < before || after > before+1 {
				t.Fatalf("%T: release %d follows %d", s.fact, after, before)
			}
			if before > 0 && after > before || s.after.Over() {
				number := before
				if s.after.Over() {
					number = after
				}
				if !slices.Contains(ended, number) {
					ended = append(ended, number)
				}
			}
			stored = Remember(stored, s.before, s.after)
			if again := Remember(stored, s.before, s.after); string(again) != string(stored) {
				t.Fatalf("%T: %s is remembered again as %s", s.fact, stored, again)
			}
			if s.after.Most < s.before.Most && after == before {
				t.Fatalf("%T: the largest weight fell from %d to %d %%", s.fact, s.before.Most, s.after.Most)
			}
			if s.after.Verified > s.after.Most {
				t.Fatalf("%T: verified %d %%, largest weight %d %%", s.fact, s.after.Verified, s.after.Most)
			}
		}
		h, err := ParseHistory(stored)
		var have []int
		for _, e := range h.Releases {
			have = append(have, e.Number)
		}
		if err != nil || !slices.Equal(have, ended) {
			t.Fatalf("error %v, history %v, ended %v", err, have, ended)
		}
	})
}

// TestMarksStay marks releases while further releases end.
func TestMarksStay(t *testing.T) {
	first := State{Phase: Promoted, Number: 1, Started: start}
	second := State{Phase: Standing, Number: 2, Started: start.Add(time.Hour)}
	third := State{Phase: Deploying, Number: 3, Started: start.Add(2 * time.Hour)}
	h, _ := ParseHistory(Remember(nil, State{}, first))
	mark := &Mark{Truth: Wrong, Why: "it lost orders", By: "ada", At: start}
	h, changed := h.WithMark(1, mark)
	if !changed {
		t.Fatal("nothing changed")
	}
	if _, again := h.WithMark(1, &Mark{Truth: Wrong, By: "bob", At: start.Add(time.Hour)}); again {
		t.Error("the same mark without a reason changes the first one")
	}
	if _, again := h.WithMark(1, &Mark{Truth: Right, By: "bob", At: start}); !again {
		t.Error("the opposite mark changes nothing")
	}
	if _, unknown := h.WithMark(7, mark); unknown {
		t.Error("a release that is not kept is marked")
	}
	stored, err := h.Pack()
	if err != nil {
		t.Fatal(err)
	}
	stored = Remember(Remember(stored, first, second), second, third)
	h, err = ParseHistory(stored)
	if err != nil || len(h.Releases) != 2 || !reflect.DeepEqual(h.Releases[0].Mark, mark) || h.Releases[1].Ending != Superseded || !h.Releases[1].Ended.Equal(third.Started) {
		t.Errorf("error %v, %s", err, stored)
	}
	if h, changed = h.WithMark(1, nil); !changed || h.Releases[0].Mark != nil {
		t.Error("the mark cannot be removed")
	}
}

// TestEarlierRecords reads what canarize stored before it kept a history.
func TestEarlierRecords(t *testing.T) {
	const old = `{"schema":1,"phase":"rejected","weight":0,"verified":0,"step":2,"plan":"aa","started":"2026-01-02T03:04:05Z","run":{"id":"7"},"total":9,
		"reason":{"by":"judge","text":"worse"},"history":[{"time":"2026-01-02T03:09:05Z","kind":"phase","phase":"rejected","weight":0,"text":"rejected"}]}`
	s, err := ParseState([]byte(old))
	if err != nil {
		t.Fatal(err)
	}
	h, err := HistoryOf(nil, s)
	want := Past{Number: 1, Began: start, Ended: start.Add(5 * time.Minute), Ending: Rejected, By: ByJudge, Reason: "worse", Plan: "aa", Run: Run{ID: "7"}}
	if err != nil || len(h.Releases) != 1 || !cmp.Equal(h.Releases[0], want) {
		t.Errorf("error %v, %s", err, cmp.Diff([]Past{want}, h.Releases))
	}
	next, _ := Next(Spec{Limit: 100}, s, Observation{Time: start.Add(time.Hour), Fact: Request{Verb: Deploy, Fresh: Fresh{Plan: "bb"}}})
	if next.Number != 2 {
		t.Errorf("the next release has number %d", next.Number)
	}
	h, err = ParseHistory(Remember(nil, s, next))
	if err != nil || len(h.Releases) != 1 || !cmp.Equal(h.Releases[0], want) {
		t.Errorf("error %v, %s", err, cmp.Diff([]Past{want}, h.Releases))
	}
}

// TestUnreadableHistory leaves a history alone that it cannot read.
func TestUnreadableHistory(t *testing.T) {
	over := State{Phase: Promoted, Number: 3, Started: start}
	for _, text := range []string{
		`{"schema":2,"releases":[]}`, `{`, `[]`, `{"schema":1,"releases":[{"number":0,"ending":"promoted"}]}`, `{"schema":1,"releases":[{"number":1,"ending":"gone"}]}`,
		`{"schema":1,"releases":[{"number":2,"ending":"promoted"},{"number":2,"ending":"promoted"}]}`, `{"schema":1,"releases":[{"number":1,"ending":"promoted","most":101}]}`,
		`{"schema":1,"releases":[{"number":1,"ending":"promoted","mark":{"truth":"maybe"}}]}`, `{"schema":1,"releases":[{"number":1,"ending":"promoted","cost":{"bad":-1}}]}`,
	} {
		_, err := ParseHistory([]byte(text))
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != RefusedHistory {
			t.Errorf("%s: error %v", text, err)
		}
		if now := Remember([]byte(text), State{}, over); string(now) != text {
			t.Errorf("%s becomes %s", text, now)
		}
	}
}

func FuzzHistory(f *testing.F) {
	f.Add([]byte(`{"schema":1,"releases":[{"number":1,"began":"2026-01-02T03:04:05Z","ended":"2026-01-02T03:09:05Z","ending":"promoted","most":5,"run":{}},` +
		`{"number":2,"ending":"rejected","by":"judge","cost":{"bad":1},"images":[{"after":"a"}],"mark":{"truth":"wrong","at":"2026-01-02T03:04:05Z"},"run":{"id":"7"}}]}`))
	f.Add([]byte(`{"schema":1,"releases":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := ParseHistory(text)
		if err != nil {
			return
		}
		packed, err := h.Pack()
		if err != nil {
			t.Skip() // a year that JSON cannot hold
		}
		if _, err := ParseHistory(packed); err != nil {
			t.Errorf("%s is written as %s: %v", text, packed, err)
		}
	})
}

func TestFind(t *testing.T) {
	h := History{Releases: []Past{{Number: 4}, {Number: 5}}}
	for _, test := range []struct {
		history History
		number  int
		now     State
		want    string
	}{
		{h, 0, State{Phase: Promoted, Number: 5}, "5"},
		{h, 4, State{Phase: Standing, Number: 6}, "4"},
		{h, 3, State{Phase: Standing, Number: 6}, "release 3 is no longer kept: only releases 4 to 5 are"},
		{h, 6, State{Phase: Standing, Number: 6}, "release 6 is not over (the release is standing)"},
		{h, 7, State{Phase: Standing, Number: 6}, "there is no release 7 yet; the present one is 6"},
		{History{}, 0, State{Phase: Standing}, "no release of this name is over yet (the release is standing)"},
		{History{}, 1, State{Phase: Standing, Number: 2}, "release 1 is no longer kept: no earlier release is"},
		{History{Releases: h.Releases[:1]}, 2, State{Phase: Standing, Number: 5}, "release 2 is no longer kept: only release 4 is"},
	} {
		e, err := test.history.Find(test.number, test.now)
		if have := fmt.Sprint(e.Number); err == nil && have != test.want || err != nil && err.Error() != test.want {
			t.Errorf("release %d of %v: %d, %v", test.number, test.history.Releases, e.Number, err)
		}
	}
}

func TestCost(t *testing.T) {
	metric := func(name string, bad, total, stableBad, stableTotal int64) Metric {
		return Metric{Name: name, Canary: Count{bad, total}, Stable: Count{stableBad, stableTotal}, Harm: 1}
	}
	orders := metric("orders", 90, 100, 100, 1000)
	orders.Events = true
	for _, test := range []struct {
		metrics []Metric
		want    *Cost
	}{
		{nil, nil},
		{[]Metric{metric("errors", 0, 0, 0, 100)}, nil},
		{[]Metric{metric("errors", 10, 100, 20, 1000)}, &Cost{100, 10, 8}},
		{[]Metric{metric("errors", 10, 100, 0, 0)}, &Cost{100, 10, 0}},
		{[]Metric{metric("errors", 1, 100, 20, 1000)}, &Cost{100, 1, 0}},
		{[]Metric{metric("errors", 10, 100, 20, 1000), metric("slow", 30, 90, 20, 1000)}, &Cost{100, 30, 28}},
		{[]Metric{orders, metric("errors", 10, 100, 20, 1000)}, &Cost{100, 10, 8}},
	} {
		j := &Judged{Look: Look{Metrics: test.metrics}}
		if have := j.Cost(); !reflect.DeepEqual(have, test.want) {
			t.Errorf("%+v: %+v, expected %+v", test.metrics, have, test.want)
		}
	}
}

// TestEventsOf divides the events of three releases.
func TestEventsOf(t *testing.T) {
	at := func(m int) time.Time { return start.Add(time.Duration(m) * time.Minute) }
	event := func(m int, kind EventKind, phase Phase, text string) Event {
		return Event{Time: at(m), Kind: kind, Phase: phase, Text: text}
	}
	s := State{Number: 3, Phase: Standing, Started: at(9), History: []Event{
		event(0, EventAsked, Deploying, "1"), event(5, EventPhase, Rejected, "1"),
		event(5, EventAsked, Deploying, "2"), event(7, EventPhase, Standing, "2"),
		event(9, EventAsked, Deploying, "3"),
	}}
	for _, test := range []struct {
		drop int
		past Past
		want int
	}{
		{0, Past{Number: 1, Began: at(0), Ended: at(5)}, 2},
		{0, Past{Number: 2, Began: at(5), Ended: at(9)}, 3}, // the instant at which 1 ended belongs to both
		{2, Past{Number: 2, Began: at(5), Ended: at(9)}, 2},
		{4, Past{Number: 2, Began: at(5), Ended: at(9)}, 0},
		{2, Past{Number: 1, Began: at(0), Ended: at(5)}, 0},
	} {
		now := s
		now.History = s.History[test.drop:]
		events := now.EventsOf(test.past)
		if len(events) != test.want {
			t.Errorf("without %d events: %v of release %d", test.drop, events, test.past.Number)
		}
	}
}

// TestStateKeepsTheNumber repeats a deployment: the number stays, and so does what is known
// of the old version.
func TestStateKeepsTheNumber(t *testing.T) {
	deploy := func(s State, plan, before string) State {
		s, _ = Next(Spec{Limit: 100}, s, Observation{Time: start, Fact: Request{Verb: Deploy, Fresh: Fresh{Plan: plan, Before: []Image{{Image: before}}}}})
		return s
	}
	s := deploy(deploy(State{}, "a", "shop:1"), "a", "shop:x")
	if s.Number != 1 || s.Before[0].Image != "shop:1" {
		t.Errorf("number %d, before %v", s.Number, s.Before)
	}
	s = deploy(s, "b", "shop:1")
	if text, err := json.Marshal(s); err != nil || s.Number != 2 || s.Most != 0 {
		t.Errorf("error %v, %s", err, text)
	}
}
