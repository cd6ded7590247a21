package page

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/chart"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
)

// About is what the page shows and seldom changes. Its JSON form, like that of the other
// types, is what the scripts of the page read.
type About struct {
	Host    string  `json:"host"`            // what serves the page, such as "the demo"
	Ends    bool    `json:"ends,omitempty"`  // it ends with the release
	Release string  `json:"release"`         // NAMESPACE/NAME
	Seen    string  `json:"seen,omitempty"`  // tells releases of the same name apart
	Story   string  `json:"story,omitempty"` // what happens, in a sentence
	Groups  []Group `json:"groups"`          // of buttons
	// Rights says why there are no buttons, or whose they are.
	Rights string `json:"rights,omitempty"`
	// Rules says what the rows of Frame.Others are, Dots what the dots are.
	Rules string `json:"rules,omitempty"`
	Dots  string `json:"dots"`
	// Bad is the word for a request that counts against its version, such as "failed".
	Bad string `json:"bad"`
	// Facts and Earlier are of a recorded release: what was released and by whom, and the
	// releases of the name that are over, newest first.
	Facts   []Fact    `json:"facts,omitempty"`
	Earlier []Earlier `json:"earlier,omitempty"`
}

// Fact is a value with its name. Link is the address of a page about it, or "".
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Link  string `json:"link,omitempty"`
}

// Earlier is a release that is over.
type Earlier struct {
	Number  int       `json:"number"`
	Ended   time.Time `json:"ended"`
	Ending  string    `json:"ending"`
	Tone    Tone      `json:"tone"`
	Version string    `json:"version"`
	By      string    `json:"by"`     // who decided
	Most    int       `json:"most"`   // largest weight, in percent
	Cost    string    `json:"cost"`   // what it cost the users
	Run     Fact      `json:"run"`    // the run that released it
	Mark    string    `json:"mark"`   // the later truth
	Reason  string    `json:"reason"` // why
}

// List is what the page shows of many releases. It does not change.
type List struct {
	Host    string // as in About
	Summary string // how many there are, in a sentence
	Rows    []Row
}

// Row is a release in a list.
type Row struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"` // NAMESPACE/NAME
	Rank     Rank    `json:"rank"`
	State    string  `json:"state"` // in a word
	Tone     Tone    `json:"tone"`
	Weight   float64 `json:"weight"`   // of the canary, in percent
	Version  string  `json:"version"`  // the old and the new one
	Sentence string  `json:"sentence"` // what it is, and what comes next
}

// Rank orders releases: first those that need a person.
type Rank int

// The ranks.
const (
	Needy Rank = iota // it waits for a person
	OnTheWay
	Over
)

// Group is a group of buttons.
type Group struct {
	Title string `json:"title"`
	Deeds []Deed `json:"deeds"`
}

// Deed is something that a visitor can do.
type Deed struct {
	ID     string `json:"id"`
	Label  string `json:"label"`
	Stands string `json:"stands"`        // the command or the event that it stands for
	Off    string `json:"off,omitempty"` // why it is not possible; "" if it is
	// Confirm is asked before it is done; "" asks nothing. Reason asks why, too.
	Confirm string `json:"confirm,omitempty"`
	Reason  bool   `json:"reason,omitempty"`
}

// Tone is how something looks: what needs a person stands out.
type Tone = report.Tone

// The tones.
const (
	Plain = report.Plain
	Good  = report.Good
	Bad   = report.Bad
	Wait  = report.Wait
)

