package cli

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/columns"
	"github.com/canarize/canarize/internal/saying"
	"github.com/canarize/canarize/internal/similar"
)

// explainWidth is the width of a page on a wide terminal.
const explainWidth = 80

func newExplain(streams Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "explain [flags] [CODE|NAME|MESSAGE]",
		Short: "Explain a message: what it means, and what to do",
		Long: `Explain prints what a message of canarize means, and what to do next. It takes the code
at the end of the message, such as CZ3001, the name of a warning or of a check of lint,
such as host-port, or the text of the message. It needs no network and no cluster.

Without an argument it lists all codes. The same pages are in docs/troubleshooting.md.`,
		Example: `  canarize explain CZ3001
  canarize explain host-port
  canarize explain "the canary is not ready yet"
  canarize explain`,
		ValidArgsFunction: completeCodes,
		RunE: func(_ *cobra.Command, args []string) error {
			if output != "" && output != "json" && output != "markdown" {
				return unknownOutput(output, "json, markdown")
			}
			width := min(explainWidth, widthOf(streams.Out)) // 0 folds nothing
			if len(args) == 0 {
				return printCodes(streams, output, width)
			}
			found, err := meant(strings.Join(args, " "))
			if err != nil {
				return err
			}
			return printSaying(streams, found, output, width)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "output `FORMAT`: json, markdown")
	return cmd
}

// meant returns the message of a code, a name or a text, and the messages within a text.
func meant(text string) ([]saying.Saying, error) {
	for _, get := range []func(string) (saying.Saying, bool){saying.Get, saying.OfMark} {
		if s, known := get(text); known {
			return []saying.Saying{s}, nil
		}
	}
	if found := saying.FindAll(text); len(found) > 0 {
		return found, nil
	}
	if strings.Contains(strings.TrimSpace(text), " ") {
		return nil, fmt.Errorf("no message of canarize reads so; canarize explain lists all codes")
	}
	return nil, fmt.Errorf("%q is no code; %scanarize explain lists all", text, similar.Hint(similarName(text, codes())))
}

// codes returns all codes, and the names of warnings and checks.
func codes() (all []string) {
	for _, s := range saying.All() {
		all = append(all, string(s.Code))
		if s.Name != "" {
			all = append(all, s.Name)
		}
	}
	return all
}

func completeCodes(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	var all []string
	for _, s := range saying.All() {
		if len(args) > 0 {
			break
		}
		if begun != "" && s.Name != "" {
			all = append(all, cobra.CompletionWithDesc(s.Name, string(s.Code)))
		}
		all = append(all, cobra.CompletionWithDesc(string(s.Code), s.Says[0]))
	}
	return printable(all, begun), cobra.ShellCompDirectiveNoFileComp
}

// explained is a message in JSON.
type explained struct {
	Code  saying.Code  `json:"code"`
	Level saying.Level `json:"level"`
	Name  string       `json:"name,omitempty"`
	Says  []string     `json:"says"`
	Means string       `json:"means"`
	Do    string       `json:"do"`
}

// printCodes prints all messages, group by group.
func printCodes(streams Streams, output string, width int) error {
	switch output {
	case "json":
		all := []explained{}
		for _, s := range saying.All() {
			all = append(all, inJSON(s))
		}
		return outside(encode(streams.Out, map[string]any{"messages": all}, output))
	case "markdown":
		_, err := fmt.Fprint(streams.Out, saying.Page())
		return outside(err)
	}
	var text bytes.Buffer
	for _, g := range saying.Groups() {
		fmt.Fprintf(&text, "%s\n", g.Title)
		for _, s := range g.Sayings {
			line := fmt.Sprintf("  %s  %s", s.Code, s.Title())
			if width > 0 {
				line = columns.Cut(line, width)
			}
			fmt.Fprintln(&text, line)
		}
		fmt.Fprintln(&text)
	}
	fmt.Fprintln(&text, "canarize explain CODE explains one.")
	_, err := streams.Out.Write(text.Bytes())
	return outside(err)
}

func inJSON(s saying.Saying) explained {
	return explained{s.Code, s.Level, s.Name, s.Shown(), s.Means, s.Do}
}

// printSaying prints a message, and names further ones of the same text.
func printSaying(streams Streams, found []saying.Saying, output string, width int) error {
	s := found[0]
	switch output {
	case "json":
		return outside(encode(streams.Out, inJSON(s), output))
	case "markdown":
		_, err := fmt.Fprint(streams.Out, s.Section())
		return outside(err)
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s (%s)\n\n", s.Code, s.Level)
	for _, said := range s.Shown() {
		text.WriteString(prose("    "+said, width))
	}
	fmt.Fprintf(&text, "\n%s\nWhat to do\n\n%s\nThe same page: docs/troubleshooting.md#%s\n", prose(s.Means, width), prose(s.Do, width), strings.ToLower(string(s.Code)))
	for _, other := range found[1:] {
		text.WriteString(prose(fmt.Sprintf("Also in this text: %s %s", other.Code, other.Title()), width))
	}
	_, err := streams.Out.Write(text.Bytes())
	return outside(err)
}

var aLink = regexp.MustCompile(`\[([^]]*)\]\(([^)]*)\)`)

// prose folds Markdown for a terminal. It keeps lines of code, and writes rows of a table
// and links as text.
func prose(markdown string, width int) string {
	var text strings.Builder
	lines := strings.Split(strings.TrimSuffix(markdown, "\n"), "\n")
	for i, line := range lines {
		switch code := strings.HasPrefix(line, "    "); {
		case code && columns.Width(line) > width && !strings.Contains(line, `\`):
			for _, part := range columns.Fold(line, width) {
				fmt.Fprintln(&text, part)
			}
			continue
		case code:
			fmt.Fprintln(&text, line)
			continue
		case strings.HasPrefix(line, "|--"), i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|--"):
			continue // the head of a table
		case strings.HasPrefix(line, "|"):
			line = "- " + strings.ReplaceAll(strings.Trim(line, "| "), " | ", ": ")
		}
		line = aLink.ReplaceAllStringFunc(line, func(link string) string {
			m := aLink.FindStringSubmatch(link)
			if file, _, _ := strings.Cut(m[2], "#"); file == m[1] {
				return "docs/" + m[2]
			}
			return fmt.Sprintf("%s (docs/%s)", m[1], m[2])
		})
		for _, part := range columns.Fold(strings.ReplaceAll(line, "`", ""), width) {
			fmt.Fprintln(&text, part)
		}
	}
	return text.String()
}
