package cli

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/ci"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/saying"
	"github.com/canarize/canarize/internal/spool"
	"github.com/canarize/canarize/internal/wiring"
)

// TestCodeOf: every refusal ends with the code of what it says, with its advice, however
// deep it is in an error.
func TestCodeOf(t *testing.T) {
	for _, code := range rollout.Codes() {
		r := &rollout.Refusal{Code: code, Because: "web", Err: errors.New("x"), Objects: []string{"Deployment shop/web"}}
		err := fmt.Errorf("release eu/shop: %w", advised(aRelease, runner.RefusedError{Refusal: r}))
		want, _ := saying.OfRefusal(code)
		if got := codeOf(err.Error(), err); got != want.Code {
			t.Errorf("%s: %q has the code %q instead of %s", code, err, got, want.Code)
		}
	}
	if got := codeOf("", &rollout.Refusal{Code: rollout.RefusedHeld}); got != "" {
		t.Errorf("no message has the code %s", got)
	}
}

// TestCodeIsNeverCutOff: the code stands at the end of a line of any length.
func TestCodeIsNeverCutOff(t *testing.T) {
	line := codedLine(strings.Repeat("é", maxLine) + "\n\x1b[31m: no progress for 10m")
	if !strings.HasSuffix(line, " [CZ2003]") || strings.ContainsAny(line, "\n\x1b") {
		t.Error(line)
	}
}

// TestNotices: the notices of CI systems have the code, where it is known.
func TestNotices(t *testing.T) {
	for name, want := range map[string]string{
		"github":          "::error title=canarize CZ2003::no progress for 10m\n::warning title=canarize::x\n",
		"azure-pipelines": "##vso[task.logissue type=error;code=CZ2003]no progress for 10m [CZ2003]\n##vso[task.logissue type=warning]x\n",
	} {
		system, err := wiring.CISystem(name, func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		p := &pipeline{system: system, log: &log, spool: spool.New(spool.Options{MaxDroppable: 1, Patience: patience})}
		_ = p.fail(errors.New("no progress for 10m"))
		p.notice(ci.Warning, "", 0, "x")
		p.spool.Flush()
		if got := strings.ReplaceAll(log.String(), ";]", "]"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestExplainEverything: every code has a page that fits into a terminal, and whatever a
// message says leads to its code.
func TestExplainEverything(t *testing.T) {
	for _, s := range saying.All() {
		for _, width := range []int{0, 40, 80} {
			for line := range strings.Lines(prose(s.Means+"\n"+s.Do, width)) {
				if line = strings.TrimSuffix(line, "\n"); width > 0 && len([]rune(line)) > width && !strings.HasPrefix(line, "    ") && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("%s at %d columns: %s", s.Code, width, line)
				}
			}
		}
		if found, err := meant(s.Says[0]); err != nil || found[0].Code != s.Code {
			t.Errorf("%s: %q leads to %v, %v", s.Code, s.Says[0], found, err)
		}
	}
}

// TestFlagsOfMessages: the pages name only flags that exist. TestDocumentedCommands checks
// the commands.
func TestFlagsOfMessages(t *testing.T) {
	_, flags := vocabulary(t)
	flags = append(flags, "--help")
	kubectl := []string{"--server-side", "--field-manager", "--previous", "--replicas", "--type", "--raw"}
	for _, s := range saying.All() {
		for _, flag := range aFlag.FindAllString(s.Means+" "+s.Do, -1) {
			if !slices.Contains(flags, flag) && !slices.Contains(kubectl, flag) {
				t.Errorf("%s: there is no flag %s", s.Code, flag)
			}
		}
	}
}
