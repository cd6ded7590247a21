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

	"github.com/canarize/canarize/internal/dashboard"
	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/demo/stage"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/survey"
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

// script is a text that wants to be a program.
const script = `<script>alert(1)</script><img src=x onerror=alert(2)>`

// bad is a release of which every text is script. It counts what is done to it.
type bad struct{ done *atomic.Int64 }

func (bad) About() page.About {
	deeds := []page.Deed{{ID: "break", Label: script, Stands: script}}
	return page.About{
		Host: script, Release: script, Story: script, Rules: script, Rights: script, Dots: script, Groups: []page.Group{{Title: script, Deeds: deeds}},
		Facts:   []page.Fact{{Name: script, Value: script, Link: "javascript:alert(3)"}},
		Earlier: []page.Earlier{{Ending: script, Version: script, By: script, Cost: script, Mark: script, Reason: script, Run: page.Fact{Value: script, Link: "javascript:alert(4)"}}},
	}
}

func (bad) Frame() page.Frame {
	return page.Frame{
		Headline: script, Verdict: script, Stable: page.Lane{Name: script}, Metrics: []page.Metric{{Name: script, Canary: script, Reads: script, Difference: script}},
		Harm: page.Bound{Value: 1, Bound: 100, Means: script}, Others: []page.Other{{Name: script, State: script}}, End: &page.End{Sentence: script, Next: []page.Command{{Line: script, What: script}}},
	}
}

func (bad) Past() page.Past {
	return page.Past{Points: []page.Point{{Failed: []float64{1}}}, Lines: []page.Line{{Text: script}}}
}

func (b bad) Do(context.Context, page.Act) error { b.done.Add(1); return nil }
func (bad) Report() []byte                       { return nil }

// bars is a release with a judgement and a report.
type bars struct {
	judged rollout.Judged
	report []byte
}

func (bars) About() page.About { return page.About{Groups: []page.Group{}} }

func (b bars) Frame() page.Frame {
	f := page.Frame{Headline: "bars", Others: []page.Other{}}
	f.Judge(&b.judged, nil)
	return f
}

func (bars) Past() page.Past                    { return page.Past{Points: []page.Point{}, Lines: []page.Line{}} }
func (bars) Do(context.Context, page.Act) error { return nil }
func (b bars) Report() []byte                   { return b.report }

