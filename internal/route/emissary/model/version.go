package model

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// Version is a version of Emissary. The zero Version stands for Newest.
type Version struct{ Major, Minor, Patch int }

// Newest returns the newest released version whose behaviour the model knows.
func Newest() Version { return Version{Major: 4, Minor: 1} }

// versionPattern matches a version, or its beginning: 4.1, v3.10.0, 4.2.0-rc.1.
var versionPattern = regexp.MustCompile(`^v?([0-9]{1,4})(?:\.([0-9]{1,4})(?:\.([0-9]{1,4})(?:(?:\.[0-9A-Za-z]|[A-Za-z])[0-9A-Za-z.]*)?)?)?(?:[-+][0-9A-Za-z][-0-9A-Za-z.+]*)?$`)

// ParseVersion parses a version. A number that is left out is 0. What follows the three
// numbers does not matter.
func ParseVersion(text string) (Version, error) {
	if found := versionPattern.FindStringSubmatch(text); found != nil {
		number := func(i int) int {
			n, _ := strconv.Atoi(found[i]) // "" is 0
			return n
		}
		if v := (Version{number(1), number(2), number(3)}); v != (Version{}) {
			return v, nil
		}
	}
	return Version{}, errors.New("expected a version of Emissary, such as 4.1 or 3.10.0")
}

// imagePattern matches the version in the tag of an image of Emissary or of the
// Ambassador Edge Stack.
var imagePattern = regexp.MustCompile(`(?:^|/)(?:emissary|emissary-ingress|ambassador|aes):([^/@]+)(?:@|$)`)

// ImageVersion returns the version of Emissary that a container image has by its name and
// tag.
func ImageVersion(image string) (v Version, known bool) {
	found := imagePattern.FindStringSubmatch(image)
	if found == nil {
		return Version{}, false
	}
	v, err := ParseVersion(found[1])
	return v, err == nil
}

func (v Version) String() string {
	v = v.known()
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

func (v Version) known() Version {
	if v == (Version{}) {
		return Newest()
	}
	return v
}

// Compare returns -1, 0 or 1 if v is older than other, equal or newer.
func (v Version) Compare(other Version) int {
	v, other = v.known(), other.known()
	return cmp.Or(cmp.Compare(v.Major, other.Major), cmp.Compare(v.Minor, other.Minor), cmp.Compare(v.Patch, other.Patch))
}

// TCPWeightIsShare reports whether the weight of a TCPMapping is its share in percent.
// Up to 4.1 Emissary gives Envoy cumulative numbers as weights; a later change gives it
// the weights themselves (pull request 5995 of emissary-ingress/emissary).
func (v Version) TCPWeightIsShare() bool { return v.Compare(Version{Major: 4, Minor: 2}) >= 0 }

// MaxTCPShare returns the largest share in percent that a TCPMapping can have beside one
// without weight. Emissary accepts no weight over 100, and Envoy none below 1, not even
// for the rest.
func (v Version) MaxTCPShare() int {
	if v.TCPWeightIsShare() {
		return 99
	}
	return 50
}

// TCPWeight returns the weight that gives a TCPMapping the wanted share beside one without
// weight. The weight is rounded to a whole number, and share is the real share of that
// weight, in percent.
func (v Version) TCPWeight(percent float64) (weight int, share float64) {
	switch {
	case !(percent > 0):
		return 0, 0
	case v.TCPWeightIsShare():
		weight = min(rounded(percent), v.MaxTCPShare())
	case percent >= float64(v.MaxTCPShare()):
		weight = 100
	default:
		weight = rounded(100 * percent / (100 - percent))
	}
	return weight, v.TCPShare(weight)
}

// TCPShare returns the share in percent that a TCPMapping with a weight has beside one
// without weight.
func (v Version) TCPShare(weight int) float64 {
	if v.TCPWeightIsShare() {
		return float64(weight)
	}
	return 100 * float64(weight) / float64(weight+100)
}
