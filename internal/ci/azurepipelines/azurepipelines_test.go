package azurepipelines

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/ci"
)

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		have, want string
	}{
		{Command("build.addbuildtag", "shop"), "##vso[build.addbuildtag]shop"},
		{Command("task.complete", "", Property{"result", "SucceededWithIssues"}), "##vso[task.complete result=SucceededWithIssues;]"},
		{Command("task.logissue", "", Property{"type", "error"}, Property{"sourcepath", ""}, Property{"linenumber", "3"}), "##vso[task.logissue type=error;linenumber=3;]"},
		{Command("a.b", "100 %\r\n;]", Property{"k", "%]\r\n;%5D"}), "##vso[a.b k=%AZP25%5D%0D%0A%3B%AZP255D;]100 %AZP25%0D%0A;]"},
		{Command("a.b", "##vso[c.d]", Property{"k", "##[e"}), "##vso[a.b k=##·[e;]##vso·[c.d]"},
	} {
		if c.have != c.want {
			t.Errorf("%s, expected %s", c.have, c.want)
		}
	}
}

// FuzzCommand parses commands as the agent does.
func FuzzCommand(f *testing.F) {
	f.Add("100 %", "a;b]c\r\n")
	f.Add("##vso[a.b]", "%0A%AZP25")
	f.Fuzz(func(t *testing.T, data, value string) {
		line := Command("task.logissue", data, Property{"type", value})
		if strings.ContainsAny(line, "\r\n") || strings.LastIndex(strings.ToLower(line), "##vso[") != 0 {
			t.Fatalf("%q", line)
		}
		head, rest, _ := strings.Cut(line, "]")
		undo := strings.NewReplacer("%AZP25", "%", "%0D", "\r", "%0A", "\n", "%5D", "]", "%3B", ";")
		if have, want := undo.Replace(rest), ci.Harmless(data); have != want {
			t.Errorf("%q instead of %q", have, want)
		}
		have, found := strings.CutPrefix(head, "##vso[task.logissue type=")
		if want := ci.Harmless(value); found != (value != "") || found && undo.Replace(strings.TrimSuffix(have, ";")) != want {
			t.Errorf("%q instead of %q", head, want)
		}
	})
}

func TestAgent(t *testing.T) {
	agent := Agent{Write: func(name string, content []byte) (string, error) {
		return "/tmp/" + name + ":" + string(content), nil
	}}
	begin, end := agent.Group("canarize shift\n##[endgroup]")
	if begin+end != "##[group]canarize shift ##·[endgroup]\n##[endgroup]\n" {
		t.Errorf("%q %q", begin, end)
	}
	if have := agent.Notify(ci.Notice{Level: ci.Warning, Text: "50 %"}) + agent.Notify(ci.Notice{Level: ci.Progress, Text: "half", Weight: 50}); have !=
		"##vso[task.logissue type=warning;]50 %AZP25\n##vso[task.setprogress value=50;]half\n" {
		t.Error(have)
	}
	log, err := agent.Publish(ci.Outcome{Release: "shop", State: "promoted", Over: true, Plan: "0123456789ab", Summary: []byte("s")})
	const want = `##vso[task.setvariable variable=canarize.release;]shop
##vso[task.setvariable variable=canarize.release;isOutput=true;]shop
##vso[task.setvariable variable=canarize.state;]promoted
##vso[task.setvariable variable=canarize.state;isOutput=true;]promoted
##vso[task.setvariable variable=canarize.weight;]0
##vso[task.setvariable variable=canarize.weight;isOutput=true;]0
##vso[task.setvariable variable=canarize.plan;]0123456789ab
##vso[task.setvariable variable=canarize.plan;isOutput=true;]0123456789ab
##vso[build.addbuildtag]shop-promoted
##vso[task.uploadsummary]/tmp/Release shop.md:s
`
	if err != nil || log != want {
		t.Errorf("error %v, got\n%s, expected\n%s", err, log, want)
	}
	full := errors.New("disk full")
	agent.Write = func(string, []byte) (string, error) { return "", full }
	if log, err = agent.Publish(ci.Outcome{Release: "shop", State: "held"}); !errors.Is(err, full) || !strings.Contains(log, "canarize.state;isOutput=true;]held\n") || strings.Contains(log, "tag") {
		t.Errorf("error %v, got\n%s", err, log)
	}
}

func TestAnnotations(t *testing.T) {
	env := map[string]string{
		"SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "https://dev.azure.com/shop/", "SYSTEM_TEAMPROJECT": "Web",
		"BUILD_BUILDNUMBER": "20260102.1", "BUILD_BUILDID": "42", "BUILD_DEFINITIONNAME": "release", "AGENT_JOBNAME": "Canary",
	}
	have := Agent{Getenv: func(name string) string { return env[name] }}.Annotations()
	want := map[string]string{
		"azure-pipelines/run": "20260102.1", "azure-pipelines/pipeline": "release", "azure-pipelines/jobName": "Canary",
		"azure-pipelines/runuri":  "https://dev.azure.com/shop/Web/_build/results?buildId=42",
		"azure-pipelines/project": "Web", "azure-pipelines/org": "https://dev.azure.com/shop/",
	}
	if !maps.Equal(have, want) {
		t.Errorf("%v, expected %v", have, want)
	}
	if have = (Agent{Getenv: func(string) string { return "" }}).Annotations(); len(have) != 0 {
		t.Errorf("%v", have)
	}
}

func TestTemporary(t *testing.T) {
	dir := t.TempDir()
	write := Temporary(dir)
	first, err := write("a.md", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := write("a.md", []byte("2"))
	if err != nil || first == second || !filepath.IsAbs(second) || filepath.Base(second) != "a.md" {
		t.Errorf("error %v, %s and %s", err, first, second)
	}
	if text, err := os.ReadFile(first); err != nil || string(text) != "1" {
		t.Errorf("error %v, %s", err, text)
	}
	if _, err := Temporary(filepath.Join(dir, "absent"))("a.md", nil); err == nil {
		t.Error("no error for a missing folder")
	}
}
