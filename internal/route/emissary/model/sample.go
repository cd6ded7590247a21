package model

import (
	"fmt"
	"math/big"
	"strings"
)

// Sample is a share below one percent: Weight percent of the requests whose id,
// a random UUID from Envoy, ends with Digits hexadecimal zeros.
// docs/emissary.md has measurements.
type Sample struct {
	Digits int // 1 or 2; 0 means all requests
	Weight int
}

// SampleHeader is the header that contains the id of a request.
const SampleHeader = "x-request-id"

// Pattern returns a regex_headers value that matches the ids of the sample.
func (s Sample) Pattern() string { return ".*" + strings.Repeat("0", s.Digits) + "$" }

// SampleOf returns the sample for a share from 0 to below 1 percent. 0 needs no
// sample. The error names the nearest possible shares, which are multiples of
// 1/256 percent.
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
	if below > 100 { // too large for two digits; use one digit, in sixteenths
		return Sample{}, near(int64(below)/16, 16)
	}
	return Sample{}, near(int64(below), 256)
}

func near(n, parts int64) error {
	share := func(n int64) string { return strings.TrimRight(big.NewRat(n, parts).FloatString(8), "0") }
	if n == 0 {
		return fmt.Errorf("below 1 %% only multiples of 1/%d %% are possible; the smallest is %s", parts, share(1))
	}
	if n+1 == parts {
		return fmt.Errorf("below 1 %% only multiples of 1/%d %% are possible; the nearest are %s and 1", parts, share(n))
	}
	return fmt.Errorf("below 1 %% only multiples of 1/%d %% are possible; the nearest are %s and %s", parts, share(n), share(n+1))
}
