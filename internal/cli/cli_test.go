package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// run runs a command line and returns its output and exit code.
func run(ctx context.Context, t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Main(ctx, append([]string{"canarize"}, args...), Streams{In: strings.NewReader(stdin), Out: &out, Err: &err})
	return code, out.String(), err.String()
}

const shop = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: shop}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
`

// TestExitCodes covers every exit code.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name  string
		ctx   context.Context
		stdin string
		args  []string
		want  int
	}{
		{"done", t.Context(), shop, []string{"-"}, 0},
		{"help", t.Context(), "", []string{"--help"}, 0},
		{"version", t.Context(), "", []string{"version"}, 0},
		{"traffic", t.Context(), shop, []string{"traffic", "-"}, 0},
		{"differs", t.Context(), shop, []string{"diff", "-"}, 1},
		{"cannot write", t.Context(), shop, []string{"-o", filepath.Join(dir, "no", "file"), "-"}, 1},
		{"wrong flag", t.Context(), shop, []string{"--nope", "-"}, 2},
		{"wrong value", t.Context(), shop, []string{"-w", "101", "-"}, 2},
		{"wrong verb", t.Context(), shop, []string{"nope"}, 2},
		{"no input", t.Context(), "", []string{"generate"}, 2},
		{"invalid input", t.Context(), "a: b", []string{"-"}, 2},
		{"invalid input of diff", t.Context(), "a: b", []string{"diff", "-"}, 2},
		{"missing file", t.Context(), "", []string{"generate", filepath.Join(dir, "no.yml")}, 2},
		{"output is a folder", t.Context(), shop, []string{"-o", dir, "-"}, 2},
		{"interrupted", interrupted, shop, []string{"-"}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(c.ctx, t, c.stdin, c.args...)
			if code != c.want {
				t.Errorf("exit code %d instead of %d; stderr %q", code, c.want, stderr)
			}
			if code > 1 && (stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "canarize: ")) {
				t.Errorf("stdout %q, stderr %q", stdout, stderr)
			}
		})
	}
}

// failing is a stream that fails on read and write.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk on fire") }
func (failing) Read([]byte) (int, error)  { return 0, errors.New("disk on fire") }

func TestStreamErrors(t *testing.T) {
	for _, args := range [][]string{{"-"}, {"diff", "-"}, {"traffic", "-"}, {"traffic", "-o", "json", "-"}, {"version"}, {"version", "-o", "json"}} {
		var stderr bytes.Buffer
		code := Main(t.Context(), append([]string{"canarize"}, args...), Streams{In: strings.NewReader(shop), Out: failing{}, Err: &stderr})
		if code != exitOutside || !strings.HasSuffix(stderr.String(), "disk on fire\n") {
			t.Errorf("%v: exit code %d, stderr %q", args, code, stderr.String())
		}
	}
	var stdout, stderr bytes.Buffer
	code := Main(t.Context(), []string{"canarize", "-"}, Streams{In: failing{}, Out: &stdout, Err: &stderr})
	if code != exitInvalid || stderr.String() != "canarize: standard input: disk on fire\n" || stdout.Len() > 0 {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
}

func TestDefaultVerb(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, file := range []string{"app.yml", "plain", "diff"} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"", ""},
		{"-h", "-h"},
		{"--help", "--help"},
		{"help", "help"},
		{"help generate", "help generate"},
		{"generate app.yml", "generate app.yml"},
		{"diff", "diff"}, // a verb, although a file has that name
		{"./diff", "generate ./diff"},
		{"traffic -o json", "traffic -o json"},
		{"version", "version"},
		{"completion bash", "completion bash"},
		{"__complete generate -", "__complete generate -"},
		{"__completeNoDesc generate -", "__completeNoDesc generate -"},
		{"-w 25 app.yml", "generate -w 25 app.yml"},
		{"-m", "generate -m"},
		{"-", "generate -"},
		{"app.yml", "generate app.yml"},
		{"plain", "generate plain"},
		{"missing.yml", "generate missing.yml"},
		{"missing/", "generate missing/"},
		{"*.yml", "generate *.yml"},
		{"frobnicate", "frobnicate"},
		{"genrate app.yml", "genrate app.yml"},
	} {
		have := defaultVerb(newRoot("canarize", Streams{}), strings.Fields(c.args))
		if !slices.Equal(have, strings.Fields(c.want)) {
			t.Errorf("%q becomes %q, not %q", c.args, have, c.want)
		}
	}
}

func TestNameOfProgram(t *testing.T) {
	for program, want := range map[string]string{
		"canarize": "  canarize VERB [flags] [arguments]", "/usr/bin/canarize": "  canarize VERB [flags] [arguments]", "other": "  canarize VERB [flags] [arguments]",
		"kubectl-canarize": "  kubectl canarize VERB [flags] [arguments]", "/usr/bin/kubectl-canarize": "  kubectl canarize VERB [flags] [arguments]",
	} {
		var stdout, stderr bytes.Buffer
		if code := Main(t.Context(), []string{program, "--help"}, Streams{Out: &stdout, Err: &stderr}); code != exitDone {
			t.Fatalf("exit code %d: %s", code, stderr.String())
		}
		if !strings.Contains(stdout.String(), "\n"+want+"\n") {
			t.Errorf("%s: the help does not say %q:\n%s", program, want, stdout.String())
		}
	}
}

// TestNotesAreOneLine: text in the input cannot forge another message.
func TestNotesAreOneLine(t *testing.T) {
	hostile := strings.Replace(shop, "metadata: {name: shop}", `metadata: {name: shop, annotations: {"a": "b"}}`, 1) +
		"---\napiVersion: example.com/v1\nkind: Other\nmetadata: {name: \"x\\x1b[31m\\u202e##vso[a]\"}\n"
	code, stdout, stderr := run(t.Context(), t, hostile, "--debug", "-")
	if code != exitDone && code != exitInvalid {
		t.Errorf("exit code %d", code)
	}
	if code == exitInvalid && stdout != "" {
		t.Errorf("stdout %q", stdout)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(stderr, "\n"), "\n") {
		if !strings.HasPrefix(line, "canarize: ") || strings.Contains(line, "\x1b") || strings.Contains(line, "##vso[") {
			t.Errorf("stderr has the line %q", line)
		}
	}
}

func TestErrorKeepsItsCode(t *testing.T) {
	err := fmt.Errorf("more: %w", outside(os.ErrPermission))
	var coded exitError
	if !errors.As(err, &coded) || coded.code != exitOutside || !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v lost its code or cause", err)
	}
	if outside(nil) != nil {
		t.Error("outside(nil) is not nil")
	}
}