// Frame is what the page shows at a moment. All numbers and all sentences are computed here;
// the scripts only draw.
type Frame struct {
	Headline string   `json:"headline"`
	Tone     Tone     `json:"tone"`
	Seconds  float64  `json:"seconds"` // since the release began
	Weight   float64  `json:"weight"`  // of the canary, in percent
	Stable   Lane     `json:"stable"`
	Canary   Lane     `json:"canary"`
	Hurt     Hurt     `json:"hurt"`
	Verdict  string   `json:"verdict"`           // in a sentence; "" before the first one
	Unknown  bool     `json:"unknown,omitempty"` // the record cannot be read: the numbers mean nothing
	Counted  string   `json:"counted,omitempty"` // how old the counts are, if they are not of now
	Harm     Bound    `json:"harm"`
	Health   Bound    `json:"health"`
	Metrics  []Metric `json:"metrics"`
	More     int      `json:"more"` // metrics that are not shown
	Others   []Other  `json:"others"`
	Report   bool     `json:"report"`        // there is one
	End      *End     `json:"end,omitempty"` // once the release is over
}

// Lane is one version and its requests.
type Lane struct {
	Name     string `json:"name"`
	Requests int    `json:"requests"`
	Failed   int    `json:"failed"`
}

// Hurt is what the new version did to its users.
type Hurt struct {
	Failed int `json:"failed"`
	// What says what was counted, such as "failed requests".
	What string `json:"what"`
	// Since is the time in seconds since the first failed answer, -1 before. It stops when
	// no request meets the new version any more.
	Since float64 `json:"since"`
	Usual string  `json:"usual,omitempty"` // what the old version would have done
}

// Bound is evidence and the amount that decides.
type Bound struct {
	Value float64 `json:"value"`
	Bound float64 `json:"bound"` // 0 if unknown
	// Means says what the bound guarantees, Now where the evidence is.
	Means string `json:"means"`
	Now   string `json:"now"`
}

// Metric is a metric of both versions.
type Metric struct {
	Name   string `json:"name"`
	Canary string `json:"canary"`
	Stable string `json:"stable"`
	// Ratio is the judge's, with its interval, where it is sure; "" elsewhere. Without the
	// warm-up it may contradict the counts.
	Ratio string `json:"ratio,omitempty"`
	// Difference is canary − stable with its interval, in percentage points, and Bar shows it;
	// "" and nil if unknown.
	Difference string            `json:"difference,omitempty"`
	Bar        *chart.Difference `json:"bar,omitempty"`
	Reads      string            `json:"reads"` // the difference in words
	Tone       Tone              `json:"tone"`
}

// Other is this release, or what other rules would have done with its requests.
type Other struct {
	Name   string  `json:"name"`
	Own    bool    `json:"own"` // it is this release
	Weight float64 `json:"weight"`
	Failed float64 `json:"failed"`
	State  string  `json:"state"`
	Tone   Tone    `json:"tone"`
}

// End is how a release ended.
type End struct {
	Sentence string    `json:"sentence"`
	Tone     Tone      `json:"tone"`
	Next     []Command `json:"next"`
}

// Command is a command that a visitor may run next.
type Command struct {
	Line string `json:"line"`
	What string `json:"what"`
}

// Past is what has happened so far.
type Past struct {
	Points []Point `json:"points"`
	Lines  []Line  `json:"lines"` // the last ones, oldest first
}

// Point is a moment in the charts.
type Point struct {
	At     float64   `json:"at"` // seconds
	Harm   float64   `json:"harm"`
	Health float64   `json:"health"`
	Failed []float64 `json:"failed"` // in the order of Frame.Others
}

// Line is a line of the pipeline's log.
type Line struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
	Tone Tone      `json:"tone"`
}

// parts is how many parts of metrics, such as routes, are shown.
const parts = 3

// Judge shows a judgement. j and rule may be nil.
func (f *Frame) Judge(j *rollout.Judged, rule *rollout.Rule) {
	f.Metrics = []Metric{}
	f.Harm, f.Health = harm(1, 0), health(1, 0)
	if j == nil {
		return
	}
	harmful, healthy := Evidence(j.Metrics, rule)
	f.Harm, f.Health = harm(harmful, j.Reject), health(healthy, j.Promote)
	f.Verdict = fmt.Sprintf("%s: %s", j.Verdict, j.Reason)
	shown := rollout.Notable(j.Metrics, parts)
	slices.SortStableFunc(shown, func(a, b rollout.Metric) int { // events alone harm nobody
		switch {
		case a.Events == b.Events:
			return 0
		case a.Events:
			return 1
		}
		return -1
	})
	for i, d := range report.Describe(shown) {
		f.Metrics = append(f.Metrics, metric(shown[i], d))
	}
	f.More = len(j.Metrics) - len(shown)
}

