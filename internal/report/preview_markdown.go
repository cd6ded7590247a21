package report

import (
	"fmt"
	"strings"
)

// PreviewMarkdown formats a preview for the page of an approval. It first leaves out
// diffs, from the end, and then cuts the text; the text says so.
func PreviewMarkdown(p Preview, o MarkdownOptions) string {
	diffs := 0
	for _, c := range p.Stable {
		if c.Diff != "" {
			diffs++
		}
	}
	return fitting(o.Max, diffs, func(left int) string { return p.markdown(o, diffs-left, left) })
}

// markdown shows the first diffs and mentions how many are left out.
func (p Preview) markdown(o MarkdownOptions, diffs, left int) string {
	text := func(s string) string { return markdownText(o.Escape(s)) }
	var b strings.Builder
	fmt.Fprintf(&b, "## Release %s: %s\n\n", text(p.Namespace+"/"+p.Release), p.summary())
	if len(p.Images) > 0 {
		b.WriteString("| container | image |\n|---|---|\n")
		for _, i := range p.Images {
			fmt.Fprintf(&b, "| %s, %s | %s |\n", text(i.Workload), text(i.Container), text(i.words()))
		}
		b.WriteString("\n")
	}
	for _, sentence := range p.Course.sentences() {
		fmt.Fprintf(&b, "%s\n\n", text(sentence))
	}
	p.markdownNotes(&b, text)
	p.markdownFindings(&b, text)
	if p.Foreseen != nil {
		header, rows := p.Foreseen.table()
		fmt.Fprintf(&b, "%s\n\n| %s |\n|%s\n", p.premise(), strings.Join(header, " | "), strings.Repeat("---|", len(header)))
		for _, row := range rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
		b.WriteString("\n")
	}
	b.WriteString("| | object | |\n|---|---|---|\n")
	for _, c := range p.Stable {
		fmt.Fprintf(&b, "| stable | %s | %s |\n", text(c.Object), c.Result)
	}
	for _, c := range p.Canary {
		fmt.Fprintf(&b, "| canary | %s | %s |\n", text(c.Object), c.Result)
	}
	p.markdownDiffs(&b, o, diffs)
	switch left {
	case 0:
	case 1:
		b.WriteString("\nOne diff is left out; canarize plan shows it.\n")
	default:
		fmt.Fprintf(&b, "\n%d diffs are left out; canarize plan shows them.\n", left)
	}
	return b.String()
}

func (p Preview) markdownNotes(b *strings.Builder, text func(string) string) {
	for _, w := range p.Warnings {
		fmt.Fprintf(b, "- **warning** %s\n", text(w.String()))
	}
	for _, l := range p.LeftAlone {
		fmt.Fprintf(b, "- %s: %s\n", text(l.Object), text(l.Why))
	}
	if len(p.Warnings)+len(p.LeftAlone) > 0 {
		b.WriteString("\n")
	}
}

func (p Preview) markdownFindings(b *strings.Builder, text func(string) string) {
	if len(p.Findings) == 0 {
		b.WriteString("canarize doctor has no findings.\n\n")
		return
	}
	fmt.Fprintf(b, "%s\n\n", p.findingCount())
	for _, f := range p.Findings {
		fmt.Fprintf(b, "- %s: %s; %s\n", text(f.Object), text(f.Problem), text(f.Mend))
	}
	b.WriteString("\n")
}

func (p Preview) markdownDiffs(b *strings.Builder, o MarkdownOptions, diffs int) {
	for _, c := range p.Stable {
		if c.Diff == "" || diffs == 0 {
			continue
		}
		diffs--
		diff := escapeLines(c.Diff, o.Escape)
		fence := strings.Repeat("`", max(3, longestRun(diff, '`')+1))
		fmt.Fprintf(b, "\n%sdiff\n%s%s\n", fence, diff, fence)
	}
}

// longestRun returns the length of the longest run of a character.
func longestRun(text string, of rune) int {
	longest, run := 0, 0
	for _, r := range text {
		run++
		if r != of {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}
