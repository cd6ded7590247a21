package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/canarize/canarize/bench/cell"
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

func (b *measured) table(out *strings.Builder, include func(*simulate.Scenario) bool, format func(simulate.Summary) string) {
	out.WriteString("| |")
	for _, t := range b.tools {
		fmt.Fprintf(out, " %s |", t.Name)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(b.tools)) + "\n")
	for i := range b.scenarios {
		s := &b.scenarios[i]
		if !include(s) {
			continue
		}
		fmt.Fprintf(out, "| %s |", s.Description)
		for _, t := range b.tools {
			fmt.Fprintf(out, " %s |", format(b.results[s.Name][t.Name]))
		}
		out.WriteString("\n")
	}
}

func healthyCell(s simulate.Summary) string {
	text := cell.Share(s.Rejected)
	switch {
	case s.Held.Percent > 50:
		return text + " · held"
	case s.Undecided.Percent > 50:
		return text + " · undecided"
	case s.ToPromote != nil:
		return text + fmt.Sprintf(" · %s min", cell.Minutes(s.ToPromote.Minutes))
	}
	return text
}

func harmfulCell(s simulate.Summary) string {
	when := "–"
	if s.ToReject != nil {
		when = cell.Minutes(s.ToReject.Minutes) + " min"
	}
	text := fmt.Sprintf("%s · %s · %s ± %s", cell.Share(s.Rejected), when, cell.Count(s.Excess.Mean), cell.Count(s.Excess.High-s.Excess.Mean))
	for _, rest := range []struct {
		name  string
		share simulate.Share
	}{{"held", s.Held}, {"undecided", s.Undecided}} {
		if rest.share.Runs > 0 {
			text += fmt.Sprintf(" · %s %% %s", cell.Percent(rest.share.Percent), rest.name)
		}
	}
	return text
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", d.Seconds()*1e6)
}

func (b *measured) reportAlarms(out *strings.Builder) {
	out.WriteString("\n### Requests to an alarm\n\nWith a constant weight of 5 %, no warm-up and no promotion. The bound is ln(1/α) over the information of a request: no test with this chance of a false alarm needs fewer on average, even one that knows both ratios beforehand. One interval may bring at most a third of the evidence that an alarm needs, since bad requests may come in clusters, so an alarm takes at least three.\n\n")
	out.WriteString("| errors | canary requests per interval | to the alarm | bound | ratio |\n|---|---|---|---|---|\n")
	for _, a := range b.alarms {
		fmt.Fprintf(out, "| %s | %v | %s ± %s | %s | %.2f |\n", a.name, a.perInterval, cell.Count(a.requests.Mean), cell.Count(a.requests.High-a.requests.Mean), cell.Count(a.bound), a.requests.Mean/a.bound)
	}
}

func (b *measured) reportUpdates(out *strings.Builder) {
	out.WriteString("\n### One update\n\n| | time | allocations |\n|---|---|---|\n")
	for _, u := range b.updates {
		fmt.Fprintf(out, "| %s | %s | %d |\n", u.name, micros(u.took), u.allocs)
	}
}
