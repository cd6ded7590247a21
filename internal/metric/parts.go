package metric

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/canarize/canarize/internal/analysis"
)

const (
	// MaxParts is the largest number of parts of all metrics together.
	MaxParts = 40
	// maxDivided is the largest number of ratios of a release in which a metric has parts. The
	// judge takes 50 ratios, the parts among them.
	maxDivided = 10
	// maxPartValue limits the value of a label in a metric's name, in bytes.
	maxPartValue = 100
)

// parts holds the values of labels that have become metrics: the parts of a metric that says By.
// Which ones these are depends on stable alone, so that the canary cannot influence what it is
// judged by. A part stays for the whole release, also without requests.
type parts struct {
	metrics []Metric
	names   map[partKey]string
}

// partKey is a value of the label by which a metric is divided.
type partKey struct{ metric, value string }

func newParts() *parts { return &parts{names: map[partKey]string{}} }

// add adds a part if there is room for it.
func (p *parts) add(of Metric, value string) {
	key := partKey{of.Name, value}
	if len(p.metrics) >= MaxParts || p.names[key] != "" {
		return
	}
	name := analysis.Part{Of: of.Name, Label: of.By, Value: value}.String()
	p.names[key] = name
	p.metrics = append(p.metrics, Metric{Name: name, Kind: of.Kind})
}

// discover adds the values that stable has had requests with, those with the most first.
func (p *parts) discover(metrics []Metric, r Reading) {
	divided := map[string]Metric{}
	for _, m := range metrics {
		if m.By != "" {
			divided[m.Name] = m
		}
	}
	if len(divided) == 0 || len(p.metrics) >= MaxParts {
		return
	}
	requests := map[partKey]float64{}
	for _, t := range r.Targets {
		if len(t.Scrapes) == 0 {
			continue
		}
		for _, v := range t.Scrapes[len(t.Scrapes)-1].Values {
			key := partKey{v.Metric, v.By}
			if v.Arm == Stable && v.Part == Total && v.By != "" && v.Count > 0 && p.names[key] == "" {
				requests[key] += v.Count
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(requests), func(a, b partKey) int {
		return cmp.Or(cmp.Compare(requests[b], requests[a]), cmp.Compare(a.metric, b.metric), cmp.Compare(a.value, b.value))
	})
	for _, k := range keys {
		p.add(divided[k.metric], k.value)
	}
}

// KeepPart makes a metric of a part that an earlier process of the release has chosen. Other
// names change nothing.
func (t *Tracker) KeepPart(name string) {
	part, isPart := analysis.ParsePart(name)
	at := slices.IndexFunc(t.metrics, func(m Metric) bool { return m.Name == part.Of && m.By == part.Label })
	if isPart && at >= 0 {
		t.parts.add(t.metrics[at], part.Value)
	}
}

// all returns the metrics with their parts.
func (t *Tracker) all() []Metric { return slices.Concat(t.metrics, t.parts.metrics) }

// undivided returns metrics without their parts.
func undivided(metrics []Metric) []Metric {
	metrics = slices.Clone(metrics)
	for i := range metrics {
		metrics[i].By = ""
	}
	return metrics
}

// partValue returns the value of a label as a metric's name has it: printable, on one line, and
// short. Values that only differ behind what is cut off count together.
func partValue(value string) string {
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(value[:min(len(value), 4*maxPartValue)], string(unicode.ReplacementChar)) {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
		} else {
			out.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	text := out.String()
	if len(text) <= maxPartValue {
		return text
	}
	const more = "…"
	end := maxPartValue - len(more)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}
