package pipelines

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// need returns the path of a program, or skips the test with one line.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed; this test needs it", program)
	}
	return path
}

// eachScript runs a subtest for every bash step, with the script in a file.
func eachScript(t *testing.T, test func(t *testing.T, s step, file string)) {
	t.Helper()
	load(t).each(func(hook string, s step) {
		if s.Bash == "" {
			return
		}
		t.Run(hook+"/"+s.DisplayName, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "script.sh")
			if err := os.WriteFile(file, []byte(s.Bash), 0o600); err != nil {
				t.Fatal(err)
			}
			test(t, s, file)
		})
	})
}

func TestScriptsStopAtErrors(t *testing.T) {
	eachScript(t, func(t *testing.T, s step, _ string) {
		if !strings.HasPrefix(s.Bash, "set -euo pipefail\n") {
			t.Error("does not begin with `set -euo pipefail`")
		}
		if macro := regexp.MustCompile(`\$\([A-Za-z.]+\)`).FindString(s.Bash); macro != "" {
			t.Errorf("%s is replaced in the text before bash reads it; use the environment", macro)
		}
	})
}

func TestScriptsParse(t *testing.T) {
	bash := need(t, "bash")
	eachScript(t, func(t *testing.T, _ step, file string) {
		if output, err := exec.CommandContext(t.Context(), bash, "-n", file).CombinedOutput(); err != nil {
			t.Errorf("bash -n: %v\n%s", err, output)
		}
	})
}

func TestScriptsPassShellcheck(t *testing.T) {
	shellcheck := need(t, "shellcheck")
	eachScript(t, func(t *testing.T, _ step, file string) {
		command := exec.CommandContext(t.Context(), shellcheck, "--shell=bash", file)
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("shellcheck: %v\n%s", err, output)
		}
	})
}

// invocation is a call of canarize in a script.
type invocation struct {
	verb  string
	flags []string
}

var (
	continuation = regexp.MustCompile(` *\\\n\s*`)
	call         = regexp.MustCompile(`(?:^|[\s;|&({/"])canarize"?[ \t]+([^\n|>;]+)`)
	longFlag     = regexp.MustCompile(`(?:^|\s)(--?[A-Za-z][A-Za-z-]*)`)
)

// invocations finds the calls of canarize in a script. It skips quoted messages that
// mention canarize.
func invocations(script string) []invocation {
	var found []invocation
	for line := range strings.Lines(continuation.ReplaceAllString(script, " ")) {
		if strings.HasPrefix(strings.TrimSpace(line), "echo ") || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, match := range call.FindAllStringSubmatch(line, -1) {
			verb, rest, _ := strings.Cut(match[1], " ")
			if !regexp.MustCompile(`^[a-z]+$`).MatchString(verb) {
				continue // a path that ends in canarize, as in `chmod +x` or `go build -o`
			}
			var flags []string
			for _, flag := range longFlag.FindAllStringSubmatch(rest, -1) {
				flags = append(flags, flag[1])
			}
			found = append(found, invocation{verb, flags})
		}
	}
	return found
}

func TestInvocations(t *testing.T) {
	got := invocations("chmod +x release/canarize\necho \"run canarize shift --now\"\n" +
		"\"$release/canarize\" generate --image \"$(<image)\" \\\n  -w 10 manifests\n" +
		"release/canarize traffic a | sed --quiet p\ngo build -o canarize ./cmd/canarize\n")
	if len(got) != 2 || got[0].verb != "generate" || !slices.Equal(got[0].flags, []string{"--image", "-w"}) ||
		got[1].verb != "traffic" || got[1].flags != nil {
		t.Errorf("got %v", got)
	}
}

// TestCanarizeFlagsExist checks the verbs and flags in the scripts against canarize
// itself.
func TestCanarizeFlagsExist(t *testing.T) {
	canarize := buildCanarize(t)
	calls := 0
	eachScript(t, func(t *testing.T, s step, _ string) {
		if len(invocations(s.Bash)) > 0 {
			calls++
			flagsExist(t, canarize, s.Bash)
		}
	})
	if calls == 0 {
		t.Error("no script runs canarize; has the way to call it changed?")
	}
}

// buildCanarize builds canarize as the pipeline does.
func buildCanarize(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "canarize")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/canarize")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/canarize: %v\n%s", err, output)
	}
	return program
}
