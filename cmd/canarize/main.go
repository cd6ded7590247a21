// Command canarize releases a new version to Kubernetes without hurting anyone.
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
	// What libraries log of their own goes to stderr past everything that keeps
	// foreign text harmless and this program from waiting for a reader. Errors come
	// back from calls all the same.
	klog.SetLogger(klog.Logger{})
	log.SetOutput(io.Discard)
	// Whoever stops reading the output must not kill a command on its way out: the
	// write fails instead.
	signal.Ignore(syscall.SIGPIPE)
	signalled, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(signalled)
	if os.Getenv("TF_BUILD") != "" || os.Getenv("GITHUB_ACTIONS") != "" || os.Getenv("GITLAB_CI") != "" {
		// A step that is cancelled gets several signals, some of them at the same
		// time. They all mean the same, and the last one cannot be caught.
		followAgent(cancel)
	} else {
		context.AfterFunc(ctx, stop) // a second signal ends the program at once
	}
	os.Exit(cli.Main(ctx, os.Args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
