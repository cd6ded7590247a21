package cli

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/calibrate"
	"github.com/canarize/canarize/internal/releasefile"
)

// calibrationText is the summary for people.
func calibrationText(c *calibrate.Calibration, width int) string {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s\n\n", strings.Join(pretended(c), "\n"))
	var t, metrics table
	t.row("VALUES", "REJECTED", "PROMOTED", "UNDECIDED", "CUT SHORT", "MINUTES TO PROMOTION")
	t.calibrated("present", c.Now)
	if c.Fitted != nil {
		t.calibrated("fitted", *c.Fitted)
	}
	text.WriteString(t.Fit(width) + "\n")
	metrics.row("METRIC", "USUAL", "REJECTED", "MINUTES TO HEALTH", "MARGIN", "WARM-UP", "WORSE AFTER A START")
	for _, m := range c.Metrics {
		metrics.metric(m)
	}
	text.WriteString(metrics.Fit(width))
	if len(c.Now.Causes) > 0 {
		fmt.Fprintf(&text, "\nUndecided: %s.\n", oneLine(causes(c.Now)))
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(&text, "\nwarning: %s.\n", oneLine(w))
	}
	return text.String()
}

// pretended says what the numbers are from.
func pretended(c *calibrate.Calibration) []string {
	return []string{
		fmt.Sprintf("%d pretended releases on %d pods of stable (at most %d at once), %s from %s to %s in steps of %s.",
			c.Releases, c.Pods, c.MostPods, shortDuration(c.End.Sub(c.Begin).Seconds()), c.Begin.Format(time.RFC3339), c.End.Format(time.RFC3339), shortDuration(c.StepSeconds)),
		fmt.Sprintf("%.3g requests a second; one after the other, %d releases fit into this time.", c.PerSecond, c.Apart),
	}
}

func (t *table) calibrated(values string, r calibrate.Result) {
	t.row(values, shareText(r.Rejected), shareText(r.Promoted), shareText(r.Undecided), strconv.Itoa(r.CutShort), minutesText(r.ToPromote))
}

// metric prints a row for each ratio that the judge watches.
func (t *table) metric(m calibrate.Metric) {
	margin := changeText(percentText(m.Margin), percentText(m.FittedMargin))
	warmup := changeText(shortDuration(m.Warmup), shortDuration(m.FittedWarmup))
	cold := "unknown"
	switch {
	case m.Cold != nil && *m.Cold == 0:
		cold = fmt.Sprintf("never (starts: %d)", m.Starts)
	case m.Cold != nil:
		cold = fmt.Sprintf("%s (starts: %d)", shortDuration(*m.Cold), m.Starts)
	}
	if len(m.Parts) == 0 {
		t.row(m.Name, "unknown", "", "", margin, warmup, cold)
	}
	for i, p := range m.Parts {
		healthy := "never"
		if p.Passed != nil {
			healthy = fmt.Sprintf("%.2f", *p.Passed)
		}
		cells := []string{p.Name, percentText(p.Usual) + " %", strconv.Itoa(p.Rejected), healthy}
		if i == 0 {
			cells = append(cells, margin, warmup, cold)
		}
		t.row(cells...)
	}
}

func changeText(now, fitted string) string {
	if now == fitted {
		return now
	}
	return now + " → " + fitted
}

func percentText(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }

