package derive

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
)

// number returns the number that the last two of the digits 0 to 9 are, read backwards,
// before so many characters at the end, which have to be 0. It is -1 if there are fewer.
func number(id string, zeros int) int {
	for range zeros {
		if id == "" || id[len(id)-1] != '0' {
			return -1
		}
		id = id[:len(id)-1]
	}
	var last []int
	for i := len(id) - 1; i >= 0 && len(last) < 2; i-- {
		if id[i] >= '0' && id[i] <= '9' {
			last = append(last, int(id[i]-'0'))
		}
	}
	if len(last) < 2 {
		return -1
	}
	return 10*last[0] + last[1]
}

// TestSample compares the expression of every percentage with arithmetic, for all ends of
// three hexadecimal digits, or two before zeros, and counts: of the ends with two digits from 0 to 9, exactly that
// percentage fits.
func TestSample(t *testing.T) {
	for zeros := range 3 {
		for percent := range 101 {
			expression := regexp.MustCompile("^(?:" + sample(percent, zeros) + ")$") // Envoy matches the whole text
			anywhere := regexp.MustCompile(sample(percent, zeros))                   // others a part of it
			fit, all := 0, 0
			digits := 3
			if zeros > 0 {
				digits = 2
			}
			for end := range 1 << (4 * digits) {
				for _, tail := range []string{strings.Repeat("0", zeros), strings.Repeat("8", zeros)} {
					id := fmt.Sprintf("fedcba-%0*x%s", digits, end, tail)
					n := number(id, zeros)
					have := expression.MatchString(id)
					switch {
					case anywhere.MatchString(id) != have:
						t.Fatalf("%d %%: %s fits %s as a whole: %v, as a part: %v", percent, expression, id, have, !have)
					case n < 0:
						continue // another tail, or fewer than two digits
					case have != (n < percent):
						t.Fatalf("%d %%: %s fits %s: %v", percent, expression, id, have)
					case have:
						fit++
					}
					all++
				}
			}
			if fit*100 != all*percent || all == 0 {
				t.Errorf("%d %%, %d zeros: %d of %d", percent, zeros, fit, all)
			}
		}
	}
}

// TestSampleOfEnvoy computes how often an id of Envoy fits: a UUID of version 4 (RFC 9562),
// in which Envoy stores in the version whether the request is traced
// (source/extensions/request_id/uuid).
func TestSampleOfEnvoy(t *testing.T) {
	random := "0123456789abcdef"
	// The characters from the end.
	var places []string
	for range 12 {
		places = append(places, random)
	}
	places = append(places, "-", random, random, random, "89ab", "-", random, random, random, "49ab")
	// chance[n] is the chance of a state: no digit yet, or the last one is n.
	for percent := range 101 {
		chance := map[int]float64{-1: 1}
		fits := 0.0
		for _, place := range places {
			next := map[int]float64{}
			for state, p := range chance {
				for _, c := range place {
					q := p / float64(len(place))
					switch digit := int(c - '0'); {
					case c < '0' || c > '9':
						next[state] += q
					case state < 0:
						next[digit] += q
					case 10*state+digit < percent:
						fits += q
					}
				}
			}
			chance = next
		}
		if want := float64(percent) / 100; math.Abs(fits-want) > 1e-6 {
			t.Errorf("%d %%: %.7f %%", percent, 100*fits)
		}
	}
}
