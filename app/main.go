// Command app is the sample application that canarize releases: a small web
// server that can be told to fail or to be slow, so that a good and a bad new
// version can be tried out without writing either.
//
// It listens on two ports. PORT (8080) answers GET / with 200 "Hello World!"
// or, as often as SUCCESS_RATE asks for, with 500 "Internal Server Error"; it
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
	// Draining takes seconds. Handing the signals back at once lets a second
	// Ctrl-C end the process for somebody who does not want to wait.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stderr))
}
