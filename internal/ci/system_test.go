package ci

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
)

func TestNeutralize(t *testing.T) {
	for text, want := range map[string]string{
		"nothing of the sort":         "nothing of the sort",
		"##vso[task.complete]":        "##vso·[task.complete]",
		"a line ##VSO[a.b]c":          "a line ##VSO·[a.b]c",
		"###[error]x":                 "###·[error]x",
		"##vso[##vso[##[":             "##vso·[##vso·[##·[",
		"::error::x":                  ":·:error::x",
		"a::b":                        "a::b",
		"a\n \t::set-output name=x::": "a\n \t:·:set-output name=x::",
		"a\r::error::x":               "a\r:·:error::x",
		"\u00a0\u2003\u0085::error::": "\u00a0\u2003\u0085:·:error::",
		"::::":                        ":·:::",
	} {
		if have := Neutralize(text); have != want {
			t.Errorf("%q: %q, expected %q", text, have, want)
		}
	}
}

// FuzzNeutralize searches the result for commands in the way the agents do.
func FuzzNeutralize(f *testing.F) {
	for _, text := range []string{"##vso[", "##[", "::x::", "\r::", "##v##vso[so[", ":\n::", "#·#[", "\u2028::"} {
		f.Add(text)
	}
	lines := regexp.MustCompile(`\r\n|\r|\n`)
	f.Fuzz(func(t *testing.T, text string) {
		safe := Neutralize(text)
		lower := strings.ToLower(safe)
		if strings.Contains(lower, "##vso[") || strings.Contains(lower, "##[") {
			t.Errorf("%q: %q", text, safe)
		}
		for _, line := range lines.Split(safe, -1) {
			if strings.HasPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::") {
				t.Errorf("%q: %q", text, safe)
			}
		}
		if again := Neutralize(safe); again != safe {
			t.Errorf("%q, once more: %q", safe, again)
		}
		if strings.ReplaceAll(safe, "·", "") != strings.ReplaceAll(text, "·", "") {
			t.Errorf("%q: more than the command marks changed: %q", text, safe)
		}
	})
}
