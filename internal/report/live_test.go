package report

import (
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// screen returns what a terminal shows. It knows the few control sequences in use.
func screen(text string) []string {
	lines, at := []string{""}, 0
	for len(text) > 0 {
		switch {
		case strings.HasPrefix(text, "\x1b[1A"):
			at, text = at-1, text[4:]
		case strings.HasPrefix(text, "\x1b[2K"):
			lines[at], text = "", text[4:]
		case text[0] == '\r':
			text = text[1:]
		case text[0] == '\n':
			if at++; at == len(lines) {
				lines = append(lines, "")
			}
			text = text[1:]
		default:
			lines[at], text = lines[at]+text[:1], text[1:]
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func watched(weight int, bad int64) rollout.Event {
	j := rollout.Judged{
		Look: rollout.Look{Weight: weight, Verdict: "continue", Reason: "There is no sign of harm.", Metrics: []rollout.Metric{{
			Name: "errors", Canary: rollout.Count{Bad: bad, Total: 400}, Stable: rollout.Count{Bad: 10, Total: 4000}, Safe: 4.4721, Harm: .5,
		}}},
		Promote: 20, Reject: 111,
	}
	return rollout.Event{Kind: rollout.EventProgress, Phase: rollout.Standing, Judged: &j, Text: "as one line"}
}

// TestLive follows the terminal during a release.
func TestLive(t *testing.T) {
	var out strings.Builder
	p := NewPrinter(&out, Style{Format: Terminal, Width: 72, Escape: func(s string) string { return strings.ReplaceAll(s, "\x1b", "?") }})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	phase := func(phase rollout.Phase, text string) rollout.Event {
		return rollout.Event{Time: at, Kind: rollout.EventPhase, Phase: phase, Text: text}
	}
	expect := func(want ...string) {
		t.Helper()
		if got := screen(out.String()); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("the terminal shows\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	chart := func(share string) []string {
		return []string{share,
			"  errors    canary 1 of 400 bad (0.25 %)",
			"            stable 10 of 4000 bad (0.25 %)",
			"            health ██████░░░░░░ 50 %   harm ░░░░░░░░░░░░ 0 %",
			"  continue  There is no sign of harm."}
	}
	p.Print(rollout.Event{Kind: rollout.EventProgress, Phase: rollout.Deploying, Text: "making\npods"})
	expect("  making pods")
	p.Print(phase(rollout.Standing, "the canary is ready\x1b[2J"))
	expect("03:04:05 the canary is ready?[2J")
	p.Print(watched(1, 1))
	p.Print(watched(5, 1))
	expect(append([]string{"03:04:05 the canary is ready?[2J"}, chart("  share     ▁▁  5 %")...)...)
	p.Print(rollout.Event{Kind: rollout.EventProgress, Phase: rollout.Shifting, Text: "more pods"})
	expect(append(append([]string{"03:04:05 the canary is ready?[2J"}, chart("  share     ▁▁  5 %")...), "  more pods")...)
	raised := phase(rollout.Standing, "the canary gets 50 %")
	raised.Weight = 50
	p.Print(raised)
	expect(append([]string{"03:04:05 the canary is ready?[2J", "03:04:05 the canary gets 50 %"}, chart("  share     ▁▁  50 %")...)...)
	p.Print(watched(50, 1))
	expect(append([]string{"03:04:05 the canary is ready?[2J", "03:04:05 the canary gets 50 %"}, chart("  share     ▁▁▄  50 %")...)...)
	p.Print(phase(rollout.Promoted, "promoted"))
	p.Close()
	expect("03:04:05 the canary is ready?[2J", "03:04:05 the canary gets 50 %", "03:04:05 promoted")
}