// shortDuration formats seconds as a release file has them.
func shortDuration(seconds float64) string {
	text := time.Duration(seconds * float64(time.Second)).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// causes lists why releases stayed undecided.
func causes(r calibrate.Result) string {
	var all []string
	for _, cause := range slices.Sorted(maps.Keys(r.Causes)) {
		name := string(cause)
		switch cause {
		case calibrate.NoEvidence:
			name = "without enough evidence"
		case analysis.Routing:
			name = "routing (the pods' shares of the requests vary)"
		}
		all = append(all, fmt.Sprintf("%d %s", r.Causes[cause], name))
	}
	return strings.Join(all, ", ")
}

// calibratedSettings returns the values for spec.analysis with their reasons, and a comment
// about all of them.
func calibratedSettings(c *calibrate.Calibration) (comment []string, settings []releasefile.Setting) {
	comment = append(pretended(c), "Values so far: "+resultText(c.Now))
	if c.Fitted != nil {
		comment = append(comment, "These values: "+resultText(*c.Fitted))
	} else {
		comment = append(comment, "These are the same values; they fit, or nothing better was found.")
	}
	for _, w := range c.Warnings {
		comment = append(comment, "Warning: "+w+".")
	}
	if c.FittedAlpha != c.Alpha {
		settings = append(settings, releasefile.Setting{Path: []string{"alpha"}, Value: strconv.FormatFloat(c.FittedAlpha, 'g', 6, 64),
			Comment: []string{fmt.Sprintf("Was %g; %.1f %% of the releases were rejected falsely.", c.Alpha, c.Now.Rejected.Percent)}})
	}
	for _, m := range c.Metrics {
		settings = append(settings, releasefile.Setting{Path: []string{"margins", m.Name}, Value: strconv.FormatFloat(m.FittedMargin, 'g', 6, 64), Comment: marginReasons(m)})
	}
	for _, m := range c.Metrics {
		settings = append(settings, releasefile.Setting{Path: []string{"warmups", m.Name}, Value: shortDuration(m.FittedWarmup), Comment: []string{warmupReason(m)}})
	}
	return comment, settings
}

func resultText(r calibrate.Result) string {
	text := fmt.Sprintf("%s rejected falsely, %s promoted", shareText(r.Rejected), shareText(r.Promoted))
	if r.ToPromote != nil {
		text += fmt.Sprintf(" after %.1f minutes (median)", r.ToPromote.Minutes)
	}
	if r.Undecided.Runs > 0 {
		text += fmt.Sprintf(", %s undecided: %s", shareText(r.Undecided), causes(r))
	}
	return text + "."
}

// marginReasons says why a margin has its value.
func marginReasons(m calibrate.Metric) (lines []string) {
	for _, p := range m.Parts {
		healthy := "shown healthy in less than half of the releases"
		if p.Passed != nil {
			healthy = fmt.Sprintf("shown healthy after %.1f minutes (median)", *p.Passed)
		}
		lines = append(lines, fmt.Sprintf("%s: usually %s %%, %s, rejected %d.", p.Name, percentText(p.Usual), healthy, p.Rejected))
	}
	smallest := "No margin up to 5 points should fit into the bake."
	if m.Smallest != nil {
		smallest = fmt.Sprintf("By the formula, %g points should fit into the bake.", *m.Smallest)
	}
	if m.FittedMargin != m.Margin {
		return append(lines, fmt.Sprintf("Was %g points, with which promotions come late. %s", m.Margin, smallest))
	}
	return append(lines, "Kept. "+smallest)
}

// warmupReason says why a warm-up has its value.
func warmupReason(m calibrate.Metric) string {
	switch {
	case m.Starts == 0:
		return "Kept: no pod started in this time, 10 minutes before its end or earlier."
	case m.Cold == nil:
		return fmt.Sprintf("Kept: %s, with too few requests to compare.", started(m.Starts))
	case *m.Cold == 0:
		return fmt.Sprintf("Kept: %s, no worse than the others.", started(m.Starts))
	case m.FittedWarmup != m.Warmup:
		return fmt.Sprintf("Was %s: %s, worse than the others for %s.", shortDuration(m.Warmup), started(m.Starts), shortDuration(*m.Cold))
	}
	return fmt.Sprintf("Kept: %s, worse than the others for %s.", started(m.Starts), shortDuration(*m.Cold))
}

// started says how many pods started.
func started(pods int) string {
	if pods == 1 {
		return "a pod started"
	}
	return fmt.Sprintf("%d pods started", pods)
}
