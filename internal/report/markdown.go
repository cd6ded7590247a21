package report

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/canarize/canarize/internal/rollout"
)

// MarkdownOptions configures Markdown and PreviewMarkdown.
type MarkdownOptions struct {
	// Max limits the length in UTF-16 code units, as .NET and JavaScript count
	// characters; 0 means no limit. The oldest events are left out first, and the text
	// says so.
	Max    int
	Escape func(string) string // makes foreign text harmless
}

// Markdown formats a report for a pull request, the page of a CI run or an approval: a
// summary of at most 20 lines, and the rest folded.
func Markdown(r Report, o MarkdownOptions) string {
	rows := r.rows()
	return fitting(o.Max, len(rows)+1, func(left int) string { return r.markdown(o, rows, left) })
}

// fitting returns the first text of write that fits. It calls write with the number of
// parts to leave out: 0, then 1, up to parts. If no text fits, it cuts the shortest. most
// counts UTF-16 code units; 0 means no limit.
func fitting(most, parts int, write func(left int) string) string {
	text := ""
	for left := 0; left <= parts; left++ {
		if text = write(left); most == 0 || characters(text) <= most {
			return text
		}
	}
	const note = "…\n\nThe rest is left out.\n"
	room := most - characters(note)
	for i, r := range text {
		if room -= utf16.RuneLen(r); room < 0 {
			return text[:i] + note
		}
	}
	return text
}

func characters(s string) int { return len(utf16.Encode([]rune(s))) }

// markdown leaves out the given number of events, oldest first. If that is more than there
// are, it leaves out all that is folded.
func (r Report) markdown(o MarkdownOptions, rows []eventRow, left int) string {
	w := &markdownWriter{text: func(s string) string { return markdownText(o.Escape(s)) }, escape: o.Escape}
	w.printf("## Release %s: %s\n\n", w.text(r.Namespace+"/"+r.Release), w.text(r.State()))
	why := r.explain()
	if len(why) > 0 {
		w.printf("**%s**\n", w.text(why[0]))
		why = why[1:]
	}
	w.metrics(r.metrics(), mostSummarized)
	w.printf("\n%s\n", w.brief(r))
	if left > len(rows) {
		w.printf("\nThe rest is left out.\n")
		return w.String()
	}
	w.troubles(r.Troubles)
	w.printf("\n<details><summary>Everything else: what was released, the rule, shares, people, events</summary>\n")
	for _, s := range why {
		w.printf("\n%s\n", w.text(s))
	}
	if all := r.metrics(); len(all) > mostSummarized {
		w.metrics(all[mostSummarized:], len(all))
	}
	if len(r.metrics()) > 0 {
		w.printf("\n%s\n", evidenceMeans)
	}
	w.facts("What was released", r.facts())
	w.facts("The rule of the judge", r.rule())
	writeTable(w, []string{"time", "who said it", "what", "why"}, r.people(), func(p saidRow) []string { return []string{p.Time, p.Who, p.What, p.Why} })
	writeTable(w, []string{"share", "since", "verified"}, r.shares(), func(s shareRow) []string { return []string{s.Share, s.Since, s.How} })
	if left > 0 {
		w.printf("\n%s left out.\n", plural(left, "earlier event is", "earlier events are"))
	}
	writeTable(w, []string{"time", "weight", "what happened"}, rows[left:], func(e eventRow) []string {
		return []string{e.Time, fmt.Sprintf("%d %%", e.Weight), e.Text}
	})
	w.printf("\n</details>\n")
	return w.String()
}

// mostSummarized is the number of metrics in the summary.
const mostSummarized = 4

type markdownWriter struct {
	strings.Builder
	text, escape func(string) string
}

func (w *markdownWriter) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

// brief returns on one line what identifies the release and what it cost.
func (w *markdownWriter) brief(r Report) string {
	var parts []string
	if r.Number > 0 {
		parts = append(parts, fmt.Sprintf("release %d", r.Number))
	}
	parts = append(parts, "by "+w.linked(who(r.Run), link(r.Run)))
	if r.Run.Commit != "" {
		parts = append(parts, "commit "+w.text(shortCommit(r.Run.Commit)))
	}
	if r.Run.Author != "" {
		parts = append(parts, "by "+w.text(r.Run.Author))
	}
	if r.Most > 0 {
		parts = append(parts, fmt.Sprintf("at most %d %% of the requests", r.Most))
	}
	return strings.Join(parts, " · ")
}

// commitDigits is the number of digits of a short commit.
const commitDigits = 12

// shortCommit shortens the digest of a commit.
func shortCommit(s string) string { return strings.ToValidUTF8(s[:min(len(s), commitDigits)], "") }

func (w *markdownWriter) linked(text, address string) string {
	if address == "" || strings.ContainsAny(address, " ()<>\"\\\n|`") {
		return w.text(text)
	}
	return fmt.Sprintf("[%s](%s)", w.text(text), w.escape(address))
}

func (w *markdownWriter) metrics(rows []metricRow, most int) {
	writeTable(w, []string{"metric", "canary", "stable", "difference", "evidence of harm", "of health"}, rows[:min(len(rows), most)], func(m metricRow) []string {
		return []string{m.Name, m.Canary, m.Stable, m.Difference, m.Harm, m.Safe}
	})
}

// troubles folds what the canary's pods said.
func (w *markdownWriter) troubles(all []rollout.Trouble) {
	if len(all) == 0 {
		return
	}
	w.printf("\n<details><summary>What the canary's pods said</summary>\n\n")
	for _, t := range all {
		for i, line := range t.Lines() {
			indent := "- "
			if i > 0 {
				indent = "  - "
			}
			w.printf("%s%s\n", indent, w.text(line))
		}
	}
	w.printf("\n</details>\n")
}

func (w *markdownWriter) facts(title string, facts []fact) {
	if len(facts) == 0 {
		return
	}
	w.printf("\n| %s | |\n|---|---|\n", title)
	for _, f := range facts {
		w.printf("| %s | %s |\n", w.text(f.Name), w.linked(f.Value, f.Link))
	}
}

func writeTable[R any](w *markdownWriter, head []string, rows []R, cells func(R) []string) {
	if len(rows) == 0 {
		return
	}
	w.printf("\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range rows {
		all := cells(row)
		for i, cell := range all {
			all[i] = w.text(cell)
		}
		w.printf("| %s |\n", strings.Join(all, " | "))
	}
}

// markdownText escapes a text so that it is plain text on one line, without Markdown or
// HTML.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if strings.ContainsRune("\\`*_{}[]<>#|~!&$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
