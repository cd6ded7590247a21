package main

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/canarize/canarize/bench/contender"
	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate"
)

// TestReport runs the whole benchmark with few runs on invented data and checks
// what it writes.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	document, picture := filepath.Join(dir, "doc.md"), filepath.Join(dir, "public.svg")
	if err := os.WriteFile(document, []byte("before\n<!-- bench:public:begin -->\n<!-- bench:public:end -->\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"-data", folder(t, invented()), "-runs", "4", "-sweep-runs", "1", "-document", document, "-chart", picture}); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	text := string(all)
	for _, row := range []string{
		"before\n<!-- bench:public:begin -->\n4 runs of every row",
		" seed 20261. DeLag: 2 experiments with 80 healthy requests, 20 of label 1 and 20 of label 2 (1 more were in the folder and left out). Azure, code: 50 requests; ",
		"| both versions are the same | canarize, bake | canarize, fast | Flagger | Argo Rollouts, 95 % | Argo Rollouts, 99 % | Kayenta |\n|---|---|---|---|---|---|---|\n",
		"\n| DeLag, E-Shopper, ", "\n| DeLag, Train-Ticket, ", "\n| Azure, tokens of code, ", "\n| Azure, tokens of conv, ", "\n| all of them | ",
		"\n| 1 % of label 1 | ", "\n| 50 % of label 2 | ", "\n| 100 % of label 2 | 0.0 → 100.0 % | 100 (20.7–100) · 0 · 0.5 min · ",
		"\n| 100 % slowed down | 2 | 0 (0–65.8) | ",
		"\n| | canarize, bake | ", "\n| 5 requests a second | ", "\n| the 11 buckets that Prometheus' libraries choose | ",
		"\n| canarize | **bake, α 1 %, budget 1** | ", "\n| Flagger | **success rate 99 %, threshold 5** | ", "\n| Argo Rollouts | **", "\n| Kayenta | **",
		"<!-- bench:public:end -->\nafter\n",
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
	if svg, err := os.ReadFile(picture); err != nil || !strings.HasPrefix(string(svg), "<svg ") {
		t.Errorf("%v, %.40s", err, svg)
	}
}

func TestWrongRuns(t *testing.T) {
	for _, args := range [][]string{{"-runs", "0"}, {"-sweep-runs", "-1"}} {
		if err := run(t.Context(), args); err == nil || !strings.Contains(err.Error(), "must be at least 1") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestSameOnAnyNumberOfCores checks that the cores do not change a number.
func TestSameOnAnyNumberOfCores(t *testing.T) {
	d := inventedData(t)
	report := func(cores int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		m, err := measure(t.Context(), d, 8, 3)
		if err != nil {
			t.Fatal(err)
		}
		return m.report()
	}
	if one, four := report(1), report(4); one != four {
		t.Errorf("on one core\n%s\non four\n%s", one, four)
	}
}

func inventedData(t *testing.T) *data {
	t.Helper()
	d, err := read(folder(t, invented()))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestBoundary checks that at most a hundredth of the healthy requests is slow,
// and that a latency equal to a bound is not above it.
func TestBoundary(t *testing.T) {
	bounds := []float64{.1, .2, .3}
	for name, c := range map[string]struct {
		fast, middle, slow int // requests in each of the first buckets
		boundary           int
		part               float64
	}{
		"all fast":      {100, 0, 0, 0, 0},
		"one hundredth": {99, 1, 0, 0, .01},
		"one more":      {98, 2, 0, 1, 0},
		"both":          {98, 1, 1, 1, .01},
		"all slow":      {0, 0, 100, 2, 0},
	} {
		var latency [labels][]float64
		for bucket, n := range []int{c.fast, c.middle, c.slow} {
			for range n {
				latency[healthy] = append(latency[healthy], bounds[bucket])
			}
		}
		latency[1] = []float64{.05, 99}
		p := newPool(latency, bounds)
		if p.boundary != c.boundary || p.slow != [labels]float64{c.part, .5, 0} {
			t.Errorf("%s: boundary %d, slow %v", name, p.boundary, p.slow)
		}
	}
	if p := newPool([labels][]float64{{99}}, bounds); p.boundary != 2 || p.slow[healthy] != 1 {
		t.Errorf("all beyond the last bound: %d, %v", p.boundary, p.slow)
	}
}

// TestRequests checks that a stream repeats at the mean rate, that the canary
// gets its share, and that it has its part of slowed-down requests.
func TestRequests(t *testing.T) {
	w := mixed(allWorkloads(inventedData(t), usual))
	r := newRelease(w, harm{label: 2, part: .25}, 1, 1)
	r.interval(-history, 0)
	r.serve(0)
	r.observe(0, 0, true)
	r.weight = 20
	r.serve(3600)
	r.served, r.canary = 0, 0
	o := r.observe(3600, 20, false)
	pair := o.Metrics["slow"]
	if n := r.served; math.Abs(float64(n)-3600*usual.rate) > 100 {
		t.Errorf("%d requests in an hour", n)
	}
	if n := r.canary; math.Abs(float64(n)-72000) > 5*math.Sqrt(72000) {
		t.Errorf("the canary got %d requests at 20 %%", n)
	}
	if pair.Canary.Total != r.canary || pair.Stable.Total != r.served-r.canary {
		t.Errorf("counted %+v, %+v", pair.Canary, pair.Stable)
	}
	// All slowed-down requests of the invented data are slow, and no other.
	if bad := float64(pair.Canary.Bad); math.Abs(bad-18000) > 5*math.Sqrt(18000) || pair.Stable.Bad != 0 {
		t.Errorf("%v requests of the canary and %d of stable were slow", bad, pair.Stable.Bad)
	}
}

// TestSameRequests checks that the judge and the other tools are shown the same.
func TestSameRequests(t *testing.T) {
	w := allWorkloads(inventedData(t), usual)[3]
	show := func(histograms bool) (*release, analysis.Observation) {
		r := newRelease(w, harm{}, 5, 5)
		r.interval(-history, 0)
		r.interval(-history+interval, 10)
		return r, r.observe(interval, 10, histograms)
	}
	_, counts := show(false)
	r, histograms := show(true)
	if len(counts.Latency) != 0 || len(histograms.Metrics) != 0 {
		t.Errorf("%+v, %+v", counts, histograms)
	}
	pair, shown := counts.Metrics["slow"], histograms.Latency[metric]
	for _, c := range []struct {
		arm *analysis.Arm
		h   *analysis.Histogram
	}{{pair.Canary, shown.Canary}, {pair.Stable, shown.Stable}} {
		if c.arm.Total == 0 || c.arm.Total != c.h.Total || c.arm.Bad != c.h.Total-c.h.Below[r.pool.boundary] {
			t.Errorf("%+v, %+v", c.arm, c.h)
		}
	}
}

// always decides the same.
type always struct{ decision analysis.Decision }

func (a always) Observe(o analysis.Observation) analysis.Decision {
	if o.Time <= 0 {
		return analysis.Decision{Verdict: analysis.Continue, Weight: a.decision.Weight}
	}
	return a.decision
}

// TestExcess checks the cost of a verdict after the first interval.
func TestExcess(t *testing.T) {
	w := mixed(allWorkloads(inventedData(t), usual))
	for verdict, after := range map[analysis.Verdict]float64{
		analysis.Promote: usual.rate * simulate.Charge,
		analysis.Reject:  usual.rate * .5 * 2.5,
	} {
		tool := contender.Tool{Decider: func() simulate.Decider {
			return always{analysis.Decision{Verdict: verdict, Weight: 50}}
		}}
		o := carryOut(w, harm{label: 1, part: .1}, tool, 1, 1)
		if want := (float64(o.Canary) + after) * .1; o.Verdict != verdict || o.Minutes != .25 || !o.harmful || math.Abs(o.Excess-want) > 1e-6 {
			t.Errorf("%s: %+v, want an excess of %v", verdict, o, want)
		}
	}
	if o := carryOut(w, harm{label: 1, part: .005}, contender.Tool{Decider: func() simulate.Decider { return always{} }}, 1, 1); o.harmful || o.Minutes != deadline/60 {
		t.Errorf("%+v", o)
	}
}

func TestFrontier(t *testing.T) {
	points := []point{{name: "late", missed: 50}, {name: "worse", rejected: 1, missed: 60}, {name: "costly", rejected: 2, missed: 5, excess: 9}, {name: "best", rejected: 2, missed: 5, excess: 8}}
	have := frontier(points)
	if len(have) != 2 || have[0].name != "late" || have[1].name != "best" {
		t.Errorf("%+v", have)
	}
}
