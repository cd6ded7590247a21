package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

var update = flag.Bool("update", false, "write the files that the tests compare with")

var azure = rollout.Run{System: "Azure Pipelines", ID: "42", URL: "https://dev.azure.com/shop/Web/_build/results?buildId=42", Attempt: "1", Canarize: "1.2.3", Commit: "4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70", Author: "Ada Lovelace"}

// promoted returns a release that was promoted after one interruption, with a judge.
func promoted() Report {
	at := func(minutes float64) time.Time { return noon.Add(time.Duration(minutes * float64(time.Minute))) }
	event := func(minutes float64, kind rollout.EventKind, phase rollout.Phase, weight int, text string) rollout.Event {
		e := rollout.Event{Time: at(minutes), Kind: kind, Phase: phase, Weight: weight, Text: text}
		if kind == rollout.EventAsked {
			e.Run = azure
		}
		if phase == rollout.Standing {
			e.Proof = rollout.SeenOnGateways
		}
		return e
	}
	pods := manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "eu", Name: "shop"}
	state := rollout.State{
		Phase: rollout.Promoted, Started: noon, Run: azure, Plan: strings.Repeat("1a", 32), Tested: strings.Repeat("2b", 32), Step: 3,
		Warnings: []rollout.Warning{{Name: "host-port", Object: pods, Text: "uses hostPort 80", Accepted: true}},
		Number:   17, Most: 25,
		Images: []rollout.Image{{Workload: pods, Container: "web", Image: "registry.example.com/shop:1.5@sha256:" + strings.Repeat("3c", 32)}},
		Before: []rollout.Image{{Workload: pods, Container: "web", Image: "registry.example.com/shop:1.4@sha256:" + strings.Repeat("4d", 32)}},
		Reason: &rollout.Reason{By: rollout.ByJudge, Text: "After 720 seconds and 2925 requests the canary is shown to be no worse than the margin allows."},
		Said: []rollout.Saying{
			{Kind: rollout.SaidHold, Text: "the database is being moved", By: "ada@example.com", At: at(9)},
			{Kind: rollout.SaidResume, Text: "the database is moved", By: "eva@example.com", At: at(11)},
			{Kind: rollout.SaidApprove, Gate: "sign-off", By: "eva@example.com", At: at(14)},
		},
		History: []rollout.Event{
			event(-60, rollout.EventPhase, rollout.Promoted, 0, "promoted: the release before"),
			event(0, rollout.EventAsked, rollout.Deploying, 0, "deploy 1a1a1a1a1a1a"),
			event(1, rollout.EventPhase, rollout.Standing, 0, "the canary is ready and gets no traffic yet"),
			event(2, rollout.EventAsked, rollout.Shifting, 5, "shift from 0 % to 5 %"),
			event(2.2, rollout.EventPhase, rollout.Standing, 5, "the canary gets 5 % of the traffic"),
			event(6, rollout.EventAsked, rollout.Shifting, 25, "shift from 5 % to 25 %"),
			event(6.5, rollout.EventCancelled, rollout.Shifting, 0, "interrupted; traffic goes back to stable"),
			event(8, rollout.EventAsked, rollout.Shifting, 25, "shift from 0 % to 25 %"),
			event(8.5, rollout.EventPhase, rollout.Standing, 25, "the canary gets 25 % of the traffic"),
			event(15, rollout.EventAsked, rollout.Promoting, 25, "promote 1a1a1a1a1a1a"),
			event(16, rollout.EventPhase, rollout.Retiring, 25, "stable is the new version; the canary is being removed"),
			event(16.2, rollout.EventPhase, rollout.Promoted, 0, "promoted: stable is the new version and serves everything"),
		},
	}
	r := Of("eu", "shop", state, at(20), "1.2.3")
	r.Judge = &Judge{Reject: 101, Promote: 20, Rule: &rollout.Rule{
		Source: "emissary", Alpha: .01, Beta: .05, Warmup: 30, Bake: 600, Deadline: 3600, Overtime: analysis.Withdraw,
		Metrics: []rollout.MetricRule{{Name: "errors", Role: analysis.Decider, Margin: .5}, {Name: "slow", Role: analysis.Guard, Margin: 1}},
	}}
	for i := range 40 {
		n := int64(i)
		ratio, low, high := 1.1, 0.4, 2.5
		r.Judge.Observations = append(r.Judge.Observations, rollout.Look{
			Time: at(3 + float64(i)*.3), Weight: 5, Verdict: "continue", Reason: "There is no sign of harm; evidence of health is still being collected.",
			Metrics: []rollout.Metric{{
				Name: "errors", Canary: rollout.Count{Bad: n / 9, Total: 75 * n}, Stable: rollout.Count{Bad: n / 3, Total: 600 * n},
				Ratio: &ratio, Low: &low, High: &high, Harm: 1 / (1 + float64(n)/20), Safe: 1 + float64(n*n)/70,
			}, {
				Name: "slow", Canary: rollout.Count{Bad: n, Total: 75 * n}, Stable: rollout.Count{Bad: 7 * n, Total: 600 * n},
				Ratio: &ratio, Low: &low, High: &high, Harm: 1 / (1 + float64(n)/40), Safe: 1 + float64(n)/7,
			}},
		})
	}
	last := &r.Judge.Observations[39]
	last.Verdict, last.Reason = "promote", "After 720 seconds and 2925 requests the canary is shown to be no worse than the margin allows."
	return r
}