// Evidence returns the evidence that decides: the most evidence of harm of any metric, and
// the least evidence of health of those that have to prove it. 1 is none.
func Evidence(metrics []rollout.Metric, rule *rollout.Rule) (harm, health float64) {
	guards := map[string]bool{}
	if rule != nil {
		for _, m := range rule.Metrics {
			guards[m.Name] = m.Guards()
		}
	}
	harm, least := 1., math.Inf(1)
	for _, m := range metrics {
		harm = max(harm, m.Harm)
		if !m.Events && !guards[m.Name] {
			least = min(least, m.Safe)
		}
	}
	if math.IsInf(least, 1) {
		least = 1
	}
	return harm, max(least, 1)
}

func harm(value, bound float64) Bound {
	b := Bound{Value: value, Bound: bound, Now: reached(value, bound)}
	if n := oneOf(bound); n > 0 {
		b.Means = fmt.Sprintf("rejected here: at most 1 of %d healthy releases would ever get here", n)
	}
	return b
}

func health(value, bound float64) Bound {
	b := Bound{Value: value, Bound: bound, Now: reached(value, bound)}
	if n := oneOf(bound); n > 0 {
		b.Means = fmt.Sprintf("healthy here: at most 1 of %d harmful releases would ever get here", n)
	}
	return b
}

// oneOf returns n where a chance is at most 1 of n, rounded down to one digit.
func oneOf(bound float64) int {
	if !(bound >= 1 && bound <= 1e15) {
		return 0
	}
	digit := math.Pow(10, math.Floor(math.Log10(bound)+1e-9))
	return int(math.Floor(bound/digit+1e-9) * digit)
}

// reached says how far evidence is on its way to a bound, in orders of magnitude.
func reached(value, bound float64) string {
	if bound <= 1 {
		return "none yet"
	}
	if value >= bound {
		return fmt.Sprintf("%s: the bound of %s is reached", report.Short(value), report.Short(bound))
	}
	return fmt.Sprintf("%s of %s, %.0f %% of the way", report.Short(value), report.Short(bound), math.Floor(100*math.Log(max(value, 1))/math.Log(bound)))
}

// metric shows a metric.
func metric(m rollout.Metric, d report.Described) Metric {
	shown := Metric{Name: m.Name, Canary: counted(m.Canary), Stable: counted(m.Stable), Difference: d.Text, Bar: d.Bar, Reads: d.Reads, Tone: d.Tone}
	if shown.Tone != Plain {
		shown.Ratio = report.RatioOf(m)
		if m.Ratio != nil {
			shown.Ratio += " stable's ratio"
		}
	}
	return shown
}

func counted(c rollout.Count) string {
	if c.Total == 0 {
		return "no request"
	}
	return fmt.Sprintf("%d of %d (%.3g %%)", c.Bad, c.Total, 100*float64(c.Bad)/float64(c.Total))
}

// LineOf shows an event as the log of a pipeline does; false if that leaves it out.
func LineOf(e rollout.Event) (Line, bool) {
	if e.Kind == rollout.EventJudged { // the progress event that follows says more
		return Line{}, false
	}
	return Line{Time: e.Time.UTC(), Text: e.Text, Tone: toneOf(e)}, true
}

func toneOf(e rollout.Event) Tone {
	switch e.Kind {
	case rollout.EventFailed:
		return Bad
	case rollout.EventHeld, rollout.EventCorrected, rollout.EventCancelled, rollout.EventWaiting:
		return Wait
	case rollout.EventPhase:
		switch e.Phase {
		case rollout.Promoted:
			return Good
		case rollout.Rejected:
			return Bad
		}
	}
	return Plain
}
