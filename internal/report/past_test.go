package report

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// pasts draws what is kept about a release.
func pasts(number int) *rapid.Generator[rollout.Past] {
	return rapid.Custom(func(t *rapid.T) rollout.Past {
		p := rollout.Past{
			Number: number, Began: noon, Ended: noon.Add(time.Duration(rapid.IntRange(0, 9000).Draw(t, "seconds")) * time.Second),
			Ending: rapid.SampledFrom([]rollout.Phase{rollout.Promoted, rollout.Rejected, rollout.Superseded}).Draw(t, "ending"),
			By:     rapid.SampledFrom([]rollout.Decider{"", rollout.ByJudge, rollout.ByRequest, rollout.ByDeadline, rollout.ByPods, rollout.ByFailure}).Draw(t, "by"),
			Reason: rapid.SampledFrom([]string{"", "worse."}).Draw(t, "reason"), Most: rapid.IntRange(0, 100).Draw(t, "most"),
		}
		if rapid.Bool().Draw(t, "counted") {
			p.Cost = &rollout.Cost{Requests: rapid.Int64Range(0, 1e9).Draw(t, "requests"), Bad: rapid.Int64Range(0, 1e6).Draw(t, "bad"), Extra: rapid.Int64Range(0, 1e6).Draw(t, "extra")}
		}
		if rapid.Bool().Draw(t, "marked") {
			p.Mark = &rollout.Mark{Truth: rapid.SampledFrom([]rollout.Truth{rollout.Right, rollout.Wrong}).Draw(t, "truth"), By: "ada", At: noon}
		}
		return p
	})
}

// TestPrecisionCountsEachRelease adds up random histories: every release is in one row,
// every mark is right or wrong, and a rate lies in its interval.
func TestPrecisionCountsEachRelease(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Histories
		releases, marked, minutes := 0, 0, 0.0
		for range rapid.IntRange(0, 4).Draw(t, "names") {
			name := History{Namespace: "eu", Release: "shop", Phase: rapid.SampledFrom([]rollout.Phase{rollout.Standing, rollout.Promoted}).Draw(t, "phase")}
			for number := range rapid.IntRange(0, 6).Draw(t, "releases") {
				p := pasts(number+1).Draw(t, "release")
				name.Releases = append(name.Releases, p)
				releases++
				if p.Mark != nil {
					marked++
				}
				if p.Ending == rollout.Rejected && p.Mark != nil && p.Mark.Truth == rollout.Wrong {
					minutes += p.Ended.Sub(p.Began).Minutes()
				}
			}
			h.Histories = append(h.Histories, name)
		}
		p := PrecisionOf(h)
		sum, marks := 0, 0
		for _, d := range p.Decisions {
			if d.By == "all" {
				sum, marks = sum+d.Releases, marks+d.Right+d.Wrong
			}
			if (d.WrongRate == nil) != (d.Right+d.Wrong == 0) {
				t.Fatalf("%+v", d)
			}
			if r := d.WrongRate; r != nil && (r.Low > r.Percent+1e-9 || r.High < r.Percent-1e-9 || r.Low < 0 || r.High > 100 || r.High-r.Low <= 0) {
				t.Fatalf("rate %+v", r)
			}
		}
		if sum != releases || p.Releases != releases || p.Promoted+p.Rejected+p.Undecided != releases || marks != marked || p.Marked != marked || p.Cost.WrongMinutes-minutes > 1e-6 || minutes-p.Cost.WrongMinutes > 1e-6 {
			t.Fatalf("%d releases, %d marked, %.1f minutes: %+v", releases, marked, minutes, p)
		}
		slices.Reverse(h.Histories)
		if again := PrecisionOf(h); !cmp.Equal(again.Decisions, p.Decisions) {
			t.Fatal(cmp.Diff(p.Decisions, again.Decisions))
		}
	})
}

