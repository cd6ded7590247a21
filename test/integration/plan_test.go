//go:build integration

package integration

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/canarize/canarize/internal/report"
)

// testPlan runs canarize plan before, during and after a release.
func testPlan(t *testing.T, s shop) {
	s.text = strings.Replace(s.text, `"*"`, "plan.example.com", 1)
	s.apply(t, s.text[strings.LastIndex(s.text, "---")+3:]) // the Mapping, alone in its group
	plan := func(tag string, more ...string) []string {
		return append([]string{"plan", s.version(t, tag), "--requests-per-second", "50"}, more...)
	}
	o := s.expect(t, 1, plan("v2"))
	t.Log("\n" + o.out)
	for _, text := range []string{
		"2 of 4 stable objects would change, and the canary has 4",
		"container shop: registry.example.com/shop:v1 → registry.example.com/shop:v2",
		"-        image: registry.example.com/shop:v1", "+        image: registry.example.com/shop:v2", "+  key: (masked, new)",
	} {
		if !strings.Contains(o.out, text) {
			t.Errorf("the output has no %q", text)
		}
	}
	secret := base64.StdEncoding.EncodeToString([]byte("v2"))
	var p report.Preview
	for _, format := range []string{"text", "json", "markdown"} {
		if o := s.expect(t, 1, plan("v2", "-o", format)); strings.Contains(o.out, secret) || strings.Contains(o.out, base64.StdEncoding.EncodeToString([]byte("v1"))) {
			t.Errorf("-o %s shows the content of a Secret:\n%s", format, o.out)
		} else if format == "json" {
			if err := json.Unmarshal([]byte(o.out), &p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if p.Equal || p.Release != "shop" || len(p.Images) != 1 || len(p.Stable) != 4 || len(p.Canary) != 4 || p.Foreseen == nil || len(p.Foreseen.Weights) == 0 {
		t.Errorf("%+v", p)
	}
	whole := s.expect(t, 1, plan("v2", "-o", "markdown", "--max-chars", "100000")).out
	most := len(utf16.Encode([]rune(whole))) - 1
	short := s.expect(t, 1, plan("v2", "-o", "markdown", "--max-chars", strconv.Itoa(most))).out
	if n := len(utf16.Encode([]rune(short))); n > most || !strings.Contains(short, "One diff is left out") {
		t.Errorf("%d characters, at most %d:\n%s", n, most, short)
	}
	s.check(t, "v1", -1) // nothing was written
	s.do(t, s.deploy(t, "v2"), shift("10"))
	s.expect(t, 1, plan("v2"))
	s.do(t, promote)
	if o := s.expect(t, 0, plan("v2")); !strings.Contains(o.out, "stable is up to date, a promotion would change nothing") {
		t.Errorf("after the promotion:\n%s", o.out)
	}
}
