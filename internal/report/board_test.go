package report

import (
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// boardStatus returns a release at a share, after some events.
func boardStatus(phase rollout.Phase, weight int, verified *int, texts ...string) Status {
	s := Status{Release: "shop", Namespace: "web", Phase: phase, Weight: weight, Verified: verified, Objects: []manifest.ID{{Group: "apps", Kind: "Deployment", Namespace: "web", Name: "shop-canary"}}}
	for i, text := range texts {
		s.Events = append(s.Events, rollout.Event{Time: time.Date(2026, 1, 2, 3, 4, i, 0, time.Local), Weight: 5 * i, Text: text})
	}
	return s
}

func TestBoardRedraws(t *testing.T) {
	var out strings.Builder
	b := NewBoard(&out, Style{Format: Terminal, Width: 100, Escape: func(s string) string { return strings.ReplaceAll(s, "\x1b", "?") }}, 20, true)
	pods := map[manifest.ID]Pods{}
	expect := func(s Status, want ...string) {
		t.Helper()
		if err := b.Show([]Status{s}, pods); err != nil {
			t.Fatal(err)
		}
		if got := screen(out.String()); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("the terminal shows\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	s := boardStatus(rollout.Shifting, 5, nil, "deploy", "on the way\x1b[2J")
	expect(s,
		"web/shop  shifting",
		"  share     ▁▁  5 % asked for, not verified since the last change",
		"  03:04:00    0 %  deploy",
		"  03:04:01    5 %  on the way?[2J")
	five := 5
	s = boardStatus(rollout.Standing, 5, &five, "deploy", "on the way")
	s.Judged = watched(5, 1).Judged
	pods[s.Objects[0]] = Pods{Ready: 1, Wanted: 2}
	expect(s,
		"web/shop  standing",
		"  share     ▁▁  5 % asked for, the gateway gives 5 %",
		"  pods      shop-canary: 1 of 2 ready",
		"  errors    canary 1 of 400 bad (0.25 %)   stable 10 of 4000 bad (0.25 %)",
		"            health ██████░░░░░░ 50 %   harm ░░░░░░░░░░░░ 0 %",
		"  continue  There is no sign of harm.",
		"  03:04:00    0 %  deploy",
		"  03:04:01    5 %  on the way")
	before := out.Len()
	if err := b.Show([]Status{s}, pods); err != nil || out.Len() != before {
		t.Errorf("it is redrawn though nothing has changed: %v", err)
	}
	s = boardStatus(rollout.Rejected, 0, nil, "of another release", "rejected")
	s.Started = s.Events[1].Time
	s.Run = rollout.Run{System: "Azure Pipelines", URL: "https://dev.azure.com/run/1"}
	expect(s,
		"web/shop  rejected",
		"            rejected; stable serves everything",
		"            took 0 s",
		"  by        Azure Pipelines https://dev.azure.com/run/1",
		"  03:04:01    5 %  rejected")
	b.Close()
}

func TestBoardOfAll(t *testing.T) {
	var out strings.Builder
	b := NewBoard(&out, Style{Format: Terminal, Escape: func(s string) string { return s }}, 3, false)
	five := 5
	many := []Status{boardStatus(rollout.Standing, 5, &five), boardStatus(rollout.Promoted, 0, nil), boardStatus(rollout.Rejected, 0, nil)}
	if err := b.Show(many, nil); err != nil {
		t.Fatal(err)
	}
	want := "web/shop  standing     5 %  the canary gets 5 % of the traffic\nweb/shop  promoted     0 %  stable is the new version and serves everything"
	if got := strings.Join(screen(out.String()), "\n"); got != want { // a longer view would scroll
		t.Errorf("%s", got)
	}
	if err := b.Show(nil, nil); err != nil || strings.Join(screen(out.String()), "\n") != "there are no releases" {
		t.Errorf("%v, %q", err, screen(out.String()))
	}
}

func TestBoardTells(t *testing.T) {
	var out strings.Builder
	b := NewBoard(&out, Style{Format: Lines, Escape: func(s string) string { return strings.ReplaceAll(s, "\n", "?") }}, 0, true)
	if err := b.Show(nil, nil); err != nil {
		t.Fatal(err)
	}
	five := 5
	for _, texts := range [][]string{{"deploy"}, {"deploy"}, {"deploy", "shift", "5 %\nmore"}, {"5 %\nmore", "promote"}} {
		if err := b.Show([]Status{boardStatus(rollout.Standing, 5, &five, texts...)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	at := func(second int) string {
		return time.Date(2026, 1, 2, 3, 4, second, 0, time.Local).UTC().Format(time.RFC3339)
	}
	want := "there are no releases yet\n" + at(0) + " web/shop: the canary gets 5 % of the traffic\n" +
		at(1) + " web/shop: 5 %: shift\n" + at(2) + " web/shop: 10 %: 5 % more\n"
	if got, _, _ := strings.Cut(out.String(), at(1)+" web/shop: 5 %: promote"); got != want {
		t.Errorf("%s\nexpected\n%s", out.String(), want)
	}
}
