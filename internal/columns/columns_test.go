package columns

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWidth(t *testing.T) {
	for text, want := range map[string]int{"": 0, "shop": 4, "5 %": 3, "結果": 4, "가격": 4, "ｆ": 2, "e\u0301": 1, "é": 1, "…": 1, "▁█": 2, "🚀": 2, "⚠\ufe0f": 2, "\u1112\u1161\u11ab": 2} {
		if got := Width(text); got != want {
			t.Errorf("%q takes %d columns, not %d", text, want, got)
		}
	}
}

func TestWrapAndFold(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{Wrap("the canary gets 5 % of the traffic", 16), "the canary gets|5 % of the|traffic"},
		{Wrap("結果を確認する", 6), "結果を|確認す|る"},
		{Wrap("a-very-long-name of it", 8), "a-very-l|ong-name|of it"},
		{Wrap("short", 0), "short"},
		{Fold("  errors    canary 24 of 1646 bad (1.4 %)   stable 0 of 1646 bad (0 %)", 42), "  errors    canary 24 of 1646 bad (1.4 %)|            stable 0 of 1646 bad (0 %)"},
		{Fold("            health ██████░░░░░░ 50 %   harm ░░░░░░░░░░░░ 0 %", 40), "            health ██████░░░░░░ 50 %|            harm ░░░░░░░░░░░░ 0 %"},
		{Fold("a line without columns", 12), "a line|without|columns"},
		{[]string{Cut("結果です", 5), Cut("shop", 4), Cut("shop", 3), Cut("shop", 0)}, "結果…|shop|sh…|"},
	} {
		if got := strings.Join(c.lines, "|"); got != c.want {
			t.Errorf("%s\nexpected\n%s", got, c.want)
		}
	}
}

func releases() *Table {
	t := &Table{Prose: true}
	t.Row("NAMESPACE", "RELEASE", "PHASE", "ASKED", "TAKEN", "STATUS")
	t.Row("web", "shop", "standing", "5 %", "5 %", "the canary gets 5 % of the traffic, and nobody holds it")
	t.Row("決済", "checkout", "promoted", "0 %", "0 %", "stable is the new version and serves everything")
	return t
}

func TestFit(t *testing.T) {
	for columns, want := range map[int]string{
		0: `
NAMESPACE  RELEASE   PHASE     ASKED  TAKEN  STATUS
web        shop      standing  5 %    5 %    the canary gets 5 % of the traffic, and nobody holds it
決済       checkout  promoted  0 %    0 %    stable is the new version and serves everything
`,
		80: `
NAMESPACE  RELEASE   PHASE     ASKED  TAKEN  STATUS
web        shop      standing  5 %    5 %    the canary gets 5 % of the traffic,
                                             and nobody holds it
決済       checkout  promoted  0 %    0 %    stable is the new version and
                                             serves everything
`,
		60: `
NAMESPACE  RELEASE   PHASE     ASKED  TAKEN
web        shop      standing  5 %    5 %
    the canary gets 5 % of the traffic, and nobody holds it
決済       checkout  promoted  0 %    0 %
    stable is the new version and serves everything
`,
		40: `
NAMESPACE  web
RELEASE    shop
PHASE      standing
ASKED      5 %
TAKEN      5 %
STATUS     the canary gets 5 % of the
           traffic, and nobody holds it

NAMESPACE  決済
RELEASE    checkout
PHASE      promoted
ASKED      0 %
TAKEN      0 %
STATUS     stable is the new version and
           serves everything
`,
	} {
		if got := "\n" + releases().Fit(columns); got != want {
			t.Errorf("%d columns:%s\nexpected%s", columns, got, want)
		}
	}
}

// squeezed returns what a reader sees, without the layout.
func squeezed(text string) string { return strings.Join(strings.Fields(text), "") }

// cell draws names, numbers and sentences, also of wide characters.
func cell() *rapid.Generator[string] {
	word := rapid.StringMatching(`[a-z0-9./-]{1,30}|[結果確認]{1,12}|[0-9]{1,5} %|e\x{301}{0,2}x`)
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(word, 0, 8).Draw(t, "words"), " ")
	})
}

// TestNothingIsLost: whatever the width, no line is wider, and everything is there in its
// order: no cell loses a digit.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(12, 200).Draw(t, "columns")
		table := &Table{Prose: rapid.Bool().Draw(t, "prose")}
		heading := []string{"NAME", "SHARE", "MINUTES", "WHY"}[:rapid.IntRange(1, 4).Draw(t, "wide")]
		table.Row(heading...)
		var rows [][]string
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			row := rapid.SliceOfN(cell(), 1, len(heading)).Draw(t, "row")
			rows = append(rows, row)
			table.Row(row...)
		}
		text := table.Fit(columns)
		for line := range strings.SplitSeq(text, "\n") {
			if Width(line) > columns && len(rows) > 0 {
				t.Fatalf("%d columns:\n%s", columns, text)
			}
		}
		for _, row := range rows {
			for _, c := range row {
				for _, w := range words(c) {
					if !hasWide(w) && Width(w) <= columns-11 && !strings.Contains(text, w) {
						t.Fatalf("%q is not in\n%s", w, text)
					}
				}
			}
		}
		for _, folded := range [][]string{Wrap(cell().Draw(t, "text"), columns), Fold("  name      "+cell().Draw(t, "a")+"   "+cell().Draw(t, "b"), columns)} {
			for _, line := range folded {
				if Width(line) > columns {
					t.Fatalf("%d columns: %q", columns, folded)
				}
			}
		}
		if c := cell().Draw(t, "whole"); squeezed(strings.Join(Wrap(c, columns), " ")) != squeezed(c) {
			t.Fatalf("%q of %q", Wrap(c, columns), c)
		}
	})
}
