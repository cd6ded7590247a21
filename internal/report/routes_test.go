package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// withRoutes returns the judgement of a release with forty routes, of which the 17th is worse,
// and several boundaries of a latency.
func withRoutes() *rollout.Judged {
	j := &rollout.Judged{Look: rollout.Look{Time: time.Unix(60, 0), Verdict: "continue", Reason: "More of the canary's requests are bad."}, Reject: 111, Promote: 20}
	add := func(name string, harm float64) {
		j.Metrics = append(j.Metrics, rollout.Metric{Name: name, Canary: rollout.Count{Total: 10}, Stable: rollout.Count{Total: 100}, Harm: harm, Safe: 1})
	}
	add("errors", .01)
	for i := range 40 {
		add(fmt.Sprintf("errors{route=/%02d}", i), map[bool]float64{true: 50, false: .9}[i == 17])
	}
	for _, bound := range []string{"0.1", "0.2", "0.5", "1", "2"} {
		add("latency>"+bound+"s", .5)
	}
	return j
}

// TestLiveRoutes checks that a board shows the sum of forty routes and the worst of them first.
func TestLiveRoutes(t *testing.T) {
	lines := evidence(withRoutes(), 10)
	if len(lines) != 2*maxMetrics+2 || !strings.HasPrefix(lines[0], "errors ") || !strings.HasPrefix(lines[2], "errors{route=/17} ") || !strings.HasSuffix(lines[len(lines)-2], "and 42 more metrics") {
		t.Error(strings.Join(lines, "\n"))
	}
}

// TestReportRoutes checks that a report has the sum and the worst routes, with a chart of the
// worst only.
func TestReportRoutes(t *testing.T) {
	r := Report{Status: Status{Started: time.Unix(0, 0), Events: []rollout.Event{{Time: time.Unix(0, 0)}}}, Judge: &Judge{Observations: []rollout.Look{withRoutes().Look}}}
	rows := r.metrics()
	if len(rows) != 1+partsInTable+5+1 || rows[len(rows)-1].Name != "35 more with less evidence of harm" {
		t.Errorf("%+v", rows)
	}
	deciding, others := r.charts()
	if deciding == nil || !strings.Contains(deciding.Title, "/17}") {
		t.Errorf("the chart that decides: %+v", deciding)
	}
	for _, f := range others {
		if strings.Contains(f.Title, "{route=") && !strings.Contains(f.Title, "/17}") {
			t.Errorf("a chart of another route: %s", f.Title)
		}
	}
}

// TestNamesStandApart: two spaces separate the longest name from its counts, because a narrow
// terminal folds there.
func TestNamesStandApart(t *testing.T) {
	j := &rollout.Judged{Look: rollout.Look{Metrics: []rollout.Metric{{Name: "latency>0.005s"}, {Name: "errors"}}}}
	if line := evidence(j, nameWidth(j))[0]; !strings.HasPrefix(line, "latency>0.005s  canary ") {
		t.Errorf("%q", line)
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", .3594: "0.359", 111.11: "111", 999.6: "1,000", 1041: "1,040", 123456: "123,000", 999_999: "over a million", 2e9: "over a million"} {
		if got := Short(v); got != want {
			t.Errorf("%g: %q, not %q", v, got, want)
		}
	}
}
