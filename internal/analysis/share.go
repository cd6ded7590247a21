package analysis

import (
	"math"
	"strconv"
)

// portion holds the canary's requests of the intervals in which its weight is
// known, beside those of both arms.
type portion struct {
	Canary   float64 `json:"canary"`
	Expected float64 `json:"expected"`       // of the canary, by its weight
	Both     float64 `json:"both,omitempty"` // 0: an earlier canarize counted other intervals, too
}

// earlier holds weights that were replaced. Requests that went by them may
// still be counted for some seconds.
type earlier struct {
	Least float64 `json:"least"` // percent
	Most  float64 `json:"most"`
	Left  float64 `json:"left"` // s
}

const (
	// lingers is the time in seconds after an interval with a change of the
	// weight in which requests may still be counted that went by the old one. A
	// slow gateway applies a weight after 17 s, and many sources are scraped
	// every 15 or 30 s.
	lingers = 60
	// maxEarlier is the number of changes that are remembered one by one.
	maxEarlier = 8
	// halfLife is the time in seconds after which the past counts half for the real share.
	halfLife = 120
	// unservedLimit is the number of missing canary requests from which the
	// route is to blame and not chance (e^-12 is 6 in a million).
	unservedLimit = 12
)

// begin sets the first weight of a release. It is not known since when the
// gateway applies it.
func (t *traffic) begin(weight float64) {
	t.Weight = 0
	t.change(weight)
}

// change sets the weight at the end of an interval.
func (t *traffic) change(weight float64) {
	if weight == t.Weight {
		return
	}
	t.remember(earlier{t.Weight, t.Weight, lingers})
	t.SampleRatio.replace(t.Weight, t.Weight, lingers)
	t.Weight = weight
}

// doubt prepares for an interval of some seconds whose requests may have gone
// by any weight. After a route was mended, its share so far says nothing.
func (t *traffic) doubt(o Observation, seconds float64) {
	if o.Mended {
		t.portion, t.Unserved, t.SampleRatio = portion{}, 0, sampleRatio{}
	}
	if o.Mended || o.Uncertain {
		t.remember(earlier{0, 100, lingers + seconds})
		t.SampleRatio.replace(0, 100, lingers+seconds)
	}
}

// remember adds earlier weights. If there are many, it joins the oldest ones.
func (t *traffic) remember(e earlier) {
	if n := len(t.Earlier); n == maxEarlier {
		a, b := t.Earlier[0], t.Earlier[1]
		t.Earlier[1] = earlier{min(a.Least, b.Least), max(a.Most, b.Most), max(a.Left, b.Left)}
		t.Earlier = append(t.Earlier[:0], t.Earlier[1:]...)
	}
	t.Earlier = append(t.Earlier, e)
}

// age forgets the weights that are no longer in force after some seconds.
func (t *traffic) age(seconds float64) {
	kept := t.Earlier[:0]
	for _, e := range t.Earlier {
		if e.Left -= seconds; e.Left > 0 {
			kept = append(kept, e)
		}
	}
	t.Earlier = kept
}

// early notes that weights of an earlier time may have been in force.
func (w *waiting) early(least, most float64) {
	if !w.Early {
		w.Early, w.Lowest, w.Highest = true, least, most
	}
	w.Lowest, w.Highest = min(w.Lowest, least), max(w.Highest, most)
}

// inForce returns the smallest and the largest weight that may have been in
// force.
func (w *waiting) inForce() (least, most float64) {
	if !w.Early {
		return w.Least, w.Most
	}
	return min(w.Least, w.Lowest), max(w.Most, w.Highest)
}

// compare compares the canary's requests of an interval with the weights that
// may have been in force. If they differ, the interval counts only if none of
// them explains its share.
func (t *traffic) compare(canary, both, least, most, seconds float64) {
	low, high := least/100*both, most/100*both
	expected := high
	switch {
	case least == most, canary > high && far(canary, high):
	case canary < low && far(canary, low):
		expected = low
	default:
		return
	}
	if t.Both == 0 {
		t.portion = portion{}
	}
	kept := math.Exp2(-seconds / halfLife)
	t.Canary = t.Canary*kept + canary
	t.Expected = t.Expected*kept + expected
	t.Both = t.Both*kept + both
}

// far reports whether a number of requests is at most half or at least twice
// the expected one, and chance is not to blame. By Chernoff's bound for Poisson
// counts, the chance of such a number is at most e^-10 (5 in 100,000). At a
// weight of 0 one request is not unexpected.
func far(n, expected float64) bool {
	mean := max(expected, 1)
	rarity := mean - n
	if n > 0 {
		rarity += n * math.Log(n/mean)
	}
	return rarity >= 10 && (n <= expected/2 || n >= 2*expected)
}

// strayed reports whether the canary's real share is far from its weight.
func (t *traffic) strayed() bool {
	return t.Unserved >= unservedLimit || t.Both > 0 && far(t.Canary, t.Expected)
}

// strayedReason returns the sentence about a share that has strayed.
func (j *Judge) strayedReason() string {
	p := j.s.Traffic.portion
	return j.shareReason("The canary recently got ", p.Canary/p.Both, " of the requests at a mean weight of ", p.Expected/p.Both, "; check its route. The judge goes on with the real share.")
}

// splitReason returns the sentence about a split that does not follow the weight.
func (j *Judge) splitReason() string {
	s := &j.s.Traffic.SampleRatio
	return j.shareReason("The canary got ", s.Canary/s.Both, " of the counted requests, and its weight gives it ", s.Expected/s.Both,
		"; so the gateway does not split all of them, and no verdict is safe: count only what the gateway sends (source: emissary, or labels that only its requests have), or check the route.")
}

// shareReason returns a sentence with two shares. It makes a new text only if the numbers
// have changed.
func (j *Judge) shareReason(begin string, share float64, middle string, other float64, end string) string {
	j.text = append(j.text[:0], begin...)
	j.text = append(strconv.AppendFloat(j.text, 100*share, 'g', 3, 64), " %"...)
	j.text = append(j.text, middle...)
	j.text = append(strconv.AppendFloat(j.text, 100*other, 'g', 3, 64), " %"...)
	j.text = append(j.text, end...)
	if string(j.text) != j.strayed {
		j.strayed = string(j.text)
	}
	return j.strayed
}

// multiple returns the canary's real share divided by its weight if it has
// strayed, else 1.
func (t *traffic) multiple() float64 {
	if !t.strayed() || t.Expected == 0 || t.Canary == 0 {
		return 1
	}
	return t.Canary / t.Expected
}
