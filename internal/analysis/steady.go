package analysis

import "math"

// steady estimates the dispersion of stable's bad requests from the differences
// of neighbouring intervals, if there is no detail by pod. Trouble that begins
// and ends is not dispersion: one large step counts little, and slow changes
// count nothing.
type steady struct {
	Blocks  [2]neighbours `json:"blocks"`
	Settles bool          `json:"settles"` // the next interval is still affected
}

// steadyLengths are the least lengths of blocks in seconds. A block of the first kind is one
// interval.
var steadyLengths = [2]float64{0, 60}

// neighbours compares each block of one length with the block before.
type neighbours struct {
	Length  float64 `json:"length"` // of the running block, s
	Now     Total   `json:"now"`
	Before  Total   `json:"before"`
	X2      float64 `json:"x2"`
	Freedom float64 `json:"freedom"`
}

const (
	leap        = 12 // one step counts at most as this many times the dispersion so far
	steadyDoubt = 10 // the weight of the assumption that there is no dispersion, in degrees of freedom
)

// disturb records that the weight changed in an interval, which may affect both
// arms into the next interval. Neither interval is compared.
func (s *steady) disturb() {
	s.Settles = true
	for b := range s.Blocks {
		n := &s.Blocks[b]
		n.Length, n.Before, n.Now = 0, Total{}, Total{}
	}
}

// add adds an interval of some seconds.
func (s *steady) add(stable Counts, seconds float64) {
	s.addTotal(Total{Bad: float64(stable.Bad), All: float64(stable.Total)}, seconds, func(p float64) float64 { return p * (1 - p) })
}

// addEvents adds events, of which there may be more than requests. Without dispersion their
// number is Poisson.
func (s *steady) addEvents(stable Total, seconds float64, mixed bool) {
	if mixed {
		s.disturb()
		return
	}
	s.addTotal(stable, seconds, func(p float64) float64 { return p })
}

// addTotal adds an interval. variance returns the variance of one request at a ratio of
// bad ones.
func (s *steady) addTotal(stable Total, seconds float64, variance func(ratio float64) float64) {
	if s.Settles {
		s.Settles = false
		return
	}
	for b := range s.Blocks {
		n := &s.Blocks[b]
		n.Now.Bad += stable.Bad
		n.Now.All += stable.All
		if n.Length += seconds; !whole(n.Length, seconds, steadyLengths[b]) {
			continue
		}
		if p := (n.Now.Bad + n.Before.Bad) / (n.Now.All + n.Before.All); n.Now.All > 0 && n.Before.All > 0 && variance(p) > 0 {
			off := n.Now.Bad - n.Now.All*p
			x2 := off * off / variance(p) * (1/n.Now.All + 1/n.Before.All)
			n.X2 += min(x2, leap*max(1, n.factor()))
			n.Freedom++
		}
		n.Length, n.Before, n.Now = 0, n.Now, Total{}
	}
}

func (n *neighbours) factor() float64 { return (steadyDoubt + n.X2) / (steadyDoubt + n.Freedom) }

// factor returns φ ≥ 1 without the part that chance would explain.
func (s *steady) factor() float64 {
	φ := 1.0
	for i := range s.Blocks {
		n := &s.Blocks[i]
		φ = max(φ, n.factor()-2*math.Sqrt(2*n.Freedom)/(steadyDoubt+n.Freedom))
	}
	return φ
}
