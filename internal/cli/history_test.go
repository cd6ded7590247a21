package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
)

// TestHistoryFits prints large numbers and long images: no line has more than 80
// characters, and no number is cut.
func TestHistoryFits(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	h := report.History{Namespace: "shop", Release: "web", Dropped: 1048576, Releases: []rollout.Past{
		{Number: 1048577, Ended: now, Ending: rollout.Superseded, By: rollout.ByDeadline, Most: 100, Cost: &rollout.Cost{Extra: 123456789}, Mark: &rollout.Mark{Truth: rollout.Wrong}, Images: []rollout.ImageChange{{After: "registry.example.com/team/" + strings.Repeat("long", 30) + ":2026.1"}}},
		{Number: 7, Ended: now, Ending: rollout.Promoted, Images: []rollout.ImageChange{{After: "évil\x1b[31m\nNO:2"}}},
	}}
	for _, fuzzy := range []bool{false, true} {
		var text bytes.Buffer
		if err := printHistory(&text, h, now.Add(time.Hour), fuzzy); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			if n := utf8.RuneCountInString(line); n > historyWidth+1 {
				t.Errorf("%d characters: %s", n, line)
			}
		}
		for _, want := range []string{"1048577 ", " 100 % ", " 123456789 ", " wrong", "no longer kept: 1048576\n"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%q is not in\n%s", want, &text)
			}
		}
		if lines := strings.Count(text.String(), "\n"); lines != 5 || strings.Contains(text.String(), "\x1b") {
			t.Errorf("%d lines:\n%q", lines, &text)
		}
	}
}
