package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/columns"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/rollout/rollouttest"
)

// wholeNumbers matches what must not be cut: numbers with what belongs to them.
var wholeNumbers = regexp.MustCompile(`[0-9][0-9.,:]*( %)?`)

// TestScreenFits: at every width, with names in every script, no line of a run or of status
// --watch is wider than the terminal, and no number is cut.
func TestScreenFits(t *testing.T) {
	names := []string{"shop", "決済サービス", "결제", "🚀shop⚠️", "e\u0301clair", "👩‍💻", strings.Repeat("long-", 14)}
	for seed := range uint64(40) {
		w := rollouttest.New(seed)
		w.Rename(names[seed%uint64(len(names))])
		var events []rollout.Event
		for range 25 {
			total := w.State.Total
			w.Step()
			events = append(events, w.State.History[max(0, len(w.State.History)-(w.State.Total-total)):]...)
			if j := w.State.Judged; j != nil {
				events = append(events, rollout.Event{Time: w.Now, Kind: rollout.EventProgress, Phase: w.State.Phase, Weight: w.State.Weight, Text: j.Sentence(), Judged: j.Shown()})
			}
		}
		s := StatusOf(names[seed%uint64(len(names))], names[(seed+1)%uint64(len(names))], w.State)
		pods := map[manifest.ID]Pods{}
		for _, id := range s.Objects {
			pods[id] = Pods{Ready: 1, Wanted: 12345}
		}
		for name, print := range map[string]func(width int) string{
			"run": func(width int) string {
				var out strings.Builder
				p := NewPrinter(&out, Style{Format: Terminal, Width: width, Escape: same})
				for _, e := range events {
					p.Print(e)
				}
				return out.String()
			},
			"status --watch": func(width int) string {
				var out strings.Builder
				b := NewBoard(&out, Style{Format: Terminal, Width: width, Escape: same}, 0, true)
				_ = b.Show([]Status{s}, pods)
				return out.String()
			},
			"status --watch of all": func(width int) string {
				var out strings.Builder
				b := NewBoard(&out, Style{Format: Terminal, Width: width, Escape: same}, 0, false)
				_ = b.Show([]Status{s, s}, pods)
				return out.String()
			},
		} {
			want := numbersOf(print(0))
			for _, width := range []int{40, 60, 80, 120, 200} {
				text := print(width)
				for line := range strings.SplitSeq(control.ReplaceAllString(text, "\n"), "\n") {
					if columns.Width(line) >= width {
						t.Fatalf("seed %d, %s at %d columns: %q", seed, name, width, line)
					}
				}
				if have := numbersOf(text); !within(want, have) {
					t.Fatalf("seed %d, %s at %d columns has the numbers\n%q\ninstead of\n%q", seed, name, width, have, want)
				}
			}
		}
	}
}

// within reports whether the words are among others, in their order. A name that is longer
// than a line may end in digits.
func within(words, others []string) bool {
	for _, other := range others {
		if len(words) > 0 && words[0] == other {
			words = words[1:]
		}
	}
	return len(words) == 0
}

var control = regexp.MustCompile(`\r|\x1b\[[0-9]*[A-Za-z]`)

// numbersOf returns the numbers of a text in order. Digits in digests and names are none.
func numbersOf(text string) []string {
	text = control.ReplaceAllString(text, "\n")
	var all []string
	for _, word := range strings.Fields(text) {
		if wholeNumbers.FindString(word) == word {
			all = append(all, word)
		}
	}
	return all
}
