package gate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"
	"unicode"

	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/rollout"
)

const (
	// maxOutput bounds what is kept of the beginning and of the end of a program's
	// output, in bytes each.
	maxOutput = 16 << 10
	// outputDelay is how long the output is still read after the program has ended, if a
	// process it started keeps the output open.
	outputDelay = time.Second
	// defaultGrace is how long a program may take to end after it was asked to.
	defaultGrace = time.Second
	// killTimeout is how long the system may take to end a killed program.
	killTimeout = 500 * time.Millisecond
	// pollInterval is the pause between two checks whether a program has ended.
	pollInterval = 20 * time.Millisecond
)

func (k *Keeper) exec(ctx context.Context, g rollout.Gate) error {
	out := &ends{}
	cmd := exec.Command(g.Exec[0], g.Exec[1:]...)
	cmd.Env = append(k.Environ(), "CANARIZE_RELEASE="+k.Release, "CANARIZE_NAMESPACE="+k.Namespace, "CANARIZE_GATE="+g.Name)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, out, outputDelay
	err := context.Cause(ctx)
	if err == nil {
		err = k.run(ctx, cmd)
	}
	if err == nil {
		return nil
	}
	if text := sanitized(out.String(), false, redact.InEnvironment(cmd.Env)); text != "" {
		return fmt.Errorf("%s: %w: %s", g.Exec[0], err, text)
	}
	return fmt.Errorf("%s: %w", g.Exec[0], err)
}

// run runs a program until it ends or ctx does. It then ends the processes that are left,
// such as the children of a shell, without waiting for them.
func (k *Keeper) run(ctx context.Context, cmd *exec.Cmd) error {
	inGroup(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	group, ended := groupOf(cmd), make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer k.ending.Go(func() { end(group, cmp.Or(k.Grace, defaultGrace)) })
	select {
	case err := <-ended:
		if errors.Is(err, exec.ErrWaitDelay) {
			return nil // it agreed and left a process running
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// processes are the processes of a program.
type processes interface {
	// terminate asks them to end, so that they can clean up. kill ends them.
	terminate()
	kill()
	// gone reports whether none is left.
	gone() bool
}

// end asks the processes of a program to end, and kills those that have not ended after
// grace.
func end(p processes, grace time.Duration) {
	p.terminate()
	if !awaitGone(p, grace) {
		p.kill()
		awaitGone(p, killTimeout)
	}
}

// awaitGone waits until no process is left, or until the timeout. It reports whether none
// is left.
func awaitGone(p processes, timeout time.Duration) bool {
	over := time.NewTimer(timeout)
	defer over.Stop()
	look := time.NewTicker(pollInterval)
	defer look.Stop()
	for !p.gone() {
		select {
		case <-over.C:
			return p.gone()
		case <-look.C:
		}
	}
	return true
}

// ends keeps the beginning and the end of what is written to it. It is safe for
// concurrent use: a program may still write after nobody waits for it.
type ends struct {
	mu         sync.Mutex
	head, tail []byte
	left       bool // something in between was dropped
}

// Write implements io.Writer.
func (e *ends) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(p)
	first := min(len(p), maxOutput-len(e.head))
	e.head, p = append(e.head, p[:first]...), p[first:]
	e.tail = append(e.tail, p...)
	if extra := len(e.tail) - maxOutput; extra > 0 {
		e.left, e.tail = true, append(e.tail[:0], e.tail[extra:]...)
	}
	return n, nil
}

// String returns the kept text. If something was dropped, it also drops the words beside
// the gap: they may be parts of a secret that nobody could recognize.
func (e *ends) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.left {
		return string(e.head) + string(e.tail)
	}
	head := e.head[:bytes.LastIndexFunc(e.head, unicode.IsSpace)+1]
	tail := e.tail[max(bytes.IndexFunc(e.tail, unicode.IsSpace), 0):]
	if bytes.IndexFunc(e.tail, unicode.IsSpace) < 0 {
		tail = nil
	}
	return string(head) + " … " + string(tail)
}
