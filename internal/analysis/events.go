package analysis

import (
	"fmt"
	"math"
)

// Events holds how often something happened in an interval that should happen: orders, logins,
// started films. A negative count was not measured.
type Events struct{ Canary, Stable int64 }

func (e Events) plus(f Events) Events {
	return Events{Canary: together(e.Canary, f.Canary), Stable: together(e.Stable, f.Stable)}
}

// together adds two counts; one that was not measured makes the sum unknown.
func together(a, b int64) int64 {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}

// ClientErrors is the name of the events that are refusals: responses of class 4xx. They are
// a guard unless the configuration says otherwise. More of them may be a page that is gone,
// fewer a door that stands open, and either may be intended.
const ClientErrors = "client-errors"

// events compares how often something happens on the canary with its share of the requests.
// Users who cannot order get no error and no slow answer; they only do not order.
//
// If the version makes no difference and the gateway draws each request, the canary's events
// are binomial given those of both versions, with its share of the requests as probability.
// Too few of them are harm: the bets are those of harm with the versions exchanged, since
// the events that the canary lacks are too many on stable. Too many only hold a release: an
// order may be placed twice, but people may also like the new version. Of a guard, too few
// only hold it, too.
type events struct {
	Name    string        `json:"name"`
	Guard   bool          `json:"guard,omitempty"`
	Stake   float64       `json:"stake"` // initial wealth
	Fewer   harm          `json:"fewer"`
	More    harm          `json:"more"`
	Steady  steady        `json:"steady"`
	Pending pendingEvents `json:"pending"`
	Canary  Total         `json:"canary"` // Bad: events, All: requests
	Stable  Total         `json:"stable"`
	Missing bool          `json:"missing"` // not in the last observation
	// Approved means that a person finds right what holds the release.
	Approved bool `json:"approved,omitempty"`
}

// pendingEvents holds events that wait for requests of both versions.
type pendingEvents struct {
	Canary Total `json:"canary"`
	Stable Total `json:"stable"`
	Skip   bool  `json:"skip,omitempty"` // the weight changed, or the canary was not warm
	// Seconds is the time of these requests.
	Seconds float64 `json:"seconds,omitempty"`
}

// observe counts one interval with the requests of f.
func (e *events) observe(o Events, measured bool, f flow, in interval, c Config) {
	e.Missing = !measured || o.Canary < 0 || o.Stable < 0
	p := &e.Pending
	p.Seconds += in.seconds
	p.Skip = p.Skip || in.blind || in.mixed || e.Missing
	p.Canary.All, p.Stable.All = p.Canary.All+f.canary, p.Stable.All+f.both-f.canary
	if e.Missing {
		return
	}
	p.Canary.Bad, p.Stable.Bad = p.Canary.Bad+float64(o.Canary), p.Stable.Bad+float64(o.Stable)
	if p.Canary.All == 0 || p.Stable.All == 0 {
		return
	}
	now := *p
	*p = pendingEvents{}
	noise := e.noise()
	e.Steady.addEvents(now.Stable, now.Seconds, in.mixed)
	if now.Skip {
		return
	}
	e.count(now, in, noise, c)
}

// count counts the events of an interval in which the share is known.
func (e *events) count(now pendingEvents, in interval, was noise, c Config) {
	e.Canary.Bad, e.Canary.All = e.Canary.Bad+now.Canary.Bad, e.Canary.All+now.Canary.All
	e.Stable.Bad, e.Stable.All = e.Stable.Bad+now.Stable.Bad, e.Stable.All+now.Stable.All
	both, requests := now.Canary.Bad+now.Stable.Bad, now.Canary.All+now.Stable.All
	bet := func(h *harm, arm Total) {
		t := table{bad: arm.Bad, n: arm.All, allBad: both, N: requests}
		var means [len(grid)]float64
		t.sharedAtMost(t.share(), grid[:], means[:])
		h.add(t, t.share(), h.begin(in.begun), was, e.noise(), c, now.Seconds, in.block, means[:])
	}
	bet(&e.Fewer, now.Stable)
	bet(&e.More, now.Canary)
}

func (e *events) noise() noise {
	φ := e.Steady.factor()
	return noise{fast: φ, vote: (1 + φ) / 2}
}

// expected returns how many events the canary's requests make likely.
func (e *events) expected() float64 {
	return (e.Canary.Bad + e.Stable.Bad) * e.Canary.All / max(e.Canary.All+e.Stable.All, 1)
}

// doubted reports whether the evidence against the canary prevents a promotion. A person may
// approve what would only hold it.
func (e *events) doubted() bool {
	switch {
	case !e.Approved:
		return max(e.Fewer.value(), e.More.value()) >= suspicion
	case e.Guard:
		return false
	}
	return e.Fewer.value() >= suspicion
}

// holding returns the evidence that holds a release. For a guard it is the mean of both
// directions, which is evidence against "no difference".
func (e *events) holding() float64 {
	if e.Guard {
		return (e.Fewer.value() + e.More.value()) / 2
	}
	return e.More.value()
}

// lacks reports whether the canary has too few events, rather than too many.
func (e *events) lacks() bool { return e.Fewer.value() > e.More.value() }

// excess returns the number of events beyond or below the expected ones.
func (e *events) excess() float64 {
	if e.Guard && e.lacks() {
		return e.Fewer.Excess
	}
	return e.More.Excess
}

func (e *events) reason() string {
	return fmt.Sprintf("%s: the canary had %.0f, but its share of the requests makes %.0f likely; stable had %.0f.",
		e.Name, e.Canary.Bad, e.expected(), e.Stable.Bad)
}

// holdReason says why the release is held.
func (e *events) holdReason() string {
	than := "more"
	if e.lacks() {
		than = "fewer"
	}
	return fmt.Sprintf("%s That is %s than chance explains.", e.reason(), than)
}

// doubtReason says why the release is not promoted yet.
func (e *events) doubtReason() string {
	return e.reason() + " That may still be chance; the judge waits for more evidence."
}

// evidence returns the evidence for the report. Needed is 0: events need not prove health.
func (e *events) evidence() Evidence {
	ratio := math.NaN()
	if e.Stable.Bad > 0 && e.Canary.All > 0 {
		ratio = e.Canary.Bad / e.Canary.All / (e.Stable.Bad / e.Stable.All)
	}
	harm := e.Fewer.value()
	if e.Guard {
		harm = e.holding()
	}
	return Evidence{
		Events: true,
		Harm:   harm, Safe: 1, Canary: e.Canary.counts(), Stable: e.Stable.counts(),
		Ratio: ratio, Low: 0, High: math.Inf(1),
	}
}
