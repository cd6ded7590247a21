package metric_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/metric"
)

func TestParseSelector(t *testing.T) {
	for text, want := range map[string]metric.Selector{
		"requests_total":            {Name: "requests_total"},
		" a:b { } ":                 {Name: "a:b"},
		`a{b="c", d=~'e|f',}`:       {Name: "a", Matchers: []metric.Matcher{{Label: "b", Op: "=", Value: "c"}, {Label: "d", Op: "=~", Value: "e|f"}}},
		"a{b!=`\\d}`,c!~\"\"}":      {Name: "a", Matchers: []metric.Matcher{{Label: "b", Op: "!=", Value: `\d}`}, {Label: "c", Op: "!~", Value: ""}}},
		`a{b="\"},\\\n\u00e9\xff"}`: {Name: "a", Matchers: []metric.Matcher{{Label: "b", Op: "=", Value: "\"},\\\né\xff"}}},
	} {
		have, err := metric.ParseSelector(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, have, cmpopts.IgnoreUnexported(metric.Matcher{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestParseSelectorRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                        "does not begin with a metric name",
		`{a="b"}`:                 "does not begin with a metric name",
		"rate(a[1m])":             "functions, ranges and offsets",
		"a[5m]":                   "functions, ranges and offsets",
		`a{b="c"} offset 5m`:      "functions, ranges and offsets",
		`a{b}`:                    "expected a condition",
		`a{b=c}`:                  "in quotes",
		`a{b="c}`:                 "in quotes",
		"a{b=`c}":                 "in quotes",
		`a{b="\q"}`:               "in quotes",
		`a{b="c" d="e"}`:          "expected a comma",
		`a{b=~"("}`:               "missing closing )",
		`a{__name__="b"}`:         "not a valid label name",
		strings.Repeat("a", 5000): "at most",
	} {
		if _, err := metric.ParseSelector(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

func TestSelectorMatches(t *testing.T) {
	labels := map[string]string{"code": "503", "path": "/a\n/b"}
	for text, want := range map[string]bool{
		`requests`: true, `other`: false,
		`requests{code="503"}`: true, `requests{code="50"}`: false, `requests{code!="200"}`: true,
		`requests{code=~"5.."}`: true, `requests{code=~"5"}`: false, `requests{code!~"4..|2.."}`: true, `requests{code!~"5.."}`: false,
		`requests{path=~"/a.*"}`: true, `requests{missing=""}`: true, `requests{missing=~".+"}`: false,
	} {
		s, err := metric.ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		if have := s.Matches("requests", labels); have != want {
			t.Errorf("%s: %v", text, have)
		}
	}
}

func TestSelectorIgnoreCase(t *testing.T) {
	for text, want := range map[string]bool{`r{a="B.c"}`: true, `r{a="bxc"}`: false, `r{a!="B.C"}`: false, `r{a=~"B..|X"}`: true, `r{a!~"B.*"}`: false} {
		if have := selector(t, text).IgnoreCase().Matches("r", map[string]string{"a": "b.C"}); have != want {
			t.Errorf("%s: %v", text, have)
		}
	}
}

// TestSelectorRoundTrip checks that any label value stays inside its quotes.
func TestSelectorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{`"} or vector(0) #`, `\`, "\xff`'"})).Draw(t, "value")
		s := metric.Selector{Name: "a"}.With(metric.Equal("b", value), metric.Equal("c", "d"))
		again, err := metric.ParseSelector(s.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, again, cmpopts.IgnoreUnexported(metric.Matcher{})); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzParseSelector(f *testing.F) {
	for _, text := range []string{"a", `a{b="c",d=~"e"}`, "a{b=`c`}", `a{b='\''}`, `a{`, `a{b=~"("}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := metric.ParseSelector(text)
		if err != nil {
			return
		}
		again, err := metric.ParseSelector(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q became %q, and then %q (%v)", text, s, again, err)
		}
	})
}