// rejected returns a release that the judge rejected.
func rejected() Report {
	r := promoted()
	const reason = "errors: 24 of 54 requests of the canary were bad, while stable had none (0 of 1646)."
	decided := noon.Add(6*time.Minute + 12*time.Second)
	r.Phase, r.Reason, r.Most, r.Said = rollout.Rejected, &rollout.Reason{By: rollout.ByJudge, Text: reason}, 5, nil
	r.Events = append(r.Events[:5:5],
		rollout.Event{Time: decided, Kind: rollout.EventJudged, Phase: rollout.Standing, Weight: 5, Text: "reject: " + reason},
		rollout.Event{Time: decided, Kind: rollout.EventAsked, Phase: rollout.Rejecting, Text: "reject: " + reason, Run: azure},
		rollout.Event{Time: decided.Add(8 * time.Second), Kind: rollout.EventPhase, Phase: rollout.Rejected, Text: "rejected: stable serves everything"})
	r.Judge.Observations = nil
	for i := range int64(10) {
		r.Judge.Observations = append(r.Judge.Observations, rollout.Look{
			Time: decided.Add(time.Duration(i-9) * 15 * time.Second), Weight: 5, Verdict: "continue", Reason: "More of the canary's requests are bad than stable's.",
			Metrics: []rollout.Metric{
				{Name: "errors", Canary: rollout.Count{Bad: max(0, 3*i-3), Total: 6 * i}, Stable: rollout.Count{Total: 183*i - 1}, Harm: math.Exp2(float64(i)), Safe: 1 / (1 + float64(i))},
				{Name: "slow", Canary: rollout.Count{Bad: i / 3, Total: 6 * i}, Stable: rollout.Count{Bad: 2 * i, Total: 183 * i}, Harm: 1 + float64(i)/5, Safe: 1 + float64(i)/9},
			},
		})
	}
	last := &r.Judge.Observations[9]
	last.Verdict, last.Reason = "reject", reason
	last.Metrics[0].Stable.Total, last.Metrics[1].Stable.Total = 1646, 1646
	return r
}

// held returns a release that is held, without a judge.
func held() Report {
	r := promoted()
	r.Judge, r.Phase, r.Held = nil, rollout.Standing, "Deployment eu/shop-canary: pod shop-canary-1: the image cannot be pulled"
	r.Images[0].Image, r.Reason, r.Said = "registry.example.com/shop:1.5", nil, nil
	r.Said = []rollout.Saying{{Kind: rollout.SaidApprove, Gate: "sign-off", At: noon.Add(time.Minute)}}
	r.Events = append(r.Events[3:6:6],
		rollout.Event{Time: noon.Add(7 * time.Minute), Kind: rollout.EventFailed, Phase: rollout.Shifting, Weight: 25, Text: "scale canary: " + r.Held},
		rollout.Event{Time: noon.Add(7 * time.Minute), Kind: rollout.EventHeld, Phase: rollout.Standing, Weight: 5, Text: "held: " + r.Held})
	five := 5
	r.Verified = &five
	r.Weight, r.Run = 5, rollout.Run{Holder: "canarize on laptop, process 7 (abc)"}
	return r
}

