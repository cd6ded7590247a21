package report

import "github.com/canarize/canarize/internal/rollout"

// What the live page shares with the report: the same words and the same numbers.

// Decision says in a sentence what was decided, by whom, when and why; "" if nothing is.
func (r Report) Decision() string {
	events, _ := r.events()
	return r.decision(events)
}

// Difference is the canary's percentage of bad requests minus stable's, in percentage
// points, with its 95 % interval.
type Difference struct{ difference }

// DifferenceOf returns the difference of the counts, and false if a version had no request
// or the counts are no part of the requests.
func DifferenceOf(m rollout.Metric) (Difference, bool) {
	d, known := differenceOf(m)
	return Difference{d}, known
}

// RatioOf shows the ratio of the bad requests with the judge's interval.
func RatioOf(m rollout.Metric) string { return ratioOf(m) }
