package look

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	defined = regexp.MustCompile(`(--[a-z]+):`)
	used    = regexp.MustCompile(`var\((--[a-z]+)\)|colour\("(--[a-z]+)"\)`)
	printed = regexp.MustCompile(`(?s)@media print \{.*`)
)

// TestOneLook: the report and the page define no colours of their own, but for paper, and use
// only those that there are. Each is there for light and for dark.
func TestOneLook(t *testing.T) {
	light, dark, _ := strings.Cut(CSS(), "@media (prefers-color-scheme: dark)")
	known := map[string]bool{}
	for _, m := range defined.FindAllStringSubmatch(light, -1) {
		if known[m[1]] = true; !strings.Contains(dark, m[1]+":") {
			t.Errorf("%s has no colour for dark", m[1])
		}
	}
	if len(known) < 9 {
		t.Fatalf("only %v", known)
	}
	texts := map[string]string{"look.css": CSS()}
	for _, file := range []string{"../page/assets/page.css", "../page/assets/lanes.js", "../report/page.gohtml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = printed.ReplaceAllString(string(text), "")
		for _, own := range defined.FindAllString(texts[file], -1) {
			t.Errorf("%s defines %s", file, own)
		}
	}
	for file, text := range texts {
		for _, m := range used.FindAllStringSubmatch(text, -1) {
			if name := m[1] + m[2]; !known[name] {
				t.Errorf("%s uses %s, which look.css does not define", file, name)
			}
		}
	}
}

var colour = regexp.MustCompile(`--([a-z]+): #([0-9a-f]{3,6})\b`)

// luminance returns the relative luminance of a colour such as fff or 1f2328, from 0 to 1
// (WCAG 2.2, "relative luminance").
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	sum := 0.
	for i, weight := range []float64{.2126, .7152, .0722} {
		part, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(part) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestContrast: every colour of a text can be read on both backgrounds, in both schemes and
// on paper: at least 4.5:1 (WCAG 2.2, success criterion 1.4.3). The outline of the focus
// needs 3:1 (1.4.11).
func TestContrast(t *testing.T) {
	light, dark, _ := strings.Cut(CSS(), "@media (prefers-color-scheme: dark)")
	page, err := os.ReadFile("../report/page.gohtml")
	if err != nil {
		t.Fatal(err)
	}
	schemes := map[string]map[string]string{}
	for name, text := range map[string]string{"light": light, "dark": dark, "print": printed.FindString(string(page))} {
		schemes[name] = map[string]string{}
		for _, m := range colour.FindAllStringSubmatch(text, -1) {
			schemes[name][m[1]] = m[2]
		}
	}
	least := map[string]float64{"ink": 4.5, "dim": 4.5, "good": 4.5, "bad": 4.5, "wait": 4.5, "focus": 3}
	for scheme, colours := range schemes {
		for _, background := range []string{"paper", "soft"} {
			if scheme == "print" && background == "soft" {
				continue // nothing is printed on it
			}
			for name, want := range least {
				if scheme == "print" && name == "focus" {
					continue
				}
				if colours[name] == "" || colours[background] == "" {
					t.Fatalf("%s: no colour %s or %s", scheme, name, background)
				}
				a, b := luminance(t, colours[name]), luminance(t, colours[background])
				if ratio := (max(a, b) + .05) / (min(a, b) + .05); ratio < want {
					t.Errorf("%s: %s on %s is %.2f:1, less than %g:1", scheme, name, background, ratio, want)
				}
			}
		}
	}
}
