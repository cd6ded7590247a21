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
	// Loopback is the address at which this machine reaches itself only.
	Loopback = "127.0.0.1"
	// Limit is for a busy machine; a second or three are usual.
	Limit    = 2 * time.Minute
	attempts = 3
)

// Program is one program of a cluster.
type Program struct {
	Name       string // two digits that give the order of starting, a dash, a name
	Path       string
	Address    string                                      // where the ports have to be free; "" for loopback
	Ports      int                                         // how many it needs
	Args       func(ports []int) []string                  // nil for none
	URL        func(ports []int) string                    // nil for ""
	Ready      func(ctx context.Context, url string) error // nil when it is ready
	Namespaces uintptr                                     // as process.Command has them
}

// Launcher starts programs of one cluster.
type Launcher struct {
	Dir   string // for their logs
	Table process.Table
	Log   io.Writer
}

// ErrEnded means that a program ended instead of becoming ready.
var ErrEnded = errors.New("ended instead of becoming ready")

// short is a name without the two digits.
func short(name string) string { return name[len("00-"):] }

func (l Launcher) log(name string) string { return filepath.Join(l.Dir, short(name)+".log") }

// WithOutput adds to what went wrong with a program of a name the end of its output.
func (l Launcher) WithOutput(name string, err error) error {
	output, _ := os.ReadFile(l.log(name)) // for the message only
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return fmt.Errorf("%s: %w; the end of its output:\n%s", short(name), err, bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
}

// Launch starts p on free ports and returns its URL once it is ready. Between
// being found free and being used a port can be taken by somebody else, so
// when that happens p is started once more.
func (l Launcher) Launch(ctx context.Context, p Program) (string, error) {
	for attempt := 1; ; attempt++ {
		url, err := l.try(ctx, p)
		if err == nil {
			return url, nil
		}
		output, _ := os.ReadFile(l.log(p.Name)) // nothing is as good as none
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

// Await repeats check until it is nil or ErrEnded, at most for Limit.
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

// All does all things at a time. When one fails the others need not go on, and its
// error is the one that is told.
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

// freePorts finds n different free TCP ports of an address of this machine.
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
		defer l.Close() // all stay open until all are found, so they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
