package analysis

import "math"

// steady estimates the dispersion of stable's bad requests from how much
// neighbouring intervals differ, when there is no detail by pod. Trouble that
// begins and ends is not dispersion, so that one large step counts little, and
// slow changes count nothing.
type steady struct {
	Blocks [2]neighbours `json:"blocks"`
}

// steadyLengths are in intervals.
var steadyLengths = [2]int{1, 4}

// neighbours compares blocks of one length with the one before.
type neighbours struct {
	Length  int     `json:"length"`
	Now     Total   `json:"now"`
	Before  Total   `json:"before"`
	X2      float64 `json:"x2"`
	Freedom float64 `json:"freedom"`
}

const (
	leap        = 12 // times the dispersion so far is the most that one step counts
	steadyDoubt = 10 // how much evidence of dispersion it takes to believe in it
)

func (s *steady) add(stable Counts) {
	for b := range s.Blocks {
		n := &s.Blocks[b]
		n.Now.Bad += float64(stable.Bad)
		n.Now.All += float64(stable.Total)
		if n.Length++; n.Length < steadyLengths[b] {
			continue
		}
		if p := (n.Now.Bad + n.Before.Bad) / (n.Now.All + n.Before.All); n.Now.All > 0 && n.Before.All > 0 && p > 0 && p < 1 {
			off := n.Now.Bad - n.Now.All*p
			x2 := off * off / (p * (1 - p)) * (1/n.Now.All + 1/n.Before.All)
			n.X2 += min(x2, leap*max(1, n.factor()))
			n.Freedom++
		}
		n.Length, n.Before, n.Now = 0, n.Now, Total{}
	}
}

func (n *neighbours) factor() float64 { return (steadyDoubt + n.X2) / (steadyDoubt + n.Freedom) }

// factor is φ ≥ 1, less what chance makes of it.
func (s *steady) factor() float64 {
	φ := 1.0
	for i := range s.Blocks {
		n := &s.Blocks[i]
		φ = max(φ, n.factor()-2*math.Sqrt(2*n.Freedom)/(steadyDoubt+n.Freedom))
	}
	return φ
}
