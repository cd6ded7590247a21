package cli

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/calibrate"
	"github.com/canarize/canarize/internal/columns"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/route/emissary/traffic"
	"github.com/canarize/canarize/internal/simulate"
)

// manyStatuses are releases in all shapes that a table has to bear.
func manyStatuses() []report.Status {
	now := time.Unix(100_000, 0)
	seen := &rollout.Seen{Canary: 1646, All: 32_914}
	state := rollout.State{
		Phase: rollout.Standing, Weight: 5, Started: now.Add(-3 * time.Minute), Held: "測定値がありません: the metric source does not answer, so nothing is raised and nothing is promoted",
		History: []rollout.Event{
			{Time: now.Add(-2 * time.Minute), Weight: 5, Text: "the canary gets 5 % of the traffic"},
			{Time: now.Add(-time.Minute), Weight: 5, Text: "held: 測定値がありません: the metric source does not answer, so nothing is raised and nothing is promoted"},
		},
	}
	held := report.StatusOf("a-namespace-with-quite-a-long-name", "checkout-service-of-the-shop", state)
	held.Seen = seen
	return []report.Status{held, report.StatusOf("web", "shop", rollout.State{Phase: rollout.Promoted, Started: now.Add(-49 * time.Hour)})}
}

// TestTablesFit: at every width no line is wider than the terminal, and every number is
// there in full.
func TestTablesFit(t *testing.T) {
	share := simulate.Share{Percent: 99.9, Low: 92.9, High: 100}
	simulation := simulate.Simulation{Scenario: "決済-errors-0.1-0.3", Harmful: true}
	simulation.Rejected, simulation.Promoted, simulation.ToReject = share, share, &simulate.Median{Minutes: 12.25, Low: 11.5, High: 13.75}
	simulation.Excess.Mean, simulation.Excess.Low, simulation.Excess.High = 12345.6, 11111.1, 13333.3
	result := calibrate.Result{Rejected: share, Promoted: share, Undecided: share, CutShort: 123, ToPromote: &simulate.Median{Minutes: 12.25, Low: 11.5, High: 13.75}}
	routes := traffic.Report{Report: model.Report{Groups: []model.Group{{Host: "shop.example.com", Prefix: "/api/v1/checkout/", Rows: []model.Row{
		{Namespace: "web", Name: "checkout-canary", Share: 5, Cluster: "cluster_checkout_canary_web_otls_web_8080_web", Stats: "checkout_canary_web_8080"},
	}, Hosts: []string{"*"}}}}}
	for name, print := range map[string]struct {
		print   func(width int) string
		numbers string
	}{
		"status": {func(width int) string {
			var text bytes.Buffer
			if err := printStatuses(&text, manyStatuses(), false, time.Unix(100_000, 0), true, width); err != nil {
				t.Fatal(err)
			}
			return text.String()
		}, "5 %|3 min ago|2 d ago"},
		"status NAME": {func(width int) string {
			var text bytes.Buffer
			if err := printStatuses(&text, manyStatuses()[:1], true, time.Unix(100_000, 0), true, width); err != nil {
				t.Fatal(err)
			}
			return text.String()
		}, "5 %|2 min ago|1 min ago"},
		"simulate": {func(width int) string {
			var tab table
			simulationRows(&tab, []simulate.Simulation{simulation})
			return tab.Fit(width)
		}, "99.9 %|(92.9–100.0)|12.25|(11.50–13.75)|12345.6|(11111.1–13333.3)"},
		"calibrate": {func(width int) string {
			c := &calibrate.Calibration{Now: result, Fitted: &result, Metrics: []calibrate.Metric{{Name: "エラー", Margin: 0.5, FittedMargin: 1.25}}}
			_, tables, _ := strings.Cut(calibrationText(c, width), "\n\n")
			return tables
		}, "99.9 %|(92.9–100.0)|12.25|123"},
		"traffic": {func(width int) string {
			var text bytes.Buffer
			if err := printTraffic(&text, requests{Report: routes}, "", width); err != nil {
				t.Fatal(err)
			}
			return text.String()
		}, "5 %|shop.example.com|/api/v1/checkout/|checkout_canary_web_8080"},
	} {
		for _, width := range []int{0, 40, 60, 80, 120, 200} {
			text := print.print(width)
			for line := range strings.SplitSeq(text, "\n") {
				if width > 0 && columns.Width(line) > width {
					t.Errorf("%s at %d columns:\n%s", name, width, text)
					break
				}
			}
			for number := range strings.SplitSeq(print.numbers, "|") {
				if !strings.Contains(text, number) {
					t.Errorf("%s at %d columns has no %q:\n%s", name, width, number, text)
				}
			}
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9]*m")

// TestBoardFits: the view of status --watch has every number at every width.
func TestBoardFits(t *testing.T) {
	s := manyStatuses()[0]
	s.Judged = &rollout.Judged{Promote: 20, Reject: 111, Look: rollout.Look{Weight: 5, Verdict: analysis.Hold, Reason: "The metric source does not answer.", Metrics: []rollout.Metric{{
		Name: "エラー率", Canary: rollout.Count{Bad: 24, Total: 1646}, Stable: rollout.Count{Bad: 11, Total: 32_914}, Safe: 4, Harm: 2,
	}}}}
	for _, width := range []int{40, 60, 80, 120, 200} {
		var text bytes.Buffer
		b := report.NewBoard(&text, report.Style{Format: report.Terminal, Width: width, Escape: oneLine, Color: true}, 0, true)
		if err := b.Show([]report.Status{s}, nil); err != nil {
			t.Fatal(err)
		}
		plain := sgr.ReplaceAllString(text.String(), "")
		for line := range strings.SplitSeq(plain, "\n") {
			if columns.Width(line) >= width {
				t.Errorf("%d columns: %q", width, line)
			}
		}
		for _, want := range []string{"24 of 1646", "(1.46 %)", "11 of 32914", "(0.0334 %)", "測定"} {
			if !strings.Contains(plain, want) {
				t.Errorf("%d columns: there is no %q in\n%s", width, want, plain)
			}
		}
		if !strings.Contains(text.String(), "\x1b[33m") {
			t.Errorf("a held release has no color: %s", strconv.Quote(text.String()))
		}
	}
}
