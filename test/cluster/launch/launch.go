// Package launch starts the programs of a test cluster and waits until each of
// them is ready.
package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/canarize/canarize/test/cluster/process"
)

const (
	// Loopback is an address that only this machine can reach.
	Loopback = "127.0.0.1"
	// Limit allows for a busy machine; one to three seconds are usual.
	Limit    = 2 * time.Minute
	attempts = 3
)

// Program is one program of a cluster.
type Program struct {
	Name       string // two digits for the order of starting, a dash, a name
	Path       string
	Address    string                                      // the address of the ports; "" for loopback
	Ports      int                                         // the number of ports
	Args       func(ports []int) []string                  // nil for none
	URL        func(ports []int) string                    // nil for ""
	Ready      func(ctx context.Context, url string) error // returns nil when it is ready
	Namespaces uintptr                                     // for process.Command
}

// Launcher starts programs of one cluster.
type Launcher struct {
	Dir   string // for their logs
	Table process.Table
	Log   io.Writer
}

// ErrEnded reports that a program ended instead of becoming ready.
var ErrEnded = errors.New("ended instead of becoming ready")

// short returns a name without the two digits.
func short(name string) string { return name[len("00-"):] }

func (l Launcher) log(name string) string { return filepath.Join(l.Dir, short(name)+".log") }

// WithOutput adds the end of a program's output to its error.
func (l Launcher) WithOutput(name string, err error) error {
	output, _ := os.ReadFile(l.log(name)) // for the message only
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return fmt.Errorf("%s: %w; the end of its output:\n%s", short(name), err, bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
}

// Launch starts p on free ports and returns its URL once it is ready. If another process
// takes one of the ports before p listens on it, Launch starts p once more.
func (l Launcher) Launch(ctx context.Context, p Program) (string, error) {
	for attempt := 1; ; attempt++ {
		url, err := l.try(ctx, p)
		if err == nil {
			return url, nil
		}
		output, _ := os.ReadFile(l.log(p.Name)) // a missing log counts as empty
		if attempt < attempts && errors.Is(err, ErrEnded) && bytes.Contains(output, []byte("address already in use")) {
			if err := os.Remove(l.log(p.Name)); err != nil {
				return "", err
			}
			continue
		}
		return "", l.WithOutput(p.Name, err)
	}
}

func (l Launcher) try(ctx context.Context, p Program) (url string, err error) {
	ports, err := freePorts(ctx, p.Address, p.Ports)
	if err != nil {
		return "", err
	}
	began := time.Now()
	c := process.Command{Name: p.Name, Path: p.Path, Log: l.log(p.Name), Namespaces: p.Namespaces}
	if p.Args != nil {
		c.Args = p.Args(ports)
	}
	if p.URL != nil {
		url = p.URL(ports)
	}
	child, err := l.Table.Start(c)
	if err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() {
		<-child.Ended
		ended <- ErrEnded
	}()
	if err := await(ctx, ended, func(ctx context.Context) error { return p.Ready(ctx, url) }); err != nil {
		return "", err
	}
	fmt.Fprintf(l.Log, "cluster: %s is ready after %.1f s\n", short(p.Name), time.Since(began).Seconds())
	return url, nil
}

// Await repeats check until it returns nil or ErrEnded, for at most Limit.
func Await(ctx context.Context, what string, check func(context.Context) error) error {
	if err := await(ctx, nil, check); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func await(ctx context.Context, ended <-chan error, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Limit, fmt.Errorf("not ready after %s", Limit))
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		notReady := check(ctx)
		if notReady == nil || errors.Is(notReady, ErrEnded) {
			return notReady
		}
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", context.Cause(ctx), notReady)
		case <-tick.C:
		}
	}
}

// All calls all things at the same time and returns the first error, which cancels the
// context of the others.
func All(ctx context.Context, things ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, len(things))
	for _, do := range things {
		go func() { done <- do(ctx) }()
	}
	for range things {
		if err := <-done; err != nil {
			cancel(err)
		}
	}
	return context.Cause(ctx)
}

// freePorts returns n different free TCP ports of an address of this machine.
func freePorts(ctx context.Context, address string, n int) ([]int, error) {
	if address == "" {
		address = Loopback
	}
	var ports []int
	for range n {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // all stay open until the end, so they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