// TestHistoriesRoundTrip writes the example and reads it again.
func TestHistoriesRoundTrip(t *testing.T) {
	text, err := os.ReadFile("../../examples/history/histories.json")
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseHistories(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseHistories(again)
	if err != nil || !cmp.Equal(h, back) {
		t.Errorf("error %v, %s", err, cmp.Diff(h, back))
	}
	for _, bad := range []string{"", "[]", "{}", `{"histories":7}`} {
		if _, err := ParseHistories([]byte(bad)); err == nil {
			t.Errorf("%q is read as histories", bad)
		}
	}
}

// TestReportOfPast reports an earlier release in every format: it says what was decided,
// what is kept and what is not, and nothing about the release after it.
func TestReportOfPast(t *testing.T) {
	workload := manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "eu", Name: "shop"}
	past := rollout.Past{
		Number: 3, Began: noon, Ended: noon.Add(6 * time.Minute), Ending: rollout.Rejected, By: rollout.ByJudge, Reason: "errors: worse than stable.", Verdict: "reject", Most: 10,
		Cost: &rollout.Cost{Requests: 1204, Bad: 31, Extra: 27}, Images: []rollout.ImageChange{{Workload: workload, Container: "web", Before: "shop:1", After: "shop:2"}},
		Run: rollout.Run{System: "CI", ID: "7", Canarize: "v1.2.3"}, Plan: "0a1b2c3d4e5f",
		Mark: &rollout.Mark{Truth: rollout.Wrong, Why: "the database <failed> over", By: "ada", At: noon.Add(time.Hour)},
	}
	now := rollout.State{Number: 4, Phase: rollout.Standing, Weight: 5, Started: noon.Add(2 * time.Hour), Images: []rollout.Image{{Workload: workload, Container: "web", Image: "shop:3"}}}
	next := rollout.Event{Time: now.Started, Kind: rollout.EventAsked, Phase: rollout.Deploying, Text: "deploy next"}
	own := []rollout.Event{
		{Time: noon, Kind: rollout.EventAsked, Phase: rollout.Deploying, Text: "deploy this"},
		{Time: past.Ended, Kind: rollout.EventPhase, Phase: rollout.Rejected, Text: "rejected"},
	}
	for _, test := range []struct {
		events []rollout.Event
		want   string
	}{
		{[]rollout.Event{next}, "only this summary is kept. Its measurements and its events are no longer kept."},
		{append(own[1:2:2], next), "only this summary and its last events are kept."},
		{append(own[:2:2], next), "only this summary and its events are kept. Its measurements are no longer kept."},
	} {
		now.History = test.events
		r := OfPast("eu", "shop", now, past, noon.Add(3*time.Hour), "v2")
		text := Markdown(r, MarkdownOptions{Escape: func(s string) string { return s }})
		for _, want := range []string{
			test.want, "## Release eu/shop: rejected", "The judge rejected shop:1 → shop:2: errors: worse than stable.", "| Digest of the manifests, first digits | 0a1b2c3d4e5f |", "release 3 · by CI run 7", "| Largest share of the canary | 10 % |",
			"1204, of which 31 were bad: 27 more than at stable's rate", "the decision was wrong, said by ada at 2026-01-02 13:00:00 UTC: the database", "shop:1 → shop:2", "v1.2.3",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
		if strings.Contains(text, "deploy next") || strings.Contains(text, "shop:3") || strings.Contains(text, "no measurements: the people") {
			t.Errorf("it tells about another release:\n%s", text)
		}
		page, err := HTML(r)
		if err != nil || !strings.Contains(string(page), "&lt;failed&gt; over") || !strings.Contains(string(page), "Release 3 is not the last one") {
			t.Errorf("error %v:\n%s", err, page)
		}
		cases, err := JUnit(r)
		if err != nil || !strings.Contains(string(cases), "Later, somebody marked the release") || !strings.Contains(string(cases), `failures="1"`) {
			t.Errorf("error %v:\n%s", err, cases)
		}
		stored, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(stored); err != nil || Markdown(again, MarkdownOptions{Escape: func(s string) string { return s }}) != text {
			t.Errorf("error %v: it reads differently after it was stored", err)
		}
	}
}

func TestVersionText(t *testing.T) {
	image := func(before, after string) rollout.ImageChange {
		return rollout.ImageChange{Before: before, After: after}
	}
	digest := "@sha256:" + strings.Repeat("0123456789abcdef", 4)
	for _, test := range []struct {
		past rollout.Past
		want string
	}{
		{rollout.Past{}, "-"},
		{rollout.Past{Plan: "0a1b2c3d4e5f"}, "0a1b2c3d4e5f"},
		{rollout.Past{Images: []rollout.ImageChange{image("", "registry:5000/a/web:2")}}, "web:2"},
		{rollout.Past{Images: []rollout.ImageChange{image("", "registry:5000/a/web")}}, "web"},
		{rollout.Past{Images: []rollout.ImageChange{image("", "a/web:2"+digest)}}, "web:2"},
		{rollout.Past{Images: []rollout.ImageChange{image("", "a/web"+digest)}}, "web@0123456789ab"},
		{rollout.Past{Images: []rollout.ImageChange{image("", "a/web@"), image("x", "y"), image("z", "z")}}, "web@ +1"},
		{rollout.Past{Images: []rollout.ImageChange{image("x", "web:2")}, Others: 3}, "web:2 +3"},
	} {
		if have := VersionText(test.past); have != test.want {
			t.Errorf("%+v: %q, expected %q", test.past, have, test.want)
		}
	}
}

// TestHistoryJSON pins the JSON of a history, which programs read.
func TestHistoryJSON(t *testing.T) {
	workload := manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "eu", Name: "shop"}
	full := rollout.Past{
		Number: 2, Began: noon, Ended: noon.Add(time.Minute), Ending: rollout.Rejected, Mixed: true, By: rollout.ByJudge, Reason: "worse", Verdict: "hold", Cause: "routing", Most: 10,
		Cost: &rollout.Cost{Requests: 9, Bad: 4, Extra: 3}, Plan: "0a1b", Images: []rollout.ImageChange{{Workload: workload, Container: "web", Before: "shop:1", After: "shop:2"}}, Others: 1,
		Run:  rollout.Run{System: "CI", ID: "7", URL: "https://ci", Attempt: "2", Holder: "vm", Canarize: "v1"},
		Mark: &rollout.Mark{Truth: rollout.Wrong, Why: "no", By: "ada", At: noon},
	}
	h := HistoryOf("eu", "shop", rollout.History{Releases: []rollout.Past{full}}, rollout.State{Phase: rollout.Standing, Held: "why"})
	const want = `{"histories":[{"release":"shop","namespace":"eu","phase":"standing","held":true,"dropped":1,"releases":[` +
		`{"number":2,"began":"2026-01-02T12:00:00Z","ended":"2026-01-02T12:01:00Z","ending":"rejected","mixed":true,"by":"judge","reason":"worse","verdict":"hold","cause":"routing","most":10,` +
		`"cost":{"requests":9,"bad":4,"extra":3},"plan":"0a1b","images":[{"workload":{"group":"apps","kind":"Deployment","namespace":"eu","name":"shop"},"container":"web","before":"shop:1","after":"shop:2"}],"others":1,` +
		`"run":{"system":"CI","id":"7","url":"https://ci","attempt":"2","holder":"vm","canarize":"v1"},"mark":{"truth":"wrong","why":"no","by":"ada","at":"2026-01-02T12:00:00Z"}}]}]}`
	have, err := json.Marshal(Histories{Histories: []History{h}})
	if err != nil || string(have) != want {
		t.Errorf("error %v, got\n%s, expected\n%s", err, have, want)
	}
}

