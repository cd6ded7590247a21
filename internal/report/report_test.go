package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

var events = []rollout.Event{
	{Time: noon, Kind: rollout.EventAsked, Phase: rollout.Shifting, Weight: 10, Text: "shift from 0 % to 10 %"},
	{Time: noon, Kind: rollout.EventProgress, Text: "2 pods for 10 %\nand more"},
	{Time: noon, Kind: rollout.EventProgress, Text: strings.Repeat("long ", 20)},
	{Time: noon, Kind: rollout.EventHeld, Phase: rollout.Standing, Text: "held: ##evil"},
}

func escape(s string) string { return strings.ReplaceAll(s, "##", "#·#") }

func TestPrinter(t *testing.T) {
	local := noon.Local().Format(time.TimeOnly)
	for _, c := range []struct {
		name  string
		style Style
		want  string
	}{
		{"lines", Style{Format: Lines}, "2026-01-02T12:00:00Z shift from 0 % to 10 %\n2026-01-02T12:00:00Z 2 pods for 10 % and more\n2026-01-02T12:00:00Z " + strings.Repeat("long ", 20) + "\n2026-01-02T12:00:00Z held: #·#evil\n"},
		{"terminal", Style{Format: Terminal, Width: 24}, local + " shift from 0 %\n         to 10 %\n  2 pods for 10 % and\n  more\r\x1b[2K\x1b[1A\x1b[2K" + strings.TrimSuffix(strings.Repeat("  long long long long\n", 5), "\n") + "\r\x1b[2K" + strings.Repeat("\x1b[1A\x1b[2K", 4) + local + " held: #·#evil\n"},
		{"color", Style{Format: Terminal, Color: true}, local + " shift from 0 % to 10 %\n  2 pods for 10 % and more\r\x1b[2K  " + strings.Repeat("long ", 20) + "\r\x1b[2K" + local + " \x1b[33mheld: #·#evil\x1b[0m\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			c.style.Escape = escape
			p := NewPrinter(&out, c.style)
			for _, e := range events {
				p.Print(e)
			}
			p.Close()
			if out.String() != c.want {
				t.Errorf("got\n%q, expected\n%q", out.String(), c.want)
			}
		})
	}
}

func TestPrinterJSON(t *testing.T) {
	var out bytes.Buffer
	p := NewPrinter(&out, Style{Format: JSON, Escape: func(s string) string { return s }})
	for _, e := range events {
		p.Print(e)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(events) {
		t.Fatalf("%d lines for %d events", len(lines), len(events))
	}
	for i, line := range lines {
		var got rollout.Event
		if err := json.Unmarshal([]byte(line), &got); err != nil || got != events[i] {
			t.Errorf("%s: %+v, error %v", line, got, err)
		}
	}
}

// TestCloseEndsTheLine closes the printer while it shows progress.
func TestCloseEndsTheLine(t *testing.T) {
	var out bytes.Buffer
	p := NewPrinter(&out, Style{Format: Terminal, Escape: escape})
	p.Print(events[1])
	p.Close()
	p.Close()
	if !strings.HasSuffix(out.String(), "\r\x1b[2K") || strings.Count(out.String(), "\r\x1b[2K") != 1 {
		t.Errorf("%q", out.String())
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestNobodyReads(t *testing.T) {
	calls := 0
	p := NewPrinter(closed{}, Style{Format: Lines, Escape: escape, Broken: func(error) { calls++ }})
	p.Print(events[0])
	p.Print(events[1])
	if calls != 1 {
		t.Errorf("Broken was called %d times", calls)
	}
}

// TestStatusJSON pins the contract with programs.
func TestStatusJSON(t *testing.T) {
	s := rollout.State{Phase: rollout.Standing, Weight: 10, Verified: 10, Proof: rollout.SeenOnGateways, Step: 1, Started: noon, Run: rollout.Run{System: "CI"}, Plan: "a", Tested: "b", History: events[:1]}
	text, err := json.Marshal(StatusOf("eu", "shop", s))
	const want = `{"release":"shop","namespace":"eu","phase":"standing","weight":10,"verified":10,"proof":"gateway","step":1,"number":1,"started":"2026-01-02T12:00:00Z","run":{"system":"CI"},"plan":"a","tested":"b","objects":[],"events":[{"time":"2026-01-02T12:00:00Z","kind":"asked","phase":"shifting","weight":10,"text":"shift from 0 % to 10 %"}]}`
	if err != nil || string(text) != want {
		t.Errorf("error %v, got\n%s, expected\n%s", err, text, want)
	}
	s.Proof = rollout.ByModelAlone // no gateway could be asked
	if text, err = json.Marshal(StatusOf("eu", "shop", s)); err != nil || !strings.Contains(string(text), `"verified":null,"proof":"model",`) {
		t.Errorf("error %v, got %s", err, text)
	}
	text, err = json.Marshal(StatusOf("eu", "shop", rollout.State{Verified: rollout.Unknown}))
	if err != nil || !strings.Contains(string(text), `"verified":null,`) || !strings.Contains(string(text), `"events":[]`) {
		t.Errorf("error %v, got %s", err, text)
	}
}

// TestSentences: every phase has a sentence of its own.
func TestSentences(t *testing.T) {
	sentences := map[string]bool{}
	for _, p := range []rollout.Phase{rollout.None, rollout.Deploying, rollout.Standing, rollout.Shifting, rollout.Promoting, rollout.Retiring, rollout.Rejecting, rollout.Promoted, rollout.Rejected} {
		sentences[Status{Phase: p}.Sentence()] = true
	}
	if len(sentences) != 9 || sentences[""] {
		t.Errorf("%v", sentences)
	}
	for want, s := range map[string]Status{"held: no pods; run canarize reject, or continue with --override-hold once the problem is solved": {Held: "no pods"}, "damaged": {Error: "damaged"}} {
		if got := s.Sentence(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}
