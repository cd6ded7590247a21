//go:build browser

// Package browser drives the live page in a real Chromium.
package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/demo/stage"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/rollout"
)

// drive plays a story of drive.mjs and returns what it read. ready is called when the story
// says so; nil if it does not.
func drive(t *testing.T, into any, ready func(), args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{"drive.mjs"}, args...)...)
	var out, complaints bytes.Buffer
	cmd.Stdout = &out
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(errs); lines.Scan(); {
		if lines.Text() == "ready" && ready != nil {
			ready()
			continue
		}
		fmt.Fprintln(&complaints, lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
}

// play starts a demo with its page.
func play(t *testing.T, scenario string) *stage.Stage {
	t.Helper()
	s, known := demo.FindScenario(scenario)
	if !known {
		t.Fatal(scenario)
	}
	started, err := stage.Start(t.Context(), demo.Options{Scenario: s, Run: rollout.Run{Holder: "test"}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(started.Close)
	return started
}

// grouped formats a number as the page does.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// TestButtons: every button works, and every number is the engine's.
func TestButtons(t *testing.T) {
	s := play(t, "approve")
	var read struct {
		Sentence, Stable, Canary, Hurt, Report, Told string
		Others                                       [][]string
		Log                                          []string
	}
	drive(t, &read, nil, "buttons", s.URL)
	result, err := s.Result()
	if err != nil {
		t.Fatal(err)
	}
	stable, canary := result.Seen.Stable, result.Seen.Canary
	for got, want := range map[string]string{
		read.Stable: fmt.Sprintf("100 %% · %s requests, %s failed", grouped(stable.Requests), grouped(stable.Failed)),
		read.Canary: fmt.Sprintf("0 %% · %s requests, %s failed", grouped(canary.Requests), grouped(canary.Failed)),
		read.Hurt:   grouped(canary.Failed), read.Report: "Rejected: shop:1 → shop:2", read.Told: read.Sentence,
	} {
		if got != want {
			t.Errorf("the page says %q, not %q", got, want)
		}
	}
	if !strings.Contains(read.Sentence, "rejected shop:1 → shop:2 ") {
		t.Error(read.Sentence)
	}
	if len(read.Others) != 3 || read.Others[0][2] != grouped(canary.Failed) || read.Others[1][0] != result.Others[0].Tool || read.Others[1][2] != fmt.Sprintf("%.0f", result.Others[0].Failed) {
		t.Errorf("%v is not %+v", read.Others, result.Others)
	}
	if !slices.ContainsFunc(read.Log, func(line string) bool { return strings.HasSuffix(line, " you: canarize reject shop") }) {
		t.Errorf("%q", read.Log)
	}
}

// TestInterrupt: a visitor cancels the pipeline while the gateway is frozen.
func TestInterrupt(t *testing.T) {
	s := play(t, "good")
	var read struct{ Headline string }
	drive(t, &read, nil, "interrupt", s.URL)
	if read.Headline == "" {
		t.Error("no headline")
	}
}

// TestLooks: three sizes, both schemes, reduced motion.
func TestLooks(t *testing.T) {
	drive(t, &struct{}{}, nil, "looks", play(t, "good").URL)
}

// TestKeyboard: everything works without a mouse.
func TestKeyboard(t *testing.T) {
	drive(t, &struct{}{}, nil, "keyboard", play(t, "good").URL)
}

// TestHostile: foreign text stays text, and a page from elsewhere learns and does nothing.
func TestHostile(t *testing.T) {
	const bad = `<script>alert(1)</script><img src=x onerror=alert(2)>`
	var done atomic.Int64
	s, err := page.Serve(t.Context(), page.Options{
		About: page.About{Release: bad, Story: bad, Rules: bad, Groups: []page.Group{{Title: bad, Deeds: []page.Deed{{ID: "break", Label: bad, Stands: bad}}}}},
		Frame: func() page.Frame {
			return page.Frame{
				Headline: bad, Verdict: bad, Stable: page.Lane{Name: bad}, Metrics: []page.Metric{{Name: bad, Canary: bad, Reads: bad, Difference: &page.Difference{Text: bad}}},
				Harm: page.Bound{Value: 1, Bound: 100, Means: bad}, Others: []page.Other{{Name: bad, State: bad}}, End: &page.End{Sentence: bad, Next: []page.Command{{Line: bad, What: bad}}},
			}
		},
		Past: func() page.Past {
			return page.Past{Points: []page.Point{{Failed: []float64{1}}}, Lines: []page.Line{{Text: bad}}}
		},
		Do: func(context.Context, string) error { done.Add(1); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<title>another page</title>"))
	}))
	defer other.Close()
	var read struct{ Headline, Release, Log string }
	drive(t, &read, nil, "hostile", s.URL, other.URL)
	if read.Headline != bad || !strings.HasSuffix(read.Release, bad) || !strings.HasSuffix(read.Log, bad) {
		t.Errorf("%+v", read)
	}
	if done.Load() > 0 {
		t.Error("another page did something")
	}
}

// TestConnection: a lost connection comes back, and the end is told.
func TestConnection(t *testing.T) {
	s := play(t, "good")
	var read struct{ Line string }
	drive(t, &read, func() { go s.Close() }, "connection", s.URL)
	if !strings.HasPrefix(read.Line, "The demo has ended") {
		t.Error(read.Line)
	}
}
