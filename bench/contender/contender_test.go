package contender

import (
	"testing"

	"github.com/canarize/canarize/internal/analysis"
)

// TestOneDefault checks that every cloud marks the defaults of its tool.
func TestOneDefault(t *testing.T) {
	clouds, err := Clouds()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clouds {
		strong := 0
		for _, p := range c.Points {
			if p.Default {
				strong++
			}
		}
		if want := map[bool]int{true: len(analysis.Profiles()), false: 1}[c.Name == "canarize"]; strong != want {
			t.Errorf("%s: %d defaults instead of %d", c.Name, strong, want)
		}
	}
}
