package report

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

func preview() Preview {
	return Preview{
		Namespace: "shop", Release: "web",
		Images: []ImageChange{{Workload: "Deployment shop/web", Container: "web", Before: "web:1", After: "web:2"}},
		Stable: []ObjectChange{
			{Object: "ConfigMap shop/web", Result: "configured", Diff: "--- ConfigMap shop/web\n+++ ConfigMap shop/web\n@@ -1 +1 @@\n-a: 1\n+a: \"```` | <b>\"\n"},
			{Object: "Deployment shop/web", Result: "configured", Diff: "--- Deployment shop/web\n+++ Deployment shop/web\n@@ -1 +1 @@\n-web:1\n+web:2\n"},
			{Object: "Service shop/web", Result: "unchanged"},
		},
		Canary:    []ObjectChange{{Object: "Deployment shop/web-canary", Result: "created"}},
		Warnings:  []rollout.Warning{{Name: "shared-claim", Object: manifest.ID{Kind: "Deployment", Namespace: "shop", Name: "web"}, Text: "mounts *it*\ntoo"}, {Name: "host-port", Text: "port", Accepted: true}},
		LeftAlone: []LeftAlone{{"Deployment shop/db", "gets no canary: | no route"}},
		Course:    Course{Steps: []float64{5, 50}, Bake: 600, Deadline: 3600, Interval: 15, Warmup: 60, Gates: []string{"lunch before promotion"}},
		Findings:  []doctor.Finding{{Check: "stable", Object: "Deployment shop/web", Problem: "it | is\npaused", Mend: "resume *it*"}},
		Foreseen: &Foreseen{RequestsPerSecond: 50, StableErrors: .1, Weights: []ForeseenWeight{
			{Weight: 5, Requests: 2.5, Rejects: []Expected{{Errors: .6, Seconds: 605}, {Errors: 100, Seconds: .3}}, Promotion: Expected{Seconds: math.Inf(1)}},
		}},
	}
}

func TestPreviewMarkdown(t *testing.T) {
	have := PreviewMarkdown(preview(), MarkdownOptions{Escape: plain})
	for _, want := range []string{
		"## Release shop/web: 2 of 3 stable objects would change, and the canary has 1\n",
		"| Deployment shop/web, web | web:1 → web:2 |\n",
		"The share takes the steps 5, 50 %. The earliest promotion comes after 10m, and the deadline is 1h.\n",
		"Gates: lunch before promotion.\n",
		"- **warning** Deployment shop/web: mounts \\*it\\* too (shared-claim)\n- **warning** : port (host-port, accepted)\n- Deployment shop/db: gets no canary: \\| no route\n\n",
		"1 finding of canarize doctor:\n\n- Deployment shop/web: it \\| is paused; resume \\*it\\*\n",
		"| share | canary's requests | 0.6 % errors: rejected in | 100 % errors: rejected in | as good as stable: enough evidence in |\n|---|---|---|---|---|\n| 5 % | 2.5 a second | 10m | less than 1s | never |\n",
		"| stable | Service shop/web | unchanged |\n| canary | Deployment shop/web-canary | created |\n",
		"\n`````diff\n--- ConfigMap shop/web\n", "\n+a: \"```` | <b>\"\n`````\n",
		"\n```diff\n--- Deployment shop/web\n",
	} {
		if !strings.Contains(have, want) {
			t.Errorf("there is no %q in\n%s", want, have)
		}
	}
}

// TestNotServed: an object of a kind that the cluster does not serve is not counted as a
// change, in any form, and the summary says what follows from it.
func TestNotServed(t *testing.T) {
	for _, c := range []struct {
		stable, canary []string
		want           string
	}{
		{[]string{"configured", "not served", "unchanged"}, []string{"created"}, "1 of 3 stable objects would change, and the canary has 1; the release would fail: the cluster does not serve the kind of 1 object\n"},
		{[]string{"not served", "unchanged"}, []string{"created", "not served"}, "0 of 2 stable objects would change, and the canary has 2; the release would fail: the cluster does not serve the kinds of 2 objects\n"},
		{[]string{"configured"}, []string{"created", "not served"}, "1 of 1 stable objects would change, and the canary has 2; the release would fail: the cluster does not serve the kind of 1 object\n"},
		{[]string{"created", "configured"}, []string{"created"}, "2 of 2 stable objects would change, and the canary has 1\n"},
	} {
		p := Preview{Namespace: "shop", Release: "web"}
		for _, result := range c.stable {
			p.Stable = append(p.Stable, ObjectChange{Object: "Door shop/" + result, Result: result})
		}
		for _, result := range c.canary {
			p.Canary = append(p.Canary, ObjectChange{Object: "Door shop/" + result + "-canary", Result: result})
		}
		text := PreviewText(p, plain, 0)
		if !strings.HasPrefix(text, "release shop/web: "+c.want) {
			t.Error(text)
		}
		markdown := PreviewMarkdown(p, MarkdownOptions{Escape: plain})
		if !strings.HasPrefix(markdown, "## Release shop/web: "+c.want) {
			t.Error(markdown)
		}
		if strings.Contains(strings.Join(c.stable, " "), "not served") && (!strings.Contains(text, "  not served  Door shop/not served\n") || !strings.Contains(markdown, "| stable | Door shop/not served | not served |\n")) {
			t.Errorf("%s\n%s", text, markdown)
		}
	}
}

func plain(s string) string { return s }

// TestPreviewFits: a preview keeps to the character limit and leaves out its diffs first.
func TestPreviewFits(t *testing.T) {
	whole := PreviewMarkdown(preview(), MarkdownOptions{Escape: plain})
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(200, 2*characters(whole)).Draw(t, "most")
		have := PreviewMarkdown(preview(), MarkdownOptions{Max: most, Escape: plain})
		if n := characters(have); n > most {
			t.Fatalf("%d characters where %d fit", n, most)
		}
		if diffs := strings.Count(have, "@@ -1"); diffs == 2 != (have == whole) {
			t.Fatalf("with %d diffs:\n%s", diffs, have)
		}
		if strings.Contains(have, "@@ -1") && !strings.Contains(have, "| canary |") {
			t.Fatalf("a diff is there and the list of objects is not:\n%s", have)
		}
	})
}

func TestPreviewText(t *testing.T) {
	have := PreviewText(preview(), func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) }, 0)
	for _, want := range []string{
		"Deployment shop/web, container web: web:1 → web:2\n", "  configured  ConfigMap shop/web\n", "\n+web:2\n",
		"5 %    2.5 a second       10m                        less than 1s               never\n",
		"  Deployment shop/web: it | is\\npaused\n    resume *it*\n",
	} {
		if !strings.Contains(have, want) {
			t.Errorf("there is no %q in\n%s", want, have)
		}
	}
	equal := Preview{Equal: true, Images: []ImageChange{{After: "a"}, {Before: "b", After: "b"}}}
	if have := PreviewText(equal, plain, 0); !strings.Contains(have, "stable is up to date") || !strings.Contains(have, "new, a") || !strings.Contains(have, "b, as now") {
		t.Error(have)
	}
}

func TestLasting(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "less than 1s", 1: "1s", 59.6: "1m", 61: "1m1s", 600: "10m", 3599: "1h", 5400: "1h30m", 36000: "10h", 90000: "25h", math.Inf(1): "never",
	} {
		if have := lasting(seconds); have != want {
			t.Errorf("%v s: %s, want %s", seconds, have, want)
		}
	}
}
