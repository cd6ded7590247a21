package model

import (
	"fmt"
	"math"
)

// weighed is a member of a group while its threshold is computed.
type weighed struct {
	name      string
	weight    float64 // as in the Mapping
	weighted  bool    // whether the Mapping has a weight
	threshold int     // cumulative, as handed to Envoy
	position  int     // in the group's list before normalisation
}

// normalise turns weights into cumulative thresholds, as
// normalize_weights_in_mappings in irbasemappinggroup.py does, and puts the
// members into the order of their routes: members with a weight first. On an
// error it stops half-way, and Emissary uses the partial result: the order does
// not change, and the thresholds that were not reached stay 0.
func normalise(members []weighed) ([]weighed, error) {
	if len(members) == 1 {
		members[0].threshold = 100
		return members, nil
	}
	total := 0
	var sorted, free []weighed
	for i := range members {
		m := &members[i]
		if !m.weighted {
			free = append(free, *m)
			continue
		}
		if m.weight > 100 {
			return members, fmt.Errorf("weight %s of %s is over 100: Emissary stops half-way and the remaining members of the group get nothing; after a cold start every route returns 404", plain(m.weight), m.name)
		}
		total = clamp(total+rounded(m.weight), -maxTotal, maxTotal)
		m.threshold = total
		sorted = append(sorted, *m)
	}
	if total > 100 {
		return members, fmt.Errorf("the sum of the weights is %d: Emissary limits the sum of the shares to 100, in the order of names, and members without weight get nothing", total)
	}
	if len(free) > 0 {
		each := rounded(float64(100-total) / float64(len(free)))
		for i := range free {
			total += each
			if i == len(free)-1 {
				total = 100
			}
			free[i].threshold = total
		}
	}
	return append(sorted, free...), nil
}

// maxTotal prevents an overflow of the sum of very large weights.
const maxTotal = 1_000_000_000

// rounded rounds half to even, as the generator's language does.
func rounded(f float64) int {
	return int(math.RoundToEven(math.Max(-maxTotal, math.Min(maxTotal, f))))
}

func clamp(n, low, high int) int { return max(low, min(n, high)) }

// shares turns thresholds into percentages. For each request Envoy draws a
// number below 100 and uses the first route whose threshold is above it. So a
// route gets the difference between its own threshold and the highest one
// before it.
func shares(members []weighed) (percent []int, unrouted int) {
	taken := 0
	for _, m := range members {
		threshold := clamp(m.threshold, 0, 100)
		percent = append(percent, max(0, threshold-taken))
		taken = max(taken, threshold)
	}
	return percent, 100 - taken
}

// tcpWeights returns the weights of Envoy's clusters for the members of a TCP
// group: their thresholds, or since a later version what each adds to the ones
// before.
func tcpWeights(members []weighed, version Version) []int {
	weights := make([]int, len(members))
	taken := 0
	for i, m := range members {
		weights[i] = max(0, m.threshold-taken)
		if version.TCPWeightIsShare() {
			taken = max(taken, m.threshold)
		}
	}
	return weights
}
