package report

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// MarkdownOptions configures Markdown and PreviewMarkdown.
type MarkdownOptions struct {
	// Max limits the length in UTF-16 code units, as .NET and JavaScript count
	// characters; 0 means no limit. The oldest events are left out first, and the text
	// says so.
	Max    int
	Escape func(string) string // makes foreign text harmless
}

// Markdown formats a report for the page of a CI run or an approval.
func Markdown(r Report, o MarkdownOptions) string {
	events, _ := r.events()
	return fitting(o.Max, len(events), func(left int) string { return r.markdown(o, left) })
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

// markdown leaves out the given number of events, oldest first.
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
