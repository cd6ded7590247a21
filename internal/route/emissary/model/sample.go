package model

import (
	"fmt"
	"math/big"
	"strings"
)

// Sample is a share below one percent: Weight percent of the requests whose id,
// a random UUID that Envoy makes, ends in Digits hexadecimal zeros. Measured in
// docs/emissary.md.
type Sample struct {
	Digits int // 1 or 2; 0 means all requests
	Weight int
}

// SampleHeader is the header that carries the id of a request.
const SampleHeader = "x-request-id"

// Pattern matches the ids of the sample, as a regex_headers value.
func (s Sample) Pattern() string { return ".*" + strings.Repeat("0", s.Digits) + "$" }

// SampleOf finds the sample with a share from 0 to below 1 percent; 0 needs none.
// The error names the nearest shares that can be had: multiples of 1/256 percent.
func SampleOf(percent *big.Rat) (Sample, error) {
	if percent.Sign() == 0 {
		return Sample{}, nil
	}
	for digits, parts := range []int64{16, 256} {
		weight := new(big.Rat).Mul(percent, big.NewRat(parts, 1))
		if n := weight.Num().Int64(); weight.IsInt() && n > 0 && n <= 100 {
			return Sample{Digits: digits + 1, Weight: int(n)}, nil
		}
	}
	below, _ := new(big.Rat).Mul(percent, big.NewRat(256, 1)).Float64()
	if below > 100 { // more than two digits can give: sixteenths
		return Sample{}, near(int64(below)/16, 16)
	}
	return Sample{}, near(int64(below), 256)
}

func near(n, parts int64) error {
	share := func(n int64) string { return strings.TrimRight(big.NewRat(n, parts).FloatString(8), "0") }
	if n == 0 {
		return fmt.Errorf("below 1 %% there are multiples of 1/%d %%; the smallest is %s", parts, share(1))
	}
	if n+1 == parts {
		return fmt.Errorf("below 1 %% there are multiples of 1/%d %%; the nearest are %s and 1", parts, share(n))
	}
	return fmt.Errorf("below 1 %% there are multiples of 1/%d %%; the nearest are %s and %s", parts, share(n), share(n+1))
}
