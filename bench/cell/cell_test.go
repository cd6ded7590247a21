package cell

import "testing"

func TestCount(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.04: "0", 9.94: "9.9", 9.96: "10", 999.4: "999", 999.6: "1,000", 12345.5: "12,346", 1234567: "1,234,567", -3: "−3"} {
		if have := Count(v); have != want {
			t.Errorf("%v: %q instead of %q", v, have, want)
		}
	}
}
