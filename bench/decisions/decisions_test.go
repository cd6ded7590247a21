package main

import (
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate"
)

// TestReport runs the whole benchmark with few runs and checks its output.
func TestReport(t *testing.T) {
	b, err := measure(t.Context(), 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	b.updates = []update{{name: "one metric", took: 2105 * time.Nanosecond}, {name: "slow", took: 5 * time.Microsecond}}
	b.alarms = []alarm{{name: "0.1 → 1 %", perInterval: 5, requests: simulate.Mean{Mean: 600, High: 650}, bound: 400, aim: 1.5}}
	text := b.report()
	for _, s := range b.scenarios {
		if rows := strings.Count(text, "\n| "+s.Description+" | "); rows != 1 {
			t.Errorf("%s: %d rows", s.Name, rows)
		}
	}
	for _, row := range []string{
		"\n| | canarize, bake | canarize, fast | Flagger | Argo Rollouts, 95 % | Argo Rollouts, 99 % | Kayenta |\n",
		"\n| no request at all | 0 (0–56.1) · held | 0 (0–56.1) · held | 100 (43.9–100) | 100 ",
		"\n| canarize, bake: decisions without traffic | never | 0 | met |\n",
		"\n| 0.1 → 1 % | 5 | 600 ± 50 | 400 | 1.50 |\n",
		"\n| one update, one metric | < 5 µs, no allocation | 2.1 µs, 0 | met |\n",
		"\n| one update, slow | < 5 µs, no allocation | 5.0 µs, 0 | missed |\n",
	} {
		if !strings.Contains(text, row) {
			t.Errorf("missing %q in\n%s", row, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "NaN") || strings.Contains(line, "Inf") {
			t.Errorf("%s", line)
		}
	}
}

func TestHarmfulCell(t *testing.T) {
	s := simulate.Summarize([]simulate.Outcome{
		{Verdict: analysis.Reject, Minutes: 2, Excess: 1000},
		{Verdict: analysis.Hold, Minutes: 60, Excess: 1400},
	})
	if cell, want := harmfulCell(s), "50 (9.5–90.5) · 2 min · 1,200 ± 392 · 50 % held"; cell != want {
		t.Errorf("%q instead of %q", cell, want)
	}
}

func TestCheapest(t *testing.T) {
	points := []sweptPoint{{name: "careless", rejected: 5, excess: 1}, {name: "best", rejected: 1, excess: 10}, {name: "slow", rejected: 0, excess: 20}}
	if best, found := cheapest(points, 1); !found || best.name != "best" || len(points) != 3 {
		t.Errorf("%+v, %v", best, found)
	}
	if _, found := cheapest(points[:1], 1); found {
		t.Error("found a point that rejects too much")
	}
}

func TestAtMargin(t *testing.T) {
	for name, want := range map[string]bool{"healthy-1": false, "errors-0.1-0.3": false, "errors-1-2": true, "errors-0.1-1": true, "leak": true, "late-leak": false, "bad-pod": false} {
		s, err := simulate.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if atMargin(&s) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
