package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/simulate"
)

// report returns the tables in Markdown.
func (b *measured) report() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d runs of every scenario with every tool, seed %d.\n\n", b.runs, b.seed)
	out.WriteString("### Releases that are no worse\n\nRejected in percent, with its 95 % interval · median minutes to promotion, or what most runs were at the deadline of 60 minutes.\n\n")
	b.table(&out, func(s *simulate.Scenario) bool { return !s.Harmful() }, healthyCell)
	out.WriteString("\n### Releases that are worse\n\nRejected in percent, with its 95 % interval · median minutes to the rejection · excess bad requests, mean and half of its 95 % interval. What is not rejected is promoted if nothing is said. Of one bad pod the right outcome is to hold and to name it.\n\n")
	b.table(&out, (*simulate.Scenario).Harmful, harmfulCell)
	b.reportAlarms(&out)
	b.reportUpdates(&out)
	b.reportAims(&out)
	return out.String()
}

func (b *measured) table(out *strings.Builder, include func(*simulate.Scenario) bool, cell func(simulate.Summary) string) {
	out.WriteString("| |")
	for _, t := range b.tools {
		fmt.Fprintf(out, " %s |", t.name)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(b.tools)) + "\n")
	for i := range b.scenarios {
		s := &b.scenarios[i]
		if !include(s) {
			continue
		}
		fmt.Fprintf(out, "| %s |", s.Description)
		for _, t := range b.tools {
			fmt.Fprintf(out, " %s |", cell(b.results[s.Name][t.name]))
		}
		out.WriteString("\n")
	}
}

func healthyCell(s simulate.Summary) string {
	cell := share(s.Rejected)
	switch {
	case s.Held.Percent > 50:
		return cell + " · held"
	case s.Undecided.Percent > 50:
		return cell + " · undecided"
	case s.ToPromote != nil:
		return cell + fmt.Sprintf(" · %s min", minutes(s.ToPromote.Minutes))
	}
	return cell
}

func harmfulCell(s simulate.Summary) string {
	when := "–"
	if s.ToReject != nil {
		when = minutes(s.ToReject.Minutes) + " min"
	}
	cell := fmt.Sprintf("%s · %s · %s ± %s", share(s.Rejected), when, count(s.Excess.Mean), count(s.Excess.High-s.Excess.Mean))
	for _, rest := range []struct {
		name  string
		share simulate.Share
	}{{"held", s.Held}, {"undecided", s.Undecided}} {
		if rest.share.Runs > 0 {
			cell += fmt.Sprintf(" · %s %% %s", percent(rest.share.Percent), rest.name)
		}
	}
	return cell
}

func share(s simulate.Share) string {
	return fmt.Sprintf("%s (%s–%s)", percent(s.Percent), percent(s.Low), percent(s.High))
}

// percent formats with one decimal, unless that is 0.
func percent(p float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", p), ".0")
}

func minutes(m float64) string {
	return strings.TrimSuffix(strings.TrimSuffix(fmt.Sprintf("%.2f", m), "0"), ".0")
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", d.Seconds()*1e6)
}

// count formats with one decimal below ten, and with commas from a thousand.
func count(v float64) string {
	switch {
	case v < 0:
		return "−" + count(-v)
	case v < 9.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	case v < 999.5:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%s,%03d", count(float64(int(v+0.5)/1000)), int(v+0.5)%1000)
}

func (b *measured) reportAlarms(out *strings.Builder) {
	out.WriteString("\n### Requests to an alarm\n\nWith a constant weight of 5 %, no warm-up and no promotion. The bound is ln(1/α) over the information of a request: no test with this chance of a false alarm needs fewer on average, even one that knows both ratios beforehand. One interval may bring at most a third of the evidence that an alarm needs, since bad requests may come in clusters, so an alarm takes at least three.\n\n")
	out.WriteString("| errors | canary requests per interval | to the alarm | bound | ratio |\n|---|---|---|---|---|\n")
	for _, a := range b.alarms {
		fmt.Fprintf(out, "| %s | %v | %s ± %s | %s | %.2f |\n", a.name, a.perInterval, count(a.requests.Mean), count(a.requests.High-a.requests.Mean), count(a.bound), a.requests.Mean/a.bound)
	}
}

func (b *measured) reportUpdates(out *strings.Builder) {
	out.WriteString("\n### One update\n\n| | time | allocations |\n|---|---|---|\n")
	for _, u := range b.updates {
		fmt.Fprintf(out, "| %s | %s | %d |\n", u.name, micros(u.took), u.allocs)
	}
}
