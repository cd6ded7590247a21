package lines

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/analysis"
)

func TestParse(t *testing.T) {
	seq := int64(4)
	total := func(bad, all int64) *analysis.Arm {
		return &analysis.Arm{Counts: analysis.Counts{Bad: bad, Total: all}}
	}
	for name, c := range map[string]struct {
		text string
		want analysis.Observation
	}{
		"totals": {`{"time":15,"seq":4,"weight":5,"metrics":{"errors":{"canary":{"bad":0,"total":75},"stable":{"bad":1,"total":1425}}}}`,
			analysis.Observation{Time: 15, Seq: &seq, Weight: 5, Metrics: map[string]analysis.Pair{"errors": {Canary: total(0, 75), Stable: total(1, 1425)}}}},
		"a bare time is a gap, at the weight that was recommended": {`{"time":30}`,
			analysis.Observation{Time: 30, Weight: 7}},
		"pods take the place of totals": {`{"time":1,"metrics":{"errors":{"pods":{"canary":{"p1":{"bad":1,"total":25},"p2":null}},"stable":{"bad":1,"total":2}}}}`,
			analysis.Observation{Time: 1, Weight: 7, Metrics: map[string]analysis.Pair{"errors": {
				Canary: &analysis.Arm{Pods: map[string]analysis.Counts{"p1": {Bad: 1, Total: 25}}}, Stable: total(1, 2)}}}},
		"what is missing was not measured": {`{"time":1,"metrics":{"a":null,"b":{"canary":null,"stable":{"bad":"NaN","total":3}},"c":{"canary":{"total":3}}}}`,
			analysis.Observation{Time: 1, Weight: 7, Metrics: map[string]analysis.Pair{"a": {}, "b": {}, "c": {}}}},
		"estimates are rounded": {`{"time":1,"metrics":{"a":{"canary":{"bad":0.6,"total":10.2},"stable":{"bad":-1,"total":1e18}}}}`,
			analysis.Observation{Time: 1, Weight: 7, Metrics: map[string]analysis.Pair{"a": {Canary: total(1, 10), Stable: total(-1, 1e18)}}}},
		"events": {`{"time":1,"events":{"orders":{"canary":3,"stable":40},"logins":{"stable":7},"none":null}}`,
			analysis.Observation{Time: 1, Weight: 7, Events: map[string]analysis.Events{"orders": {Canary: 3, Stable: 40}, "logins": {Canary: -1, Stable: 7}, "none": {Canary: -1, Stable: -1}}}},
		"gauges": {`{"time":1,"gauges":{"cpu":{"canary":1.5}}}`,
			analysis.Observation{Time: 1, Weight: 7, Gauges: map[string]analysis.Gauge{"cpu": {Canary: 1.5, Stable: math.NaN()}}}},
		"histograms": {`{"time":1,"latency":{"l":{"canary":{"+Inf":9,"0.5":7,"1e-1":3}}}}`,
			analysis.Observation{Time: 1, Weight: 7, Latency: map[string]analysis.HistogramPair{"l": {Canary: &analysis.Histogram{Bounds: []float64{.1, .5}, Below: []int64{3, 7}, Total: 9}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			have, err := Parse([]byte(c.text), 7)
			if err != nil {
				t.Fatal(err)
			}
			same := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
			for _, o := range []*analysis.Observation{&have, &c.want} {
				if o.Metrics == nil {
					o.Metrics = map[string]analysis.Pair{}
				}
				if o.Gauges == nil {
					o.Gauges = map[string]analysis.Gauge{}
				}
				if o.Events == nil {
					o.Events = map[string]analysis.Events{}
				}
				if o.Latency == nil {
					o.Latency = map[string]analysis.HistogramPair{}
				}
			}
			if diff := cmp.Diff(c.want, have, same); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for text, says := range map[string]string{
		``:                     "the line is empty",
		`{"time":1`:            "not JSON",
		`[]`:                   "must be an object",
		`{"weight":1}`:         `no "time"`,
		`{"time":"now"}`:       "time: wrong type, a JSON string",
		`{"time":1,"seq":1.5}`: "seq",
		`{"time":1,"metrics":{"a":{"canary":{"bad":"many"}}}}`:   "is not a number",
		`{"time":1,"latency":{"l":{"canary":{"0.1":1}}}}`:        "+Inf",
		`{"time":1,"latency":{"l":{"canary":{"x":1,"+Inf":1}}}}`: `bound "x"`,
	} {
		if _, err := Parse([]byte(text), 1); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

func TestAnswer(t *testing.T) {
	d := analysis.Decision{
		Verdict: analysis.Hold, Cause: analysis.BadPod, Pod: "p1", Weight: 5, Reason: "Because.",
		Evidence: map[string]analysis.Evidence{"errors": {Harm: .8, Safe: .1, Stable: analysis.Counts{Bad: 1, Total: 9}, Ratio: math.NaN(), Low: 0, High: math.Inf(1), Needed: 12}},
	}
	have, err := Answer(analysis.Observation{Time: 15}, d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"time":15,"verdict":"hold","cause":"bad-pod","pod":"p1","weight":5,"reason":"Because.","evidence":{"errors":{"harm":0.8,"safe":0.1,"canary":{"bad":0,"total":0},"stable":{"bad":1,"total":9},"ratio":null,"low":0,"high":null,"needed":12}}}` + "\n"
	if string(have) != want {
		t.Errorf("%s\nwant\n%s", have, want)
	}
	have, err = Refusal(errors.New("the line is not JSON"), analysis.Decision{Verdict: analysis.Continue, Weight: 1})
	if want := `{"verdict":"continue","weight":1,"reason":"","error":"the line is not JSON; the line is ignored"}` + "\n"; err != nil || string(have) != want {
		t.Errorf("%s (%v)\nwant\n%s", have, err, want)
	}
}

// FuzzLine checks that no text breaks the judge, and that every text is
// answered with one line of JSON.
func FuzzLine(f *testing.F) {
	for _, text := range []string{
		`{"time":15,"weight":5,"metrics":{"errors":{"canary":{"bad":0,"total":75},"stable":{"bad":1,"total":1425}}}}`,
		`{"time":30,"seq":2,"metrics":{"errors":{"pods":{"canary":{"a":{"bad":1,"total":3},"b":{"bad":1,"total":3},"c":{"bad":1,"total":3}},"stable":{"d":{"bad":0,"total":99}}}}}}`,
		`{"time":-30,"latency":{"l":{"stable":{"0.1":5,"+Inf":9}}},"gauges":{"cpu":{"canary":1,"stable":"NaN"}}}`,
		`{"time":1e300,"weight":-1}`, `{"time":30,"metrics":{"errors":{"canary":{"bad":1e18,"total":-3}}}}`,
		`null`, `{`, "\x00", `{"time":1,"time":2}`,
	} {
		f.Add([]byte(text), []byte(text))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		j, err := analysis.New(analysis.Default())
		if err != nil {
			t.Fatal(err)
		}
		d := j.Standing()
		for _, text := range [][]byte{first, second, first} {
			var line []byte
			o, err := Parse(text, d.Weight)
			if err != nil {
				line, err = Refusal(err, d)
			} else {
				d = j.Observe(o)
				line, err = Answer(o, d)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !json.Valid(line) || bytes.Count(line, []byte("\n")) != 1 {
				t.Fatalf("%q", line)
			}
			if _, err := json.Marshal(j); err != nil {
				t.Fatal(err)
			}
		}
	})
}
