package page

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// TestVisible: a text keeps what people can see, and what they cannot see becomes its code.
func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"held: a −5 % \"b\" \\ <c>\n\td":   "held: a −5 % \"b\" \\ <c>\n\td",
		"\u202edetcejer\u202c \x1b[31m":    `\u202edetcejer\u202c \u001b[31m`,
		"\u2066\u2028\u200b\U000e0001\x7f": `\u2066\u2028\u200b\U000e0001\u007f`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestEncode: JSON is one line of characters that can be seen, and has the visible texts. A
// backspace and a form feed have shorter codes.
func TestEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("ab\\\"<&\n\t\r\b\f\x00\x1b\x7f\u0085\u202e\u2028\ufeff\U000e0001−é😀")))).Draw(t, "text")
		encoded, err := encode(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(encoded) {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q", encoded)
			}
		}
		var decoded map[string]string
		if err := json.Unmarshal(encoded, &decoded); err != nil {
			t.Fatalf("%v: %s", err, encoded)
		}
		want := visible(strings.NewReplacer("\b", `\b`, "\f", `\f`).Replace(text))
		if decoded[want] != want {
			t.Fatalf("%q is %q", text, decoded)
		}
	})
}
