package report

import (
	"fmt"
	"strings"

	"github.com/canarize/canarize/internal/columns"
)

// PreviewText formats a preview for a terminal. escape makes foreign text harmless and
// keeps it on one line. width is the number of columns of the terminal; 0 means any.
func PreviewText(p Preview, escape func(string) string, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "release %s: %s\n\n", escape(p.Namespace+"/"+p.Release), p.summary())
	for _, i := range p.Images {
		fmt.Fprintf(&b, "%s, container %s: %s\n", escape(i.Workload), escape(i.Container), escape(i.words()))
	}
	for _, part := range []struct {
		name    string
		changes []ObjectChange
	}{{"stable", p.Stable}, {"canary", p.Canary}} {
		fmt.Fprintf(&b, "\n%s\n", part.name)
		var t columns.Table
		for _, c := range part.changes {
			t.Row("  "+string(c.Result), escape(c.Object))
		}
		b.WriteString(t.Fit(0)) // two short columns, of which none may be cut
	}
	for _, c := range p.Stable {
		if c.Diff != "" {
			b.WriteString("\n" + escapeLines(c.Diff, escape))
		}
	}
	p.textNotes(&b, escape)
	fmt.Fprintf(&b, "\n%s\n", escape(strings.Join(p.Course.sentences(), " ")))
	if p.Foreseen != nil {
		fmt.Fprintf(&b, "\n%s\n\n", p.premise())
		header, rows := p.Foreseen.table()
		var t columns.Table
		for _, row := range append([][]string{header}, rows...) {
			t.Row(row...)
		}
		b.WriteString(t.Fit(width))
	}
	if len(p.Findings) > 0 {
		fmt.Fprintf(&b, "\n%s\n", p.findingCount())
	}
	for _, f := range p.Findings {
		fmt.Fprintf(&b, "  %s: %s\n    %s\n", escape(f.Object), escape(f.Problem), escape(f.Mend))
	}
	return b.String()
}

func (p Preview) textNotes(b *strings.Builder, escape func(string) string) {
	if len(p.Warnings) > 0 {
		b.WriteString("\nwarnings about the manifests, the most harmful first\n")
	}
	for _, w := range p.Warnings {
		fmt.Fprintf(b, "  %s\n", escape(w.String()))
	}
	if len(p.LeftAlone) > 0 {
		b.WriteString("\nleft alone\n")
	}
	for _, l := range p.LeftAlone {
		fmt.Fprintf(b, "  %s: %s\n", escape(l.Object), escape(l.Why))
	}
}

func (p Preview) findingCount() string {
	if len(p.Findings) == 1 {
		return "1 finding of canarize doctor:"
	}
	return fmt.Sprintf("%d findings of canarize doctor:", len(p.Findings))
}

func (i ImageChange) words() string {
	switch i.Before {
	case "":
		return "new, " + i.After
	case i.After:
		return i.After + ", as now"
	}
	return i.Before + " → " + i.After
}

// escapeLines escapes each line of a text.
func escapeLines(text string, escape func(string) string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = escape(line)
	}
	return strings.Join(lines, "\n") + "\n"
}
