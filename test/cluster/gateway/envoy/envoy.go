// Package envoy runs an Envoy and queries which configuration it has accepted.
package envoy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Envoy holds the path of the program and the address of its admin interface.
type Envoy struct {
	Path  string
	Admin string // host:port
	Log   io.Writer
}

// stopGrace is the time that Envoy has to end before it is killed.
const stopGrace = 5 * time.Second

// Validate asks Envoy whether it would accept a configuration file.
func (e Envoy) Validate(ctx context.Context, file string) error {
	cmd := exec.CommandContext(ctx, e.Path, "--mode", "validate", "-c", file, "-l", "error", "--concurrency", "1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("Envoy refuses the configuration %s: %w: %s", file, err, firstPart(out))
	}
	return nil
}

// firstPart returns the output without the configuration, which Envoy quotes completely.
func firstPart(output []byte) []byte {
	output, _, _ = bytes.Cut(bytes.TrimSpace(output), []byte(": {"))
	return output[:min(len(output), 1000)]
}

// Run runs Envoy with a configuration file until Envoy or ctx ends. Envoy ends with this
// process, even if that is killed.
func (e Envoy) Run(ctx context.Context, file string) error {
	// The kernel ends Envoy with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, e.Path, "-c", file, "-l", "warn", "--disable-hot-restart")
	cmd.Stdout, cmd.Stderr = e.Log, e.Log
	cmd.SysProcAttr = sysProcAttr()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(errors.New("Envoy has ended by itself"), err)
}

// Ready reports whether Envoy is up and serving.
func (e Envoy) Ready(ctx context.Context) bool {
	body, err := e.Get(ctx, "/ready")
	return err == nil && strings.TrimSpace(string(body)) == "LIVE"
}

// Get returns a page of the admin interface.
func (e Envoy) Get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.Admin+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask Envoy's admin interface: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("ask Envoy's admin interface for %s: %w", path, err)
	}
	return body, nil
}

// stats holds text and number values of statistics by name.
type stats map[string]string

func (e Envoy) stats(ctx context.Context, filter string) (stats, error) {
	body, err := e.Get(ctx, "/stats?filter="+filter)
	if err != nil {
		return nil, err
	}
	out := stats{}
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		out[name] = strings.Trim(value, `"`)
	}
	return out, nil
}

func (s stats) number(name string) int {
	n, _ := strconv.Atoi(s[name])
	return n
}

// Discovery names the statistics of a kind of discovery.
type Discovery string

// The discoveries for whose acceptance the gateway waits.
const (
	Clusters  Discovery = "cluster_manager.cds"
	Listeners Discovery = "listener_manager.lds"
)

// Routes names the discovery of a route configuration.
func Routes(statPrefix, name string) Discovery {
	return Discovery("http." + statPrefix + ".rds." + name)
}

// Seen returns how many discovery files Envoy has refused so far; pass it to Await.
func (e Envoy) Seen(ctx context.Context, d Discovery) (rejected int, err error) {
	s, err := e.stats(ctx, string(d))
	return s.number(string(d) + ".update_rejected"), err
}

// ErrRefused is the error of Await when Envoy has read a version and does not use it.
var ErrRefused = errors.New("Envoy has refused it; its log says why")

// Await waits until Envoy uses a version of a discovery file. It fails when Envoy
// refuses one more than it had refused before, or when ctx ends.
func (e Envoy) Await(ctx context.Context, d Discovery, version string, rejectedBefore int) error {
	for {
		s, err := e.stats(ctx, string(d))
		switch {
		case err != nil:
			return err
		case s[string(d)+".version_text"] == version:
			return nil
		case s.number(string(d)+".update_rejected") > rejectedBefore:
			return fmt.Errorf("version %s of %s: %w", version, d, ErrRefused)
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("Envoy has not taken version %s of %s: %w", version, d, err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// readyLimit allows for a busy machine; Envoy usually starts in a quarter of a second.
const readyLimit = time.Minute

// AwaitReady waits until Envoy is up.
func (e Envoy) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyLimit, fmt.Errorf("Envoy is not ready after %s", readyLimit))
	defer cancel()
	for !e.Ready(ctx) {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
