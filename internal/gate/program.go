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
	// mostOutput is how much is kept of each end of a program's output, in bytes.
	mostOutput = 16 << 10
	// openOutput is how long the output of a program is read that has ended, and left
	// something running that holds its output open.
	openOutput = time.Second
	// defaultGrace is how long a program may take to end once it was asked to.
	defaultGrace = time.Second
	// killed is how long it may take the system to end a program that was killed.
	killed = 500 * time.Millisecond
	// lookAgain is how often it is looked whether a program has ended.
	lookAgain = 20 * time.Millisecond
)

func (k *Keeper) exec(ctx context.Context, g rollout.Gate) error {
	out := &ends{}
	cmd := exec.Command(g.Exec[0], g.Exec[1:]...)
	cmd.Env = append(k.Environ(), "CANARIZE_RELEASE="+k.Release, "CANARIZE_NAMESPACE="+k.Namespace, "CANARIZE_GATE="+g.Name)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, out, openOutput
	err := context.Cause(ctx)
	if err == nil {
		err = k.run(ctx, cmd)
	}
	if err == nil {
		return nil
	}
	if text := said(out.String(), false, redact.InEnvironment(cmd.Env)); text != "" {
		return fmt.Errorf("%s: %w: %s", g.Exec[0], err, text)
	}
	return fmt.Errorf("%s: %w", g.Exec[0], err)
}

// run runs a program until it ends or ctx does. Whatever is left of it then, such as
// the children of a shell, is ended without waiting for it.
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
			return nil // it agreed, and left something running
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// processes are the processes of a program.
type processes interface {
	// ask has them end; they may clean up before. kill ends them.
	ask()
	kill()
	// gone says whether none is left.
	gone() bool
}

// end ends the processes of a program: those that do not end when they are asked to
// are killed.
func end(p processes, grace time.Duration) {
	p.ask()
	if !awaitGone(p, grace) {
		p.kill()
		awaitGone(p, killed)
	}
}

// awaitGone waits for a time until no process is left, and says whether that is so.
func awaitGone(p processes, most time.Duration) bool {
	over := time.NewTimer(most)
	defer over.Stop()
	look := time.NewTicker(lookAgain)
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
// concurrent use: a program may still write when nobody waits for it any more.
type ends struct {
	mu         sync.Mutex
	head, tail []byte
	left       bool // something between them is not kept
}

// Write implements io.Writer.
func (e *ends) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(p)
	first := min(len(p), mostOutput-len(e.head))
	e.head, p = append(e.head, p[:first]...), p[first:]
	e.tail = append(e.tail, p...)
	if extra := len(e.tail) - mostOutput; extra > 0 {
		e.left, e.tail = true, append(e.tail[:0], e.tail[extra:]...)
	}
	return n, nil
}

// String returns the kept text. Where something was dropped, it also drops the words
// beside the gap: they may be parts of a secret that nobody could recognize.
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