// crashed returns a release whose canary crashed and was removed.
func crashed() Report {
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	why := "Deployment eu/shop-canary: 0 of 1 pods are available; pod shop-canary-5c8-x2, container web: CrashLoopBackOff: the last run ended with exit code 3 (Error) (given up after 3 restarts)"
	pods := manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "eu", Name: "shop"}
	return Of("eu", "shop", rollout.State{
		Phase: rollout.Rejected, Started: noon, Run: azure, Plan: strings.Repeat("1a", 32), Number: 4,
		Images: []rollout.Image{{Workload: pods, Container: "web", Image: "registry.example.com/shop:2"}},
		Reason: &rollout.Reason{By: rollout.ByPods, Text: why},
		Troubles: []rollout.Trouble{
			{
				Pod: "shop-canary-5c8-x2", Container: "web", Reason: "CrashLoopBackOff", Ended: "Error", ExitCode: 3, Restarts: 3,
				Log:    []string{"starting shop 2", "<b>panic</b>: no such table: orders"},
				Events: []string{"BackOff: Back-off restarting failed container web"},
			},
			{
				Pod: "shop-canary-5c8-x2", Container: "proxy", Reason: "NotReady", Message: "it runs, but is not ready",
				Events: []string{"Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503"}, Unread: "the log: it needs the verb get on pods/log",
			},
		},
		History: []rollout.Event{
			{Time: at(0), Kind: rollout.EventAsked, Phase: rollout.Deploying, Text: "deploy 1a1a1a1a1a1a", Run: azure},
			{Time: at(52), Kind: rollout.EventFailed, Phase: rollout.Deploying, Text: "wait for canary: " + why},
			{Time: at(53), Kind: rollout.EventAsked, Phase: rollout.Rejecting, Text: "reject: " + why, Run: azure},
			{Time: at(57), Kind: rollout.EventPhase, Phase: rollout.Rejected, Text: "rejected: stable serves everything"},
		},
	}, at(60), "1.2.3")
}

// TestCauseInEveryFormat: whatever the format, a reader first learns how the container
// ended, then what it wrote, then what the cluster says.
func TestCauseInEveryFormat(t *testing.T) {
	r := crashed()
	page, err := HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	tests, err := JUnit(r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	board := ""
	for _, line := range single(r.Status, nil) {
		board += line.text + "\n"
	}
	for format, text := range map[string]string{
		"HTML": string(page), "JUnit": string(tests), "Markdown": Markdown(r, MarkdownOptions{Escape: same}), "JSON": string(data), "board": board,
	} {
		rest := text
		for _, part := range []string{"shop-canary-5c8-x2", "3", "starting shop 2", "no such table: orders", "Back-off restarting failed container web", "statuscode: 503", "get on pods/log"} {
			_, after, found := strings.Cut(rest, part)
			if !found {
				t.Errorf("%s: %q is missing, or stands too early, in\n%s", format, part, text)
				break
			}
			rest = after
		}
		if format != "JSON" && format != "board" && strings.Contains(text, "<b>panic") {
			t.Errorf("%s: the log is markup: %s", format, text)
		}
	}
}

func same(s string) string { return s }

// TestDocuments compares whole reports with the reviewed files in testdata.
func TestDocuments(t *testing.T) {
	for name, r := range map[string]Report{"promoted": promoted(), "rejected": rejected(), "held": held(), "crashed": crashed()} {
		page, err := HTML(r)
		if err != nil {
			t.Fatal(err)
		}
		tests, err := JUnit(r)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if name == "rejected" {
			compare(t, filepath.Join("..", "..", "examples", "history", "rejected.json"), append(kept, '\n'))
		}
		for extension, have := range map[string][]byte{".html": page, ".xml": tests, ".md": []byte(Markdown(r, MarkdownOptions{Escape: same}))} {
			compare(t, filepath.Join("testdata", name+extension), have)
		}
	}
}

// compare compares a text with a file, or writes the file.
func compare(t *testing.T, file string, have []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(have)); diff != "" {
		t.Errorf("%s (review the difference, then update the file with -update):\n%s", file, diff)
	}
}

// TestSelfContained: the page has no script and loads nothing.
func TestSelfContained(t *testing.T) {
	page, err := HTML(promoted())
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{`(?i)<script`, `(?i)<(img|iframe|link|object|embed|form|base)\b`, `(?i)\bsrc=`, `(?i)@import`, `(?i)url\(`, `(?i)\bon[a-z]+=`} {
		if found := regexp.MustCompile(pattern).Find(page); found != nil {
			t.Errorf("%s is in the page", found)
		}
	}
}

