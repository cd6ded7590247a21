package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// report returns the tables in Markdown.
func (b *bench) report() string {
	var out strings.Builder
	made := []string{fmt.Sprintf("%d cores", runtime.NumCPU()), runtime.GOOS + "/" + runtime.GOARCH, "Go " + strings.TrimPrefix(runtime.Version(), "go")}
	if b.python3 != "" {
		made = append(made, b.python3)
	}
	if b.date != "" {
		made = append(made, b.date)
	}
	fmt.Fprintf(&out, "%s. Median of %d rounds, least and most in brackets.\n", strings.Join(made, ", "), b.rounds)
	for _, s := range b.sizes {
		b.reportSize(&out, s)
	}
	b.reportAims(&out)
	return out.String()
}

func (b *bench) reportSize(out *strings.Builder, s size) {
	fmt.Fprintf(out, "\n### %s documents (%.1f MB, parsed %.1f MB)\n\n", thousands(s.documents), float64(s.bytes)/1e6, s.parsed)
	out.WriteString("| | time | ÷ canarize | peak memory | ÷ canarize |\n|---|---|---|---|---|\n")
	base := s.contenders[0]
	for _, c := range s.contenders {
		if c.slow {
			fmt.Fprintf(out, "| %s | stopped after %s | %s | | |\n", c.name, b.limit, over(b.limit, base))
			continue
		}
		wall, peak := spreadOf(c.wall), spreadOf(c.peak)
		around := fmt.Sprintf("(%s–%s)", seconds(wall.least), seconds(wall.most))
		if len(c.wall) < b.rounds {
			around = fmt.Sprintf("(%d of %d rounds)", len(c.wall), b.rounds)
		}
		fmt.Fprintf(out, "| %s | %s %s | %s | %.0f MB | %s |\n", c.name, seconds(wall.median), around,
			ratio(wall.median, spreadOf(base.wall).median), peak.median, ratio(peak.median, spreadOf(base.peak).median))
	}
}

// over returns a lower bound for a contender that was stopped.
func over(limit time.Duration, base *contender) string {
	if base.slow {
		return ""
	}
	return "over " + ratio(limit.Seconds(), spreadOf(base.wall).median)
}

// reportAims compares the largest size, the binary and its start-up time with
// the aims.
func (b *bench) reportAims(out *strings.Builder) {
	out.WriteString("\n### Aims\n\n| | aim | measured | |\n|---|---|---|---|\n")
	row := func(what, aim, measured string, met bool) {
		verdict := "missed"
		if met {
			verdict = "met"
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", what, aim, measured, verdict)
	}
	s := b.sizes[len(b.sizes)-1]
	times, peaks := map[string]float64{}, map[string]float64{}
	for _, c := range s.contenders {
		if !c.slow {
			times[c.name], peaks[c.name] = spreadOf(c.wall).median, spreadOf(c.peak).median
		}
	}
	at := " at " + thousands(s.documents) + " documents"
	if own := times[canarize]; own > 0 {
		if t := times[scriptPython]; t > 0 {
			row("speed against the "+scriptPython+at, "≥ 20 ×", ratio(t, own), t/own >= 20)
		}
		if t := times[parsePrint]; t > 0 {
			row("time against parse and print"+at, "≤ 3 ×", ratio(own, t), own/t <= 3)
		}
		row("peak memory against the parsed input"+at, "≤ 4 ×", ratio(peaks[canarize], s.parsed), peaks[canarize]/s.parsed <= 4)
	}
	row("start, `canarize version`", "< 50 ms", fmt.Sprintf("%.0f ms (%.0f–%.0f)", b.start.median*1e3, b.start.least*1e3, b.start.most*1e3), b.start.median < 0.05)
	row("binary as `make build` makes it, stripped", "< 60 MB", fmt.Sprintf("%.1f MB (not stripped: %.1f MB)", float64(b.stripped)/1e6, float64(b.plain)/1e6), b.stripped < 60e6)
}

func ratio(a, b float64) string {
	if r := a / b; r < 10 {
		return fmt.Sprintf("%.2f ×", r)
	}
	return fmt.Sprintf("%.0f ×", a/b)
}

func seconds(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.0f ms", s*1e3)
	}
	return fmt.Sprintf("%.2f s", s)
}

// thousands writes a number with commas.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
