package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/rollout"
)

// TestPictures draws what a terminal shows of two runs on a real cluster: of a good
// version in the middle of the run, and of a bad one at its end. testdata/run-*.jsonl
// holds their events, as --progress=json printed them. test/e2e records them with
// E2E_EVENTS=FOLDER.
func TestPictures(t *testing.T) {
	zone := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = zone })
	for name, until := range map[string]string{"run-good": string(analysis.Promote) + ":", "run-rejected": "nothing"} {
		recorded, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		const columns = 100
		var out bytes.Buffer
		p := NewPrinter(&out, Style{Format: Terminal, Color: true, Width: columns, Escape: func(s string) string { return s }})
		for line := range bytes.Lines(recorded) {
			var e rollout.Event
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatalf("%s: %s: %v", name, line, err)
			}
			if e.Kind == rollout.EventJudged && strings.HasPrefix(e.Text, until) {
				break
			}
			p.Print(e)
		}
		drawn := terminal(columns, append([]string{"\x1b[32m$\x1b[0m canarize run --config release.yml -I registry.example.com/app:2"}, screen(out.String())...))
		file := filepath.Join("..", "..", "docs", name+".svg")
		if *update {
			if err := os.WriteFile(file, []byte(drawn), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(file); err != nil || string(have) != drawn {
			t.Errorf("%s is not what a terminal shows (%v); run make docs", file, err)
		}
	}
}

var graphic = regexp.MustCompile("\x1b\\[(\\d+)m")

// terminal draws lines of a terminal with the colors that Printer uses.
func terminal(columns int, lines []string) string {
	const wide, high, margin = 8.4, 20, 16
	styles := map[string]string{"1": "b", "31": "r", "32": "g", "33": "y"}
	var text strings.Builder
	fmt.Fprintf(&text, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" font-family="ui-monospace, 'SFMono-Regular', 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">`+"\n",
		float64(columns)*wide+2*margin, len(lines)*high+2*margin)
	text.WriteString("<style>text{fill:#c9d1d9;white-space:pre}.b{fill:#fff;font-weight:bold}.r{fill:#ff7b72}.g{fill:#7ee787}.y{fill:#e3b341}</style>\n" +
		`<rect width="100%" height="100%" rx="8" fill="#0d1117"/>` + "\n")
	for i, line := range lines {
		plain := graphic.ReplaceAllString(line, "")
		if strings.TrimSpace(plain) == "" {
			continue
		}
		fmt.Fprintf(&text, `<text x="%d" y="%d" textLength="%.1f" xml:space="preserve">`, margin, margin+high*i+15, float64(utf8.RuneCountInString(plain))*wide)
		class := ""
		for len(line) > 0 {
			part, code := line, ""
			if at := graphic.FindStringSubmatchIndex(line); at != nil {
				part, code, line = line[:at[0]], line[at[2]:at[3]], line[at[1]:]
			} else {
				line = ""
			}
			switch {
			case part == "":
			case class == "":
				text.WriteString(html.EscapeString(part))
			default:
				fmt.Fprintf(&text, `<tspan class="%s">%s</tspan>`, class, html.EscapeString(part))
			}
			class = styles[code]
		}
		text.WriteString("</text>\n")
	}
	text.WriteString("</svg>\n")
	return text.String()
}