// TestForeignText puts foreign text into every field of a report. Every format escapes
// it.
func TestForeignText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		foreign := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "javascript:alert(1)", "a|b\n\n# c", "[x](javascript:y)", "]]>", "\x1b[31m", "\x00",
		}))
		r := promoted()
		r.Release, r.Namespace, r.Plan = foreign.Draw(t, "release"), foreign.Draw(t, "namespace"), foreign.Draw(t, "plan")
		r.Run = rollout.Run{System: foreign.Draw(t, "system"), URL: foreign.Draw(t, "url"), ID: foreign.Draw(t, "id")}
		r.Images[0].Image, r.Events[3].Text, r.Events[3].Run = foreign.Draw(t, "image"), foreign.Draw(t, "event"), r.Run
		r.Judge.Observations[39].Reason, r.Judge.Observations[39].Metrics[0].Name = foreign.Draw(t, "reason"), foreign.Draw(t, "metric")
		page, err := HTML(r)
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`(?i)<script|<img|href="?javascript:`).Find(page); found != nil {
			t.Errorf("%s is in the page", found)
		}
		tests, err := JUnit(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := wellFormed(tests); err != nil {
			t.Errorf("%v:\n%s", err, tests)
		}
		text := Markdown(r, MarkdownOptions{Escape: same})
		for _, own := range []string{"<details><summary>", "</summary>", "</details>"} {
			text = strings.Replace(text, own, "", 1)
		}
		if found := regexp.MustCompile(`(?i)(^|[^\\])<|[^\\]\]\(javascript:|(?m)^# c`).FindString(text); found != "" {
			t.Errorf("%q is in %s", found, text)
		}
	})
}

func wellFormed(text []byte) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// TestMarkdownIsCut: a short report keeps to the limit and says that something is left
// out.
func TestMarkdownIsCut(t *testing.T) {
	r := promoted()
	whole := Markdown(r, MarkdownOptions{Escape: same})
	for most := 30; most < len(whole)+10; most += 7 {
		text := Markdown(r, MarkdownOptions{Max: most, Escape: same})
		if n := characters(text); n > most {
			t.Fatalf("%d characters, and %d is the most", n, most)
		}
		honest := strings.Contains(text, " left out.\n") || strings.HasSuffix(text, "The rest is left out.\n")
		if honest == (text == whole) {
			t.Fatalf("at most %d: it does not say right whether it is whole: %s", most, text)
		}
	}
	if !strings.Contains(Markdown(r, MarkdownOptions{Max: len(whole) - 60, Escape: same}), "promoted: stable is the new version and serves everything |") {
		t.Error("the last event is not kept")
	}
}

// TestReadAgain: a report stored as JSON can be parsed again.
func TestReadAgain(t *testing.T) {
	for _, r := range []Report{promoted(), rejected(), held()} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text)
		if diff := cmp.Diff(r, again); err != nil || diff != "" {
			t.Errorf("error %v, %s", err, diff)
		}
	}
	for _, text := range []string{"", "[]", "{}", `{"release":"a"}`, `{"release":1}`} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q is taken for a report", text)
		}
	}
}

// FuzzParse: every format works for every report that Parse accepts.
func FuzzParse(f *testing.F) {
	for _, r := range []Report{promoted(), rejected(), held()} {
		text, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"release":"a","namespace":"b","judge":{"observations":[{"metrics":[{"name":"x","harm":-1e308,"canary":{"bad":-5,"total":-9223372036854775808}}]}]},"events":[{"time":"9999-12-31T23:59:59Z","weight":-9223372036854775808}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		if _, err := HTML(r); err != nil {
			t.Error(err)
		}
		if tests, err := JUnit(r); err != nil || wellFormed(tests) != nil {
			t.Errorf("error %v, %s", err, tests)
		}
		if n := characters(Markdown(r, MarkdownOptions{Max: 4000, Escape: same})); n > 4000 {
			t.Errorf("%d characters", n)
		}
	})
}

// TestTestNames: CI systems compare tests by their names, so releases that differ only in
// versions, shares and times have tests of the same names, each once.
func TestTestNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 100)
		names := func() []string {
			s := rollout.State{Phase: rollout.Promoted}
			for _, format := range []string{"deploy %d", "shift from 1 %% to %d %%", "shift from 2 %% to %d %%", "continue %d", "promote, started %d times", "reject: stable %d", "promote %d"} {
				s.History = append(s.History, rollout.Event{Kind: rollout.EventAsked, Time: time.Unix(int64(n.Draw(t, "time")), 0), Phase: rollout.Deploying, Text: fmt.Sprintf(format, n.Draw(t, "number"))})
			}
			text, err := JUnit(Of("eu", "shop", s, time.Unix(200, 0), ""))
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, m := range regexp.MustCompile(`<testcase classname="[^"]*" name="([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
				all = append(all, m[1])
			}
			return all
		}
		want := []string{"deploy", "shift", "continue", "promote", "reject", "the release"}
		if got := names(); !slices.Equal(got, want) {
			t.Fatalf("%q", got)
		}
	})
}
