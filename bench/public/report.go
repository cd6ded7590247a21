package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/canarize/canarize/bench/cell"
	"github.com/canarize/canarize/internal/simulate"
)

// report returns the tables in Markdown.
func (m *measured) report() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s runs of every row with every tool, a quarter of them in the tables of worse releases and of other settings, seed %d. %s\n\n", cell.Count(float64(m.runs)), m.seed, m.describe())
	out.WriteString("### Healthy halves\n\nRejected in percent, with its 95 % interval · median minutes to promotion, or what most runs were at the deadline of 60 minutes.\n\n")
	m.head(&out, "both versions are the same |")
	for i := range m.healthy {
		m.row(&out, m.healthy[i].description()+" |", &m.healthy[i], healthyCell)
	}
	all := m.together()
	m.row(&out, "all of them |", &all, healthyCell)
	out.WriteString("\n### Slowed-down requests\n\nRejected in percent, with its 95 % interval · promoted in percent · median minutes to the rejection · excess slow requests, mean and half of its 95 % interval. The rest is undecided or held at the deadline. The second column has the mean part of slow requests of stable and canary.\n\n")
	m.head(&out, "the canary's requests | slow |")
	for i := range m.harmful {
		r := &m.harmful[i]
		m.row(&out, fmt.Sprintf("%v %% of label %d | %s |", 100*r.harm.part, r.harm.label, r.slow()), r, harmfulCell)
	}
	m.reportMissed(&out)
	m.reportVariants(&out)
	return out.String()
}

// reportMissed writes what was promoted although it is worse by the margin.
func (m *measured) reportMissed(out *strings.Builder) {
	out.WriteString("\n### Worse by the margin\n\nOf the releases above, those whose canary has at least one percentage point more slow requests than stable, and twice as many: promoted in percent, with its 95 % interval.\n\n")
	m.head(out, "the canary's requests | releases |")
	all := row{outcomes: map[string][]outcome{}}
	for _, part := range parts {
		some := row{outcomes: map[string][]outcome{}}
		for _, r := range m.harmful {
			if 100*r.harm.part == part {
				some.add(r.outcomes)
			}
		}
		for tool, outcomes := range some.outcomes {
			some.outcomes[tool] = slices.DeleteFunc(outcomes, func(o outcome) bool { return !o.harmful })
		}
		all.add(some.outcomes)
		if n := len(some.outcomes[m.tools[0].Name]); n > 0 {
			m.row(out, fmt.Sprintf("%v %% slowed down | %s |", part, cell.Count(float64(n))), &some, promotedCell)
		}
	}
	m.row(out, fmt.Sprintf("all of them | %s |", cell.Count(float64(len(all.outcomes[m.tools[0].Name])))), &all, promotedCell)
}

// add adds outcomes by tool.
func (r *row) add(outcomes map[string][]outcome) {
	for tool, more := range outcomes {
		r.outcomes[tool] = append(r.outcomes[tool], more...)
	}
}

// describe returns a sentence with the sizes of the data.
func (m *measured) describe() string {
	var requests [labels]int
	for _, e := range m.data.experiments {
		for label, all := range e.latency {
			requests[label] += len(all)
		}
	}
	text := fmt.Sprintf("DeLag: %d experiments with %s healthy requests, %s of label 1 and %s of label 2", len(m.data.experiments), cell.Count(float64(requests[0])), cell.Count(float64(requests[1])), cell.Count(float64(requests[2])))
	if m.data.heldOut > 0 {
		text += fmt.Sprintf(" (%d more were in the folder and left out)", m.data.heldOut)
	}
	text += "."
	for i, t := range m.data.traces {
		text += fmt.Sprintf(" Azure, %s: %s requests; scaled, they repeat every %.0f s, and the variance of their number in 15 s is %.0f times its mean.", t.name, cell.Count(float64(len(t.arrivals))), m.streamOf(i).period, m.streamOf(i).burstiness())
	}
	return text
}

// streamOf returns the stream of a trace.
func (m *measured) streamOf(i int) *stream {
	return &m.workloads[len(m.workloads)-len(m.data.traces)+i].streams[0]
}

// burstiness returns the variance of the number of requests in an interval
// divided by its mean, over the whole intervals of a period.
func (s *stream) burstiness() float64 {
	counts := make([]float64, max(int(s.period/interval), 1))
	for _, at := range s.at {
		if i := int(at / interval); i < len(counts) {
			counts[i]++
		}
	}
	mean, variance := 0., 0.
	for _, n := range counts {
		mean += n / float64(len(counts))
	}
	for _, n := range counts {
		variance += (n - mean) * (n - mean) / float64(max(len(counts)-1, 1))
	}
	return variance / math.Max(mean, 1)
}

// description names a workload with what one needs to know of its latencies.
func (r *row) description() string {
	slow := 0.
	for i := range r.work.pools {
		slow += 100 * r.work.pools[i].slow[healthy] / float64(len(r.work.pools))
	}
	return fmt.Sprintf("%s, %.2f %% slow", r.work.title(), slow)
}

// title names a workload for a reader.
func (w *workload) title() string {
	switch {
	case strings.HasPrefix(w.name, "azure-"):
		return "Azure, tokens of " + strings.TrimPrefix(w.name, "azure-")
	case w.name == "eshopper":
		return "DeLag, E-Shopper"
	case w.name == "trainticket":
		return "DeLag, Train-Ticket"
	}
	return "DeLag, " + w.name
}

// slow returns the mean parts of slow requests of both versions.
func (r *row) slow() string {
	stable, canary, n := 0., 0., float64(len(r.work.pools))
	for i := range r.work.pools {
		p := &r.work.pools[i]
		stable += 100 * p.slow[healthy] / n
		canary += 100 * (p.slow[healthy] + r.harm.part*(p.slow[r.harm.label]-p.slow[healthy])) / n
	}
	return fmt.Sprintf("%.1f → %.1f %%", stable, canary)
}

// together joins the rows of healthy releases.
func (m *measured) together() row {
	all := row{outcomes: map[string][]outcome{}}
	for _, r := range m.healthy {
		all.add(r.outcomes)
	}
	return all
}

// head writes the head of a table, of which the first columns end with a bar.
func (m *measured) head(out *strings.Builder, first string) {
	out.WriteString("| " + first)
	for _, t := range m.tools {
		fmt.Fprintf(out, " %s |", t.Name)
	}
	out.WriteString("\n|" + strings.Repeat("---|", strings.Count(first, "|")+len(m.tools)) + "\n")
}

// row writes a row of a table.
func (m *measured) row(out *strings.Builder, first string, r *row, format func(simulate.Summary) string) {
	out.WriteString("| " + first)
	for _, t := range m.tools {
		fmt.Fprintf(out, " %s |", format(summarize(r.outcomes[t.Name])))
	}
	out.WriteString("\n")
}

func healthyCell(s simulate.Summary) string {
	text := fmt.Sprintf("%.2f (%.2f–%.2f)", s.Rejected.Percent, s.Rejected.Low, s.Rejected.High) // close to 0
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

func promotedCell(s simulate.Summary) string { return cell.Share(s.Promoted) }

func harmfulCell(s simulate.Summary) string {
	when := "–"
	if s.ToReject != nil {
		when = cell.Minutes(s.ToReject.Minutes) + " min"
	}
	return fmt.Sprintf("%s · %s · %s · %s ± %s", cell.Share(s.Rejected), cell.Percent(s.Promoted.Percent), when, cell.Count(s.Excess.Mean), cell.Count(s.Excess.High-s.Excess.Mean))
}
