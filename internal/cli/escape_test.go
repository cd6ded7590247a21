package cli

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// hostile draws texts with many characters that need escapes.
func hostile() *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{
			"##vso[", "##VSO[", "##[", "#", "##", "vso[", "[", "::", ":", "\n", "\r", "\r\n", "\t", " ", "\x1b[31m", "\x1b]0;x\x07",
			"\x00", "\x7f", "\u0085", "\u009b", "\u2028", "\u202e", "\u2066", "\u00ad", "\u200b", "\ufeff", "\U000e0001", "\xff", "\xc3", "é", "😀", "a",
		}),
		rapid.String(),
	)
	return rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(part, 0, 12).Draw(t, "parts"), "") })
}

var agentMark = regexp.MustCompile(`(?i)##(vso)?\[`)

func checkHarmless(t *rapid.T, s, escaped string) {
	if !utf8.ValidString(escaped) {
		t.Fatalf("%q: not UTF-8: %q", s, escaped)
	}
	for _, r := range escaped {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			t.Fatalf("%q: %U survives in %q", s, r, escaped)
		}
	}
	if agentMark.MatchString(escaped) {
		t.Fatalf("%q: an agent's command survives in %q", s, escaped)
	}
	for line := range strings.SplitSeq(escaped, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Fatalf("%q: a runner's command survives in %q", s, escaped)
		}
	}
}

func TestEscapeLeavesNothingHarmful(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := hostile().Draw(t, "s")
		checkHarmless(t, s, Escape(s))
		if again := Escape(Escape(s)); again != Escape(s) {
			t.Fatalf("%q: escaping twice changes %q to %q", s, Escape(s), again)
		}
		line := oneLine(s)
		checkHarmless(t, s, line)
		if strings.ContainsAny(line, "\n\t") {
			t.Fatalf("%q: more than one line or cell: %q", s, line)
		}
	})
}

// TestEscapeKeepsText: harmless text does not change.
func TestEscapeKeepsText(t *testing.T) {
	for _, s := range []string{"", "a b\tc\n", "bad.yml:8: Deployment shop/web: spec.replicas is 1.5", "ä é 漢字 😀 ·", "a::b", "# [x]", `C:\temp\x1b`} {
		if got := Escape(s); got != s {
			t.Errorf("Escape(%q) = %q", s, got)
		}
	}
}

func TestEscapeExamples(t *testing.T) {
	for s, want := range map[string]string{
		"\x1b[31mred":            `\x1b[31mred`,
		"a\rb":                   `a\x0db`,
		"\xff":                   `\xff`,
		"\u202eabc":              `\u202eabc`,
		"\U000e0001":             `\U000e0001`,
		"##vso[task.complete]":   "##vso·[task.complete]",
		"##VsO[x]":               "##VsO·[x]",
		"##[error]x":             "##·[error]x",
		"::error::x":             ":·:error::x",
		"a\n  ::set-output::x":   "a\n  :·:set-output::x",
		"##\u00advso[task.x]":    `##\u00advso[task.x]`,
		"###vso[a]##vso[b]##[c]": "###vso·[a]##vso·[b]##·[c]",
	} {
		if got := Escape(s); got != want {
			t.Errorf("Escape(%q) = %q, not %q", s, got, want)
		}
	}
	if got := oneLine("a\r\nb\tc"); got != `a\nb\tc` {
		t.Errorf("oneLine: %q", got)
	}
	if got := oneLine("what: " + strings.Repeat("é", 5000) + ": the cause"); len(got) > maxLine || len(got) < maxLine-8 || !strings.HasPrefix(got, "what: é") || !strings.HasSuffix(got, "é: the cause") {
		t.Errorf("a long line is %q", got)
	}
}

// TestEscapeJSON: escaped JSON is still JSON with the same meaning.
func TestEscapeJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{hostile().Draw(t, "key"): hostile().Draw(t, "value")}
		var plain bytes.Buffer
		e := json.NewEncoder(&plain)
		e.SetEscapeHTML(false)
		if err := e.Encode(want); err != nil {
			t.Fatal(err)
		}
		escaped := escapeJSON(plain.Bytes())
		checkHarmless(t, plain.String(), string(escaped))
		var before, after map[string]string
		if err := json.Unmarshal(plain.Bytes(), &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(escaped, &after); err != nil {
			t.Fatalf("%s: %v", escaped, err)
		}
		for key, value := range before {
			if after[key] != value || len(after) != len(before) {
				t.Fatalf("%q became %q", before, after)
			}
		}
	})
}
