package page

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
)

func judged(metrics ...rollout.Metric) *rollout.Judged {
	return &rollout.Judged{Look: rollout.Look{Verdict: analysis.Continue, Reason: "So far so good.", Metrics: metrics}, Reject: 1000. / 9, Promote: 20}
}

// TestEvidence: the harm is that of the worst metric, the health that of the metric that
// lags behind, among those that have to prove it.
func TestEvidence(t *testing.T) {
	rule := &rollout.Rule{Metrics: []rollout.MetricRule{{Name: "errors"}, {Name: "guard", Role: analysis.Guard}}}
	errors, slow := rollout.Metric{Name: "errors", Harm: 3, Safe: 12}, rollout.Metric{Name: "slow", Harm: 2, Safe: 7}
	guard, events := rollout.Metric{Name: "guard", Harm: 40, Safe: 1.5}, rollout.Metric{Name: "client-errors", Harm: 1, Safe: 1, Events: true}
	for _, c := range []struct {
		what         string
		j            *rollout.Judged
		rule         *rollout.Rule
		harm, health float64
	}{
		{"nothing measured", judged(), rule, 1, 1},
		{"the one that lags behind", judged(errors, slow), rule, 3, 7},
		{"a guard proves nothing", judged(errors, guard), rule, 40, 12},
		{"events prove nothing", judged(errors, events), nil, 3, 12},
		{"evidence below 1 is none", judged(rollout.Metric{Name: "errors", Harm: .1, Safe: .2}), nil, 1, 1},
		{"only guards", judged(guard), rule, 40, 1},
	} {
		if harm, health := Evidence(c.j.Metrics, c.rule); harm != c.harm || health != c.health {
			t.Errorf("%s: %g and %g, not %g and %g", c.what, harm, health, c.harm, c.health)
		}
	}
}

// TestGuarantee: the words never promise more than the bound does.
func TestGuarantee(t *testing.T) {
	for bound, want := range map[float64]int{0: 0, .5: 0, 1: 1, 1000. / 9: 100, 20: 20, 99.9: 90, 100: 100, 1000: 1000, 5.5: 5, math.Inf(1): 0, math.NaN(): 0} {
		if got := oneOf(bound); got != want || float64(got) > max(bound, 0) && !math.IsNaN(bound) {
			t.Errorf("%g: 1 of %d, not of %d", bound, got, want)
		}
	}
	var f Frame
	f.Judge(judged(rollout.Metric{Name: "errors", Harm: 120, Safe: 4.5}), nil)
	for got, want := range map[string]string{
		f.Harm.Means: "rejected here: at most 1 of 100 healthy releases would ever get here", f.Harm.Now: "120: the bound of 111 is reached", harm(18290, 111).Now: "18,300: the bound of 111 is reached",
		f.Health.Means: "healthy here: at most 1 of 20 harmful releases would ever get here", f.Health.Now: "4.5 of 20, 50 % of the way",
		f.Verdict: "continue: So far so good.",
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestReads: a difference is called one if the judge's interval leaves out 1. That of the
// counts alone is not enough.
func TestReads(t *testing.T) {
	at := func(v float64) *float64 { return &v }
	count := func(bad, total int64) rollout.Count { return rollout.Count{Bad: bad, Total: total} }
	for _, c := range []struct {
		canary, stable rollout.Count
		low, high      *float64
		events         bool
		want           string
		tone           Tone
	}{
		{count(40, 200), count(4, 2000), at(1.5), nil, false, "worse on the new version", Bad},
		{count(0, 2000), count(200, 2000), at(0), at(.5), false, "better on the new version", Good},
		{count(1, 20), count(1, 20), at(.1), at(9), false, "no clear difference", Plain},
		{count(40, 200), count(4, 2000), at(1.5), nil, true, "more often on the new version", Wait},
		{count(40, 200), count(4, 2000), at(.9), nil, false, "probably worse; the judge needs more evidence", Plain},
		{count(40, 200), count(4, 2000), nil, nil, false, "probably worse; the judge needs more evidence", Plain},
		{count(0, 2000), count(200, 2000), at(0), at(1.5), false, "probably better; the judge needs more evidence", Plain},
		{count(0, 0), count(4, 2000), nil, nil, false, "unknown without requests to both versions", Plain},
		{count(9, 3), count(4, 2000), nil, nil, false, "unknown without requests to both versions", Plain},
	} {
		judged := rollout.Metric{Name: "m", Canary: c.canary, Stable: c.stable, Low: c.low, High: c.high, Events: c.events}
		m := metric(judged, report.Describe([]rollout.Metric{judged})[0])
		if m.Reads != c.want || m.Tone != c.tone {
			t.Errorf("%v %v: %q %q", c.canary, c.stable, m.Reads, m.Tone)
		}
		if (m.Difference == "") != strings.HasPrefix(c.want, "unknown") {
			t.Errorf("%v %v: %q", c.canary, c.stable, m.Difference)
		}
	}
}

// TestLineOf: the log is the one of a pipeline, and shows what needs a person.
func TestLineOf(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		event rollout.Event
		shown bool
		tone  Tone
	}{
		{rollout.Event{Kind: rollout.EventJudged}, false, Plain},
		{rollout.Event{Kind: rollout.EventProgress}, true, Plain},
		{rollout.Event{Kind: rollout.EventHeld}, true, Wait},
		{rollout.Event{Kind: rollout.EventFailed}, true, Bad},
		{rollout.Event{Kind: rollout.EventPhase, Phase: rollout.Promoted}, true, Good},
		{rollout.Event{Kind: rollout.EventPhase, Phase: rollout.Rejected}, true, Bad},
		{rollout.Event{Kind: rollout.EventPhase, Phase: rollout.Standing}, true, Plain},
	} {
		c.event.Time, c.event.Text = now, "text"
		line, shown := LineOf(c.event)
		if shown != c.shown || shown && (line.Tone != c.tone || line.Text != "text" || !line.Time.Equal(now)) {
			t.Errorf("%s %s: %+v %t", c.event.Kind, c.event.Phase, line, shown)
		}
	}
}
