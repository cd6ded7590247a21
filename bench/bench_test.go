package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestApplications(t *testing.T) {
	text := applications(3)
	if !bytes.Equal(text, applications(3)) || !bytes.HasPrefix(text, applications(2)) {
		t.Error("the input differs between runs or sizes")
	}
	file := filepath.Join(t.TempDir(), "input.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := countObjects(file); err != nil || n != 3*documentsPerApplication {
		t.Errorf("%d objects, %v", n, err)
	}
	if trees, err := parse(text); err != nil || len(trees) < 3*documentsPerApplication {
		t.Errorf("%d trees, %v", len(trees), err)
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
		{[]float64{4, 1, 2, 9}, spread{3, 1, 9}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("%v: %v instead of %v", c.values, got, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	b := bench{options: options{rounds: 3, limit: 15 * time.Minute}, sizes: []size{{documents: 10_000, bytes: 3e6, parsed: 60, contenders: []*contender{
		{name: canarize, wall: []float64{1, 2, 3}, peak: []float64{180, 180, 180}},
		{name: parsePrint, wall: []float64{.5, .5, .5}, peak: []float64{90, 90, 90}},
		{name: "slower", wall: []float64{40}, peak: []float64{20}},
		{name: "slowest", slow: true},
	}}}}
	got := b.report()
	for _, want := range []string{
		"### 10,000 documents (3.0 MB, parsed 60.0 MB)",
		"| canarize generate | 2.00 s (1.00 s–3.00 s) | 1.00 × | 180 MB | 1.00 × |",
		"| slower | 40.00 s (1 of 3 rounds) | 20 × | 20 MB | 0.11 × |",
		"| slowest | stopped after 15m0s | over 450 × | | |",
		"| time against parse and print at 10,000 documents | ≤ 3 × | 4.00 × | missed |",
		"| peak memory against the parsed input at 10,000 documents | ≤ 4 × | 3.00 × | met |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
