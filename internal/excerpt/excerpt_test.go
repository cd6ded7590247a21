package excerpt

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"short", 5, "short"},
		{"0123456789abcdef", 15, "01234 … bcdef"},
		{"what happened: " + strings.Repeat("x", 900) + ": the cause", 29, "what happene … x: the cause"},
		{"äöüäöüäöüäöü", 15, "äö … äöü"},
		{"long", 3, "lon"},
		{"äö", 3, "ä"},
		{"long", 0, ""},
	} {
		if have := Cut(c.text, c.most); have != c.want {
			t.Errorf("%q in %d bytes: %q, expected %q", c.text, c.most, have, c.want)
		}
	}
}

// TestLaws: the result fits, is valid UTF-8 if the text is, begins and ends like the
// text, and uses the room it has.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("aä€😀\x00")), -1, 300, -1),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 300), func(b []byte) string { return string(b) })).Draw(t, "text")
		most := rapid.IntRange(0, 320).Draw(t, "most")
		cut := Cut(text, most)
		switch {
		case len(text) <= most && cut != text:
			t.Fatalf("%q was cut", text)
		case len(cut) > most:
			t.Fatalf("%d bytes", len(cut))
		case utf8.ValidString(text) && !utf8.ValidString(cut):
			t.Fatalf("%q is not valid", cut)
		case len(text) <= most || most <= len(mark):
			return
		}
		fits := false // the text may contain the mark, too
		for at := range len(cut) {
			head, tail, found := strings.Cut(cut[at:], mark)
			head = cut[:at] + head
			fits = fits || found && strings.HasPrefix(text, head) && strings.HasSuffix(text, tail) &&
				len(head)+len(tail) > most-len(mark)-2*utf8.UTFMax && abs(len(head)-len(tail)) <= 2*utf8.UTFMax
		}
		if !fits {
			t.Fatalf("%q in %d bytes: %q", text, most, cut)
		}
	})
}

func abs(n int) int { return max(n, -n) }
