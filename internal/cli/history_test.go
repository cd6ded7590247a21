package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/columns"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/survey"
)

// TestHistoryFits prints large numbers and long images: no line takes more than 80 columns,
// and no number is cut.
func TestHistoryFits(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	h := report.History{Namespace: "shop", Release: "web", Dropped: 1048576, Releases: []rollout.Past{
		{Number: 1048577, Ended: now, Ending: rollout.Superseded, By: rollout.ByDeadline, Most: 100, Cost: &rollout.Cost{Extra: 123456789}, Mark: &rollout.Mark{Truth: rollout.Wrong}, Images: []rollout.ImageChange{{After: "registry.example.com/team/" + strings.Repeat("long", 30) + ":2026.1"}}},
		{Number: 7, Ended: now, Ending: rollout.Promoted, Images: []rollout.ImageChange{{After: "évil\x1b[31m\nNO:2"}}},
	}}
	for _, fuzzy := range []bool{false, true} {
		var text bytes.Buffer
		if err := printHistory(&text, h, now.Add(time.Hour), fuzzy, 80); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			if n := columns.Width(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
		for _, want := range []string{"1048577", "100 %", "123456789", "wrong", "no longer kept: 1048576\n"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%q is not in\n%s", want, &text)
			}
		}
		if strings.Contains(text.String(), "\x1b") {
			t.Errorf("%q", &text)
		}
	}
}

// TestHistoryOfDamagedRecord: a readable history is told about although the state is not
// readable; what cannot be read is named with what to do.
func TestHistoryOfDamagedRecord(t *testing.T) {
	const one = `{"schema":1,"releases":[{"number":7,"began":"2026-01-02T12:00:00Z","ended":"2026-01-02T12:10:00Z","ending":"promoted","most":5,"run":{}}]}`
	damaged := &rollout.Refusal{Code: rollout.RefusedDamaged, Err: errors.New("no JSON")}
	for _, test := range []struct {
		history string
		err     error
		want    string // "" if the history can be read
	}{
		{one, nil, ""}, {one, damaged, ""}, {"", nil, ""},
		{"", damaged, "release eu/shop: the stored state is damaged: no JSON; "},
		{"{", nil, "release eu/shop: the stored history cannot be read: unexpected end of JSON input; use the version of canarize that wrote it; or delete the key history.json of the ConfigMap canarize-shop, and a new history begins"},
		{`{"schema":2}`, nil, "it has version 2, but this canarize reads version 1; "},
	} {
		r := survey.Recorded{Release: runner.Release{Namespace: "eu", Name: "shop"}, History: []byte(test.history), Err: test.err}
		h, err := pastOf(r)
		switch code, message := conclusion(t.Context(), err); {
		case test.want == "" && (err != nil || len(h.Releases) != len(test.history)/len(one)):
			t.Errorf("%s: %v, error %v", test.history, h, err)
		case test.want != "" && (code != exitOutside || !strings.Contains(message, test.want)):
			t.Errorf("%s: exit code %d, %s", test.history, code, message)
		}
	}
}
