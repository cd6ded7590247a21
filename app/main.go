// Command app is the sample application that canarize releases: a small web
// server that fails or slows down on request, to try out good and bad versions
// without writing any.
//
// It listens on two ports. PORT (8080) answers GET / with 200 "Hello World!"
// or, as often as SUCCESS_RATE demands, with 500 "Internal Server Error"; it
// also serves /healthz and /readyz. PROMETHEUS_PORT (8000) serves /metrics.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Draining takes seconds. When ctx ends, restore the default signal handling,
	// so that a second Ctrl-C ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stderr))
}