// TestBars: the page shows the differences as the report does.
func TestBars(t *testing.T) {
	t.Parallel()
	above, below := 1.4, .3
	judged := rollout.Judged{Look: rollout.Look{Metrics: []rollout.Metric{
		{Name: "errors", Canary: rollout.Count{Bad: 40, Total: 400}, Stable: rollout.Count{Bad: 19, Total: 1900}, Ratio: &above, Low: &above, High: &above, Harm: 9},
		{Name: "slow", Canary: rollout.Count{Bad: 1, Total: 400}, Stable: rollout.Count{Bad: 190, Total: 1900}, Ratio: &below, Low: &below, High: &below, Harm: 3},
		{Name: "same", Canary: rollout.Count{Bad: 4, Total: 400}, Stable: rollout.Count{Bad: 19, Total: 1900}, Harm: 2},
		{Name: "unknown", Canary: rollout.Count{}, Stable: rollout.Count{Bad: 19, Total: 1900}, Harm: 1},
	}}}
	written := report.Of("eu", "shop", rollout.State{Phase: rollout.Rejected}, time.Unix(0, 0), "1")
	written.Judge = &report.Judge{Observations: []rollout.Look{judged.Look}}
	text, err := report.HTML(written)
	if err != nil {
		t.Fatal(err)
	}
	s, err := page.Serve(t.Context(), page.Options{Find: func(string) page.Release { return bars{judged, text} }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var read []string
	drive(t, &read, nil, "bars", s.URL)
	if len(read) != 3 || !strings.Contains(read[0], `"bar bad"`) || !strings.Contains(read[1], `"bar good"`) || !strings.Contains(read[2], `"bar "`) {
		t.Errorf("%q", read)
	}
}

// TestHostile: foreign text stays text, and a page from elsewhere learns and does nothing.
func TestHostile(t *testing.T) {
	t.Parallel()
	var done atomic.Int64
	s, err := page.Serve(t.Context(), page.Options{Find: func(string) page.Release { return bad{&done} }})
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
	if read.Headline != script || !strings.HasSuffix(read.Release, script) || !strings.HasSuffix(read.Log, script) {
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

// counting is a release with a button whose number of requests grows with every frame.
type counting struct{ requests *atomic.Int64 }

func (counting) About() page.About {
	return page.About{Host: "the test", Release: "shop/web", Groups: []page.Group{{Title: "all", Deeds: []page.Deed{{ID: "hold", Label: "Hold", Confirm: "Hold?"}}}}}
}

func (c counting) Frame() page.Frame {
	return page.Frame{Headline: "counting", Canary: page.Lane{Requests: int(c.requests.Add(1))}, Others: []page.Other{}, Metrics: []page.Metric{}}
}

func (counting) Past() page.Past                    { return page.Past{Points: []page.Point{}, Lines: []page.Line{}} }
func (counting) Do(context.Context, page.Act) error { return nil }
func (counting) Report() []byte                     { return nil }

// TestLostStream: a stream that is cut, or silent, is noticed and comes back.
func TestLostStream(t *testing.T) {
	t.Parallel()
	for _, story := range []string{"cut", "silent"} {
		s, err := page.Serve(t.Context(), page.Options{Find: func(string) page.Release { return counting{new(atomic.Int64)} }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		drive(t, &struct{}{}, nil, story, s.URL)
	}
}

// TestTabs: tabs that nobody sees leave the browser's connections to the others, and show
// what is new when they are seen again.
func TestTabs(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[page.List]
	rows := []page.Row{{ID: "shop/web", Name: "shop/web"}, {ID: "shop/worker", Name: "shop/worker"}}
	now.Store(&page.List{Rows: rows[:1]})
	s, err := page.Serve(t.Context(), page.Options{List: now.Load, Find: func(string) page.Release { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	drive(t, &struct{}{}, func() { now.Store(&page.List{Rows: rows}) }, "tabs", s.URL)
}

// succeeded is a release that is over, until another one of its name begins.
type succeeded struct {
	counting
	begun *atomic.Bool
}

func (s succeeded) Frame() page.Frame {
	f := s.counting.Frame()
	if !s.begun.Load() {
		f.End = &page.End{Sentence: "It was rejected.", Next: []page.Command{}}
	}
	return f
}

// TestSuccessor: the page follows a name from one release to the next.
func TestSuccessor(t *testing.T) {
	t.Parallel()
	release := succeeded{counting{new(atomic.Int64)}, new(atomic.Bool)}
	list := &page.List{Host: "the test", Rows: []page.Row{{ID: "shop/web", Name: "shop/web"}}}
	s, err := page.Serve(t.Context(), page.Options{List: func() *page.List { return list }, Find: func(id string) page.Release {
		if id == "shop/web" {
			return release
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	drive(t, &struct{}{}, func() { release.begun.Store(true) }, "successor", s.URL)
}

// watch starts a dashboard of a demo's cluster.
func watch(t *testing.T, s *stage.Stage) *dashboard.Dashboard {
	t.Helper()
	h, err := s.Join()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	d, err := dashboard.Start(t.Context(), dashboard.Options{
		Hub: h.Hub, Namespace: demo.Release().Namespace, Host: "the dashboard",
		Status: func(r survey.Recorded) report.Status {
			status := report.StatusOf(r.Namespace, r.Name, r.State)
			status.Worker = r.Worker
			return status
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// TestKeys: the dashboard works without a mouse, and at every width.
func TestKeys(t *testing.T) {
	drive(t, &struct{}{}, nil, "keys", watch(t, play(t, "good")).URL)
}

// TestDashboard: a person finds a release in the list, sees what its record has, holds and
// rejects it with a reason, and finds the way back.
func TestDashboard(t *testing.T) {
	s := play(t, "good")
	var read struct{ Sentence, Canary, Hurt, Report, Row, Earlier, Story string }
	drive(t, &read, nil, "dashboard", watch(t, s).URL)
	<-s.Done()
	result, err := s.Result()
	if err != nil {
		t.Fatal(err)
	}
	cost := result.State.Judged.Cost()
	if want := fmt.Sprintf("0 %% · %s requests, %s bad", grouped(int(cost.Requests)), grouped(int(cost.Bad))); read.Canary != want || read.Hurt != grouped(int(cost.Bad)) {
		t.Errorf("the page says %q and %q, not %q", read.Canary, read.Hurt, want)
	}
	if result.State.Reason.By != rollout.ByPerson || !strings.HasPrefix(read.Sentence, "A person rejected shop:1 → shop:2 ") || !strings.Contains(read.Sentence, "not on a Friday") {
		t.Errorf("%q", read.Sentence)
	}
	if read.Report != "Rejected: shop:1 → shop:2" || !strings.Contains(read.Row, "rejected") || !strings.Contains(read.Earlier, "rejected by person") || !strings.Contains(read.Story, "on hold: not on a Friday") {
		t.Errorf("%+v", read)
	}
}

// TestThousand: a list of 1,000 releases that change all the time keeps its order and its
// focus, and is sifted as one types. It prints the frames per second, which are no verdict.
func TestThousand(t *testing.T) {
	var now atomic.Pointer[page.List]
	list := func(n int) *page.List {
		l := &page.List{Host: "the test", Summary: "1000 releases"}
		for i := range 1000 {
			id := fmt.Sprintf("team-%02d/service-%04d", i%40, i)
			row := page.Row{ID: id, Name: id, Rank: page.Over, State: "promoted", Tone: page.Good, Version: "web:1 → web:2", Sentence: "stable is the new version and serves everything"}
			if i%5 == 0 {
				row.Rank, row.State, row.Tone, row.Weight, row.Sentence = page.OnTheWay, "standing", page.Plain, float64((n+i)%100), "the gateway gives the canary its share"
			}
			if i%100 == 7 {
				row.Rank, row.State, row.Tone, row.Sentence = page.Needy, "held", page.Wait, "held: the database is being moved"
			}
			if i == 500 && n%2 == 0 { // it comes and goes
				row.Rank, row.State = page.Needy, "held"
			}
			l.Rows = append(l.Rows, row)
		}
		return l
	}
	now.Store(list(0))
	s, err := page.Serve(t.Context(), page.Options{List: now.Load, Find: func(string) page.Release { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	changing, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for n := 1; changing.Err() == nil; n++ {
			now.Store(list(n))
			time.Sleep(100 * time.Millisecond)
		}
	}()
	var read struct {
		Frames float64
		Long   int
	}
	drive(t, &read, nil, "thousand", s.URL)
	t.Logf("%.1f frames a second, of which %d took over 50 ms", read.Frames, read.Long)
}
