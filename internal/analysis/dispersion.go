package analysis

import (
	"cmp"
	"math"
	"slices"
)

// dispersion measures how much more stable's pods differ in bad requests than
// chance alone would explain. It uses blocks of several lengths, because long
// bursts are invisible in short blocks. It compares pods with each other at the
// same time, so trouble that all pods share does not count.
type dispersion struct {
	Pods   []podBlocks `json:"pods,omitempty"` // by name
	Blocks [3]blocks   `json:"blocks"`
}

// blockLengths are the least lengths of blocks in seconds. A block of the first kind is one
// interval.
var blockLengths = [3]float64{0, 60, 240}

// podBlocks holds a pod's requests in the running blocks.
type podBlocks struct {
	Name  string     `json:"name"`
	Bad   [3]float64 `json:"bad"`
	Total [3]float64 `json:"total"`
}

// blocks sums over the finished blocks of one length: Pearson's X², its degrees
// of freedom, its variance if there were no dispersion, and for each degree of freedom the
// mean number of bad requests of a pod and the seconds.
type blocks struct {
	Length   float64 `json:"length"` // of the running block, s
	X2       float64 `json:"x2"`
	Freedom  float64 `json:"freedom"`
	Variance float64 `json:"variance"`
	Bad      float64 `json:"bad"`
	Seconds  float64 `json:"seconds"`
}

// maxPods limits how many pods of an arm are tracked one by one.
const maxPods = 64

// doubt and ownDoubt are the weight of the assumption that there is no
// dispersion, in degrees of freedom, for stable and for the canary. The canary's
// is smaller because it has few pods: one bad pod must not count against all.
const doubt, ownDoubt = 20, 4

// add adds an interval of some seconds.
func (d *dispersion) add(pods map[string]Counts, seconds float64) {
	if len(pods) == 0 {
		return
	}
	d.Pods = addMissing(d.Pods, pods, func(p *podBlocks) string { return p.Name }, func(name string) podBlocks { return podBlocks{Name: name} })
	for b := range d.Blocks {
		for i := range d.Pods {
			c := pods[d.Pods[i].Name]
			d.Pods[i].Bad[b] += float64(c.Bad)
			d.Pods[i].Total[b] += float64(c.Total)
		}
		if d.Blocks[b].Length += seconds; whole(d.Blocks[b].Length, seconds, blockLengths[b]) {
			d.close(b)
		}
	}
}

// addMissing adds the pods that are not yet in a list sorted by name, while it has
// room. Usually there are none, and nothing is allocated.
func addMissing[P any](list []P, pods map[string]Counts, name func(*P) string, make func(string) P) []P {
	known := 0
	for i := range list {
		if _, ok := pods[name(&list[i])]; ok {
			known++
		}
	}
	if known == len(pods) {
		return list
	}
	order := func(p P, n string) int { return cmp.Compare(name(&p), n) }
	var fresh []string
	for n := range pods {
		if _, found := slices.BinarySearchFunc(list, n, order); !found {
			fresh = append(fresh, n)
		}
	}
	slices.Sort(fresh)
	for _, n := range fresh[:min(len(fresh), max(0, maxPods-len(list)))] {
		at, _ := slices.BinarySearchFunc(list, n, order)
		list = slices.Insert(list, at, make(n))
	}
	return list
}

// close ends a block.
func (d *dispersion) close(b int) {
	bad, total, pods := 0.0, 0.0, 0.0
	for i := range d.Pods {
		if p := &d.Pods[i]; p.Total[b] > 0 {
			bad, total, pods = bad+p.Bad[b], total+p.Total[b], pods+1
		}
	}
	sum := &d.Blocks[b]
	seconds := sum.Length
	sum.Length = 0
	if p := bad / total; pods > 1 && bad > 0 && bad < total {
		for i := range d.Pods {
			if n := d.Pods[i].Total[b]; n > 0 {
				off := d.Pods[i].Bad[b] - n*p
				sum.X2 += off * off / (n * p * (1 - p))
				sum.Variance += 1 / (n * p * (1 - p))
			}
		}
		sum.Freedom += pods - 1
		sum.Variance += 2 * (pods - 1)
		sum.Bad += bad / pods * (pods - 1)
		sum.Seconds += seconds * (pods - 1)
	}
	for i := range d.Pods {
		d.Pods[i].Bad[b], d.Pods[i].Total[b] = 0, 0
	}
	if b == len(d.Blocks)-1 && len(d.Pods) == maxPods { // make room for new pods
		d.Pods = d.Pods[:0]
		for i := range d.Blocks {
			d.Blocks[i].Length = 0
		}
	}
}

// factor returns φ ≥ 1, by which the variance of a canary pod's number of bad
// requests exceeds that of independent requests. bad is the number of bad
// requests expected in a second; dispersion grows with it. If sure, factor
// counts only the dispersion beyond what chance would explain.
func (d *dispersion) factor(bad float64, sure bool) float64 {
	φ := 1.0
	for _, sum := range d.Blocks {
		if sum.Freedom == 0 {
			continue
		}
		excess := (sum.X2 - sum.Freedom) / (doubt + sum.Freedom)
		if sure {
			excess -= 2 * math.Sqrt(sum.Variance) / (doubt + sum.Freedom)
		}
		φ = max(φ, 1+excess*bad*sum.Seconds/sum.Bad)
	}
	return φ
}

// inOne returns how many bad requests in a second it would be if so many were all in one
// interval.
func (d *dispersion) inOne(bad float64) float64 {
	return bad * d.Blocks[0].Freedom / max(d.Blocks[0].Seconds, 1)
}

// own returns φ ≥ 1 of the pods that were added themselves.
func (d *dispersion) own() float64 {
	φ := 1.0
	for _, sum := range d.Blocks {
		φ = max(φ, (ownDoubt+sum.X2)/(ownDoubt+sum.Freedom))
	}
	return φ
}

// grows is the factor by which the dispersion of longer blocks must exceed that of shorter
// ones to show that bursts last longer.
const grows = 1.5

// burst returns the length of a block, in seconds, that is about as long as the bursts of
// stable's pods; 0 if they last no longer than an interval. It counts only the dispersion
// beyond what chance would explain.
func (d *dispersion) burst() float64 {
	length, most := 0.0, 0.0
	for b, sum := range d.Blocks {
		if excess := (sum.X2 - sum.Freedom - 2*math.Sqrt(sum.Variance)) / max(sum.Freedom, 1); excess > grows*most {
			length, most = blockLengths[b], excess
		}
	}
	return length
}
