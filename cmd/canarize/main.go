// Command canarize releases a new version to Kubernetes as an exact, verified, judged
// canary.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/klog/v2"

	"github.com/canarize/canarize/internal/cli"
)

func main() {
	// Libraries must not log to stderr: their output would bypass the code that makes
	// foreign text harmless and keeps this program from waiting for a reader. Their
	// errors still come back from calls.
	klog.SetLogger(klog.Logger{})
	log.SetOutput(io.Discard)
	// If the reader of the output is gone, writes fail. They must not kill a command that
	// leaves a release.
	signal.Ignore(syscall.SIGPIPE)
	signalled, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(signalled)
	if os.Getenv("TF_BUILD") != "" || os.Getenv("GITHUB_ACTIONS") != "" || os.Getenv("GITLAB_CI") != "" {
		// A cancelled step gets several signals, some at the same time. They all mean the
		// same. The last one, SIGKILL, cannot be caught.
		followAgent(cancel)
	} else {
		context.AfterFunc(ctx, stop) // a second signal ends the program at once
	}
	os.Exit(cli.Main(ctx, os.Args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
