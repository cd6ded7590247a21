package releasefile

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/metric"
)

func TestWithAnalysis(t *testing.T) {
	const before = `# Mine.
apiVersion: canarize.dev/v1alpha1
kind: Release

spec:
    # how it is judged
    analysis: {profile: fast, margins: {errors: 0.3, slow: 2}} # short
    # where it is counted

    metrics:
        source: pods   # ours
        port: 8000
        ratios:
            errors: {bad: 'e{code="500"}', total: e}
`
	const after = `# Mine.
apiVersion: canarize.dev/v1alpha1
kind: Release

spec:
    # how it is judged
    analysis:
      # calibrate: Two
      # calibrate: lines.
      profile: fast
      margins:
        # calibrate: Because.
        errors: 1.5
        slow: 2
      warmups:
        # calibrate: Cold.
        errors: 45s
    # where it is counted

    metrics:
        source: pods   # ours
        port: 8000
        ratios:
            errors: {bad: 'e{code="500"}', total: e}
`
	settings := []Setting{
		{[]string{"margins", "errors"}, "1.5", []string{"Because."}},
		{[]string{"warmups", "errors"}, "45s", []string{"Cold."}},
	}
	for name, c := range map[string]struct{ before, after string }{
		"flow": {before, after},
		"none": {
			strings.Replace(before, "    analysis: {profile: fast, margins: {errors: 0.3, slow: 2}} # short\n", "", 1),
			"",
		},
		"block":        {strings.Replace(before, "analysis: {profile: fast, margins: {errors: 0.3, slow: 2}} # short", "analysis:\n      profile: fast\n      # old\n      margins: {errors: 0.3,\n        slow: 2}", 1), strings.Replace(after, "      margins:", "      # old\n      margins:", 1)},
		"open brace":   {strings.Replace(before, "analysis: {profile: fast, margins: {errors: 0.3, slow: 2}} # short", "analysis: {\n        profile: fast, margins: {errors: 0.3, slow: 2}\n    }", 1), after},
		"again":        {after, after},
		"no last line": {strings.TrimSuffix(before, "\n"), after},
	} {
		t.Run(name, func(t *testing.T) {
			have, err := WithAnalysis("r.yml", []byte(c.before), []string{"Two", "lines."}, settings)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.after, string(have)); c.after != "" && diff != "" {
				t.Error(diff)
			}
			r, err := Parse("r.yml", have)
			if err != nil || r.Analysis.Margins["errors"] != 1.5 || r.Analysis.Warmups["errors"] != 45 || r.Metrics.Port != 8000 {
				t.Errorf("%+v, %v", r.Analysis, err)
			}
		})
	}
}

// TestWithAnalysisOfExamples edits every release file of the examples: the value is set, and
// nothing outside spec.analysis changes.
func TestWithAnalysisOfExamples(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("../../examples", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yml" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		before, err := Parse(path, content)
		if err != nil {
			return nil // another kind of file
		}
		seen++
		edited, err := WithAnalysis(path, content, []string{"Because."}, []Setting{{[]string{"margins", "errors"}, "1.25", []string{"So."}}})
		if err != nil {
			t.Error(err)
			return nil
		}
		after, err := Parse(path, edited)
		if err != nil || after.Analysis.Margins["errors"] != 1.25 {
			t.Errorf("%s: %v: %s", path, err, edited)
		}
		after.Analysis.Margins = before.Analysis.Margins
		if diff := cmp.Diff(before, after, cmp.Exporter(func(reflect.Type) bool { return true }), cmp.Comparer(func(a, b metric.Matcher) bool { return a.String() == b.String() })); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		own, _, _ := strings.Cut(string(content), "  analysis:")
		if !strings.HasPrefix(string(edited), own) && strings.Contains(string(content), "  analysis:") {
			t.Errorf("%s: what is before the analysis has changed: %s", path, edited)
		}
		return nil
	})
	if err != nil || seen < 8 {
		t.Errorf("%d files, %v", seen, err)
	}
}

func TestWithAnalysisRefuses(t *testing.T) {
	for text, says := range map[string]string{
		head: "it has no spec",
		head + "spec: {analysis: {profile: fast}}\n":                                               "write spec as a block",
		head + "metadata: {labels: &x {profile: fast}}\nspec:\n  manifests: [a]\n  analysis: *x\n": "spec.analysis is an alias",
	} {
		_, err := WithAnalysis("r.yml", []byte(text), nil, []Setting{{Path: []string{"bake"}, Value: "10m"}})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "r.yml:") {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}
