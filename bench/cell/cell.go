// Package cell formats the numbers in the tables of the benchmarks.
package cell

import (
	"fmt"
	"strings"

	"github.com/canarize/canarize/internal/simulate"
)

// Share formats a share with its 95 % interval, in percent.
func Share(s simulate.Share) string {
	return fmt.Sprintf("%s (%s–%s)", Percent(s.Percent), Percent(s.Low), Percent(s.High))
}

// Percent formats with one decimal, unless that is 0.
func Percent(p float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", p), ".0")
}

// Minutes formats minutes with at most two decimals.
func Minutes(m float64) string {
	return strings.TrimSuffix(strings.TrimSuffix(fmt.Sprintf("%.2f", m), "0"), ".0")
}

// Count formats with one decimal below ten, and with commas from a thousand.
func Count(v float64) string {
	switch {
	case v < 0:
		return "−" + Count(-v)
	case v < 9.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	case v < 999.5:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%s,%03d", Count(float64(int(v+0.5)/1000)), int(v+0.5)%1000)
}
