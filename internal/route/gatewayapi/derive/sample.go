package derive

import (
	"strconv"
	"strings"
)

// idHeader has the id of a request, which a gateway makes of random hexadecimal digits.
const idHeader = "x-request-id"

// none is a regular expression that no text matches: a character after the end.
const none = "$."

// sample returns a regular expression that matches a percentage of the ids that end in a
// number of zeros.
//
// Hexadecimal digits alone give no whole percentage but 25, 50 and 75, because no power of
// 16 is a multiple of 100. So the letters of an id are passed over. The characters 0 to 9
// are equally frequent in the rest, and the last two of them, read backwards, are a number
// below percent in exactly that many of 100 ids. An id of Envoy ends in 15 random digits; in
// 1 of 100,000 ids fewer than two of them are no letters, and only there the frequency
// differs. The ids of a percentage are among those of every higher one.
func sample(percent, zeros int) string {
	end := letters + strings.Repeat("0", zeros) + "$"
	tens, ones := percent/10, percent%10
	switch {
	case percent == 0:
		return none
	case percent == 100:
		return ".*" + strings.Repeat("0", zeros) + "$"
	case ones == 0: // the last of the digits decides
		return ".*" + below(tens) + end
	case tens == 0:
		return ".*" + below(ones) + letters + "0" + end
	}
	return ".*(" + below(tens) + "|" + below(ones) + letters + strconv.Itoa(tens) + ")" + end
}

// letters matches what stands between the digits 0 to 9 of an id.
const letters = "[^0-9]*"

// below matches a digit below n, which is from 1 to 10.
func below(n int) string {
	if n == 1 {
		return "0"
	}
	return "[0-" + strconv.Itoa(n-1) + "]"
}
