//go:build unix

// Package script runs the command line as users do. Each *.txtar is a script of commands
// with the files that they read. Most scripts test bad input.
package script

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/canarize/canarize/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaning{m}, map[string]func(){
		"canarize": canarize, "kubectl-canarize": canarize, // the same program under two names
		"big": big,
	})
}

// cleaning runs the tests and removes the built program.
type cleaning struct{ *testing.M }

func (c cleaning) Run() int {
	defer func() { _ = os.RemoveAll(buildDir) }()
	return c.M.Run()
}

// buildDir is the folder of the built program; "" before the build.
var buildDir string

// canarize runs cmd/canarize in a process of the test binary.
func canarize() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(cli.Main(ctx, os.Args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

func TestScript(t *testing.T) {
	app, err := os.ReadFile("testdata/app.yml")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { heard.report(t) })
	testscript.Run(t, testscript.Params{
		Deadline:            time.Now().Add(8 * time.Minute), // fails if an input makes the program hang
		Dir:                 ".",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", examples)
			// A Deployment (line 1), its Service (24) and its Mapping (35).
			env.Setenv("EXAMPLES", examples)
			return os.WriteFile(env.WorkDir+"/app.yml", app, 0o600)
		},
		Condition: func(cond string) (bool, error) {
			return cond == "root" && os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"refused": refused,
			"exits":   exits,
			"alter":   alter,
			"bytes":   writeBytes,
			"fifo":    fifo,
			"keeps":   keeps,
			"decoded": decoded,
			"mode":    mode,
		},
	})
}