// TestDecisionNamesWhoDecided: only a decision of whoever ran the verb is ascribed to the run.
func TestDecisionNamesWhoDecided(t *testing.T) {
	asked := []rollout.Event{
		{Time: noon, Kind: rollout.EventAsked, Phase: rollout.Deploying, Weight: 0},
		{Time: noon.Add(time.Minute), Kind: rollout.EventPhase, Phase: rollout.Standing, Weight: 5},
		{Time: noon.Add(2 * time.Minute), Kind: rollout.EventAsked, Phase: rollout.Rejecting, Run: rollout.Run{Holder: "canarize on vm"}},
	}
	const what = " rejected the new version at 2026-01-02 12:02:00 UTC, 2 min after it began, when the canary's weight was 5 %"
	for by, want := range map[rollout.Decider]string{
		"":                 "Canarize on vm" + what + ".",
		rollout.ByRequest:  "Canarize on vm" + what + ": why.",
		rollout.ByJudge:    "The judge" + what + ": why.",
		rollout.ByDeadline: "Canarize" + what + ", because the deadline passed without a verdict: why.",
		rollout.ByPerson:   "A person" + what + ": why.",
		rollout.ByGate:     "A gate" + what + ": why.",
		rollout.ByPods:     "Canarize" + what + ", because the canary's pods did not become ready: why.",
		rollout.ByFailure:  "Canarize" + what + ", because something outside the release failed before the canary was ready: why.",
	} {
		s := rollout.State{Phase: rollout.Rejected, Started: noon, History: asked}
		if by != "" {
			s.Reason = &rollout.Reason{By: by, Text: "why."}
		}
		r := Of("eu", "shop", s, noon, "v1")
		if have := r.explain()[0]; have != want {
			t.Errorf("%q: %s", by, have)
		}
		if have := r.decision(nil); by != "" && by != rollout.ByRequest && !strings.HasSuffix(have, ": why.") {
			t.Errorf("%q, without events: %s", by, have)
		}
	}
}
