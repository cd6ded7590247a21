package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sample holds the measurements of one process.
type sample struct {
	wall time.Duration
	peak float64 // resident memory in MB
}

var errTooSlow = errors.New("stopped: it took too long")

// runProcess runs a process with its standard output in a file.
func runProcess(ctx context.Context, limit time.Duration, output string, command ...string) (sample, error) {
	out, err := os.Create(output)
	if err != nil {
		return sample{}, err
	}
	defer out.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTooSlow)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = out, &stderr
	start := time.Now()
	err = cmd.Run()
	wall := time.Since(start)
	switch {
	case context.Cause(ctx) != nil:
		return sample{}, context.Cause(ctx)
	case err != nil:
		return sample{}, fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return sample{wall: wall, peak: peak(cmd.ProcessState)}, nil
}

// peak returns the largest resident memory of a finished process in MB. Linux
// counts it in KiB, other systems in bytes. On Linux a child starts with the
// peak of its parent, so the measuring process must stay smaller than the
// others.
func peak(state *os.ProcessState) float64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return 0
	case runtime.GOOS == "linux":
		return float64(usage.Maxrss) * 1024 / 1e6
	}
	return float64(usage.Maxrss) / 1e6
}

// countObjects counts the objects of a stream of YAML documents, line by line.
func countObjects(file string) (int, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n := 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "kind:") {
			n++
		}
	}
	return n, lines.Err()
}

// spread holds the median, the least and the largest of some measurements.
type spread struct{ median, least, most float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{median: (sorted[(n-1)/2] + sorted[n/2]) / 2, least: sorted[0], most: sorted[n-1]}
}
