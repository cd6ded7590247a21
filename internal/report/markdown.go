package report

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// MarkdownOptions say how a report is written as Markdown.
type MarkdownOptions struct {
	// Max is the most characters it may have, as .NET and JavaScript count them; 0
	// is any number. The oldest events are left out first, and the text says so.
	Max    int
	Escape func(string) string // makes foreign text harmless
}

// Markdown is a report for the page of a CI run or for an approval.
func Markdown(r Report, o MarkdownOptions) string {
	events, _ := r.events()
	return fitting(o.Max, len(events), func(left int) string { return r.markdown(o, left) })
}

// fitting is a text that leaves out as few of its parts as it takes to have at most
// max characters, 0 being any number, and is cut where that is not enough.
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

// markdown leaves out a number of events, the oldest ones.
func (r Report) markdown(o MarkdownOptions, left int) string {
	text := func(s string) string { return markdownText(o.Escape(s)) }
	var b strings.Builder
	fmt.Fprintf(&b, "## Release %s: %s\n\n", text(r.Namespace+"/"+r.Release), text(r.State()))
	for _, sentence := range r.explain() {
		fmt.Fprintf(&b, "%s\n\n", text(sentence))
	}
	b.WriteString("| | |\n|---|---|\n")
	for _, f := range r.facts() {
		value := text(f.Value)
		if f.Link != "" && !strings.ContainsAny(f.Link, " ()<>\"\\\n|`") {
			value = fmt.Sprintf("[%s](%s)", value, o.Escape(f.Link))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", text(f.Name), value)
	}
	r.markdownMetrics(&b, text)
	events, _ := r.events()
	if len(events) == 0 {
		return b.String()
	}
	b.WriteString("\n| time | weight | what happened |\n|---|---|---|\n")
	if left > 0 {
		fmt.Fprintf(&b, "| | | %d earlier events are left out |\n", left)
	}
	for _, e := range events[left:] {
		fmt.Fprintf(&b, "| %s | %d %% | %s |\n", clock(e.Time), e.Weight, text(e.Text))
	}
	return b.String()
}

func (r Report) markdownMetrics(b *strings.Builder, text func(string) string) {
	rows := r.metrics()
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n| metric | canary | stable | evidence of harm | of health |\n|---|---|---|---|---|\n")
	for _, m := range rows {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", text(m.Name), m.Canary, m.Stable, m.Harm, m.Safe)
	}
}

// markdownText is text in which nothing is Markdown or HTML, in one line.
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
