package model_test

import (
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// TestSampleOf checks that a returned sample has exactly the requested share,
// and that the shares named in an error are possible.
func TestSampleOf(t *testing.T) {
	share := func(s model.Sample) *big.Rat {
		return big.NewRat(int64(s.Weight), []int64{1, 16, 256}[s.Digits])
	}
	given := 0
	for n := int64(1); n < 4096; n++ {
		percent := big.NewRat(n, 4096)
		s, err := model.SampleOf(percent)
		if err == nil {
			given++
			if share(s).Cmp(percent) != 0 {
				t.Errorf("%s %%: %v", percent.FloatString(8), s)
			}
			continue
		}
		named := regexp.MustCompile(`0\.[0-9]+`).FindAllString(err.Error(), -1)
		for _, text := range named {
			can, _ := new(big.Rat).SetString(text)
			if _, err := model.SampleOf(can); err != nil {
				t.Errorf("%s %%: %s is not possible either: %v", percent.FloatString(8), text, err)
			}
		}
		if len(named) == 0 {
			t.Errorf("%s %%: %v", percent.FloatString(8), err)
		}
	}
	if given != 109 { // 1/256 to 100/256, and the sixteenths above
		t.Errorf("%d shares below 1 %%", given)
	}
}

func TestPattern(t *testing.T) {
	pattern := regexp.MustCompile("^(?:" + model.Sample{Digits: 2}.Pattern() + ")$")
	for id, want := range map[string]bool{strings.Repeat("a", 34) + "00": true, strings.Repeat("a", 35) + "0": false, "00a": false} {
		if pattern.MatchString(id) != want {
			t.Errorf("%s: %v", id, !want)
		}
	}
}
