package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
)

// printHistories prints a table for each name.
func (f *engineFlags) printHistories(streams Streams, all report.Histories) error {
	if f.output != "" {
		return outside(encode(streams.Out, all, f.output))
	}
	if len(all.Histories) == 0 {
		_, err := fmt.Fprintln(streams.Err, "canarize: "+codedLine("there are no releases"))
		return outside(err)
	}
	var text bytes.Buffer
	for i, h := range all.Histories {
		if i > 0 {
			fmt.Fprintln(&text)
		}
		if err := printHistory(&text, h, time.Now(), isTerminal(streams.Out), widthOf(streams.Out)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(streams.Out, Escape(text.String()))
	return outside(err)
}

// printHistory prints the releases of a name, newest first.
func printHistory(text *bytes.Buffer, h report.History, now time.Time, fuzzy bool, width int) error {
	fmt.Fprintf(text, "release %s/%s\n", oneLine(h.Namespace), oneLine(h.Release))
	if len(h.Releases) == 0 {
		_, err := fmt.Fprintln(text, "no release of this name is over yet")
		return err
	}
	var t table
	t.row("NO", "ENDED", "ENDING", "BY", "MOST", "COST", "MARK", "VERSION")
	for _, p := range h.Releases {
		t.row(strconv.Itoa(p.Number), moment(p.Ended, now, fuzzy), string(p.Ending), cmp.Or(string(p.By), "-"), fmt.Sprintf("%d %%", p.Most), costText(p), markText(p), report.VersionText(p))
	}
	text.WriteString(t.Fit(width))
	if h.Dropped > 0 {
		fmt.Fprintf(text, "earlier releases are no longer kept: %d\n", h.Dropped)
	}
	return nil
}

func costText(p rollout.Past) string {
	if p.Cost == nil {
		return "-"
	}
	return strconv.FormatInt(p.Cost.Extra, 10)
}

func markText(p rollout.Past) string {
	if p.Mark == nil {
		return "-"
	}
	return string(p.Mark.Truth)
}
