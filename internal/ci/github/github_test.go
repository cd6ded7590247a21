package github

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/ci"
)

func TestRunner(t *testing.T) {
	var outputs, summary strings.Builder
	into := func(b *strings.Builder) func([]byte) error {
		return func(text []byte) error { _, err := b.Write(text); return err }
	}
	runner := Runner{Output: into(&outputs), Summary: into(&summary)}
	begin, end := runner.Group("canarize shift\n::x::")
	if begin+end != "::group::canarize shift%0A:·:x::\n::endgroup::\n" {
		t.Errorf("%q %q", begin, end)
	}
	have := runner.Notify(ci.Notice{Level: ci.Error, Text: "50 %\r\n##[x]"}) + runner.Notify(ci.Notice{Level: ci.Progress, Text: "half"})
	if have != "::error title=canarize::50 %25%0D%0A##·[x]\n" {
		t.Errorf("%q", have)
	}
	log, err := runner.Publish(ci.Outcome{Release: "shop", State: "held", Weight: 5, Plan: "0123456789ab", Summary: []byte("# Held")})
	const want = "release<<end\nshop\nend\nstate<<end\nheld\nend\nweight<<end\n5\nend\nplan<<end\n0123456789ab\nend\n"
	if err != nil || log != "" || outputs.String() != want || summary.String() != "# Held\n" {
		t.Errorf("error %v, log %q, outputs %q, summary %q", err, log, outputs.String(), summary.String())
	}
}

// TestFiles appends twice, as two steps do, and accepts an older runner without a file.
func TestFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "output")
	runner := Runner{Output: Append(name), Summary: Append("")}
	for range 2 {
		if _, err := runner.Publish(ci.Outcome{Release: "shop"}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil || strings.Count(string(text), "release<<end\nshop\nend\n") != 2 {
		t.Errorf("error %v, %q", err, text)
	}
	runner.Summary = Append(t.TempDir())
	if _, err := runner.Publish(ci.Outcome{}); err == nil || !strings.Contains(err.Error(), "GITHUB_STEP_SUMMARY") {
		t.Errorf("error %v for a folder", err)
	}
}

// FuzzCommand: any text yields exactly one command.
func FuzzCommand(f *testing.F) {
	f.Add("a,b:c", "x\r\n::error::y")
	f.Fuzz(func(t *testing.T, title, text string) {
		line := command("error", title, text)
		if strings.Count(line, "\n") != 1 || strings.Contains(line, "\r") {
			t.Fatalf("%q", line)
		}
		head, data, found := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "::error"), "::")
		undo := strings.NewReplacer("%25", "%", "%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",")
		if !found || undo.Replace(data) != ci.Harmless(text) || title != "" && undo.Replace(head) != " title="+ci.Harmless(title) {
			t.Errorf("%q", line)
		}
	})
}

// FuzzOutput parses the output file as the runner does.
func FuzzOutput(f *testing.F) {
	f.Add("end")
	f.Add("end\nend-\nrelease=x")
	f.Fuzz(func(t *testing.T, value string) {
		first, rest, _ := strings.Cut(output("release", value), "\n")
		mark := strings.TrimPrefix(first, "release<<")
		have, after, found := strings.Cut("\n"+rest, "\n"+mark+"\n")
		if !found || after != "" || strings.TrimPrefix(have, "\n") != value && have != "\n"+value {
			t.Errorf("%q", value)
		}
	})
}
