package exposition_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/canarize/canarize/internal/metric/exposition"
)

func parse(text string) ([]exposition.Sample, error) {
	var all []exposition.Sample
	err := exposition.Parse([]byte(text), func(string) bool { return true }, func(s exposition.Sample) error { all = append(all, s); return nil })
	return all, err
}

func TestParse(t *testing.T) {
	have, err := parse(`# HELP requests_total All of them.
# TYPE requests_total counter
requests_total{custom_status="good"} 12

requests_total{custom_status="bad",} 3.5 1700000000000
up 1` + "\r" + `
  spaces { a = "b" , c="" }	2	1
escaped{path="C:\\dir\n\"x\"",more="ü,}"} +Inf
big 1e400
time_bucket{le="0.1"} 8 # {trace="x"} 0.07
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []exposition.Sample{
		{Name: "requests_total", Labels: map[string]string{"custom_status": "good"}, Value: 12},
		{Name: "requests_total", Labels: map[string]string{"custom_status": "bad"}, Value: 3.5},
		{Name: "up", Value: 1},
		{Name: "spaces", Labels: map[string]string{"a": "b", "c": ""}, Value: 2},
		{Name: "escaped", Labels: map[string]string{"path": "C:\\dir\n\"x\"", "more": "ü,}"}, Value: math.Inf(1)},
		{Name: "big", Value: math.Inf(1)},
		{Name: "time_bucket", Labels: map[string]string{"le": "0.1"}, Value: 8},
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"<html>\n":             "line 1: expected a metric name",
		"a 1\n\n{} 2\n":        "line 3: expected a metric name",
		"a\n":                  "line 1: a: the value is not a number",
		"a 1_0\n":              "a: the value is not a number",
		"a 0x1p3\n":            "not a number",
		"a{} \n":               "not a number",
		"a{b=\"c\" 1\n":        "expected a comma or a brace",
		"a{b=c} 1\n":           "expected a label",
		"a{b=\"c} 1\n":         "label b: the quotes are not closed",
		`a{b="\`:               "the quotes are not closed",
		`a{b="\t"} 1`:          `\t is not an escape`,
		`a{b="c",b="d"} 1`:     "label b occurs twice",
		`a{b="c",,b="d"} 1`:    "expected a label",
		`a{b="c",`:             "expected a label",
		`a{b="c","d"="e"} 1`:   "expected a label",
		"a 1\nb none\n# EOF\n": "line 2: b: the value",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

// TestParseWanted checks that lines with other names are not parsed.
func TestParseWanted(t *testing.T) {
	n := 0
	err := exposition.Parse([]byte("a{ 1\nb 2\n"), func(name string) bool { return name == "b" }, func(exposition.Sample) error { n++; return nil })
	if err != nil || n != 1 {
		t.Errorf("%d samples, %v", n, err)
	}
}

// FuzzParse compares with Prometheus' own parser: text that it accepts must
// have the same meaning here.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"a 1\n", "a{b=\"c\"} 2 3\n", "a{b=\"\\\\\\n\\\"\",}\tNaN\nb 1e3\n", "a {} -Inf\n", "a{b=\"c\"}1\n", "a{b=\"c\"} 0x1\n", "a+0\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		have, err := parse(text)
		lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") })
		plain := strings.Join(lines, "\n")
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, theirs := parser.TextToMetricFamilies(strings.NewReader(plain))
		if theirs != nil || strings.ContainsAny(plain, "\r\x00") || !strings.HasSuffix(plain, "\n") {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(sorted(flatten(families)), sorted(have)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}

func flatten(families map[string]*dto.MetricFamily) (all []exposition.Sample) {
	for name, family := range families {
		for _, m := range family.Metric {
			s := exposition.Sample{Name: name, Value: m.GetUntyped().GetValue()}
			for _, l := range m.Label {
				if s.Labels == nil {
					s.Labels = map[string]string{}
				}
				s.Labels[l.GetName()] = l.GetValue()
			}
			all = append(all, s)
		}
	}
	return all
}

// sorted returns the samples in order and treats no labels like {}.
func sorted(all []exposition.Sample) []string {
	var out []string
	for _, s := range all {
		var labels []string
		for name, value := range s.Labels {
			labels = append(labels, name+"="+value)
		}
		slices.Sort(labels)
		out = append(out, s.Name+"\x00"+strings.Join(labels, "\x00")+"\x00"+strconv.FormatFloat(s.Value, 'g', -1, 64))
	}
	slices.Sort(out)
	return out
}
