// Package gate asks the gates of a release: programs, and URLs.
package gate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Keeper asks gates of a release.
type Keeper struct {
	Release, Namespace string
	// Environ is the environment of programs; they also get CANARIZE_RELEASE,
	// CANARIZE_NAMESPACE and CANARIZE_GATE.
	Environ func() []string
	Wait    func(ctx context.Context, d time.Duration) error
}

// Ask waits until a gate agrees. The error says why it does not: what the program
// printed last, or what the server answered last.
func (k Keeper) Ask(ctx context.Context, g rollout.Gate) error {
	timeout := cmp.Or(g.Timeout, rollout.DefaultGateTimeout)
	ctx, stop := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it has not agreed within %s", timeout))
	defer stop()
	if len(g.Exec) > 0 {
		return k.exec(ctx, g)
	}
	return k.http(ctx, g)
}

// mostOutput is how much of a program's output is kept for its error, in bytes.
const mostOutput = 400

// killDelay is how long a program may take to end once it was asked to.
const killDelay = 5 * time.Second

func (k Keeper) exec(ctx context.Context, g rollout.Gate) error {
	var out tail
	cmd := exec.CommandContext(ctx, g.Exec[0], g.Exec[1:]...)
	cmd.Env = append(k.Environ(), "CANARIZE_RELEASE="+k.Release, "CANARIZE_NAMESPACE="+k.Namespace, "CANARIZE_GATE="+g.Name)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, killDelay
	err := cmd.Run()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err == nil {
		return nil
	}
	if text := strings.TrimSpace(out.String()); text != "" {
		return fmt.Errorf("%s: %w: %s", g.Exec[0], err, text)
	}
	return fmt.Errorf("%s: %w", g.Exec[0], err)
}

// tail keeps the end of what is written to it.
type tail struct{ kept bytes.Buffer }

func (t *tail) String() string { return t.kept.String() }

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if len(p) > mostOutput {
		p = p[len(p)-mostOutput:]
	}
	t.kept.Write(p)
	t.kept.Next(max(0, t.kept.Len()-mostOutput))
	return n, nil
}

// askAgain is how long a server that does not agree is left in peace.
const askAgain = 5 * time.Second

// http asks a URL until it answers with a status of 2xx. Redirections are not
// followed: they may lead anywhere.
func (k Keeper) http(ctx context.Context, g rollout.Gate) error {
	client := &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	last := errors.New("no answer")
	for {
		err := get(ctx, client, g.HTTP)
		switch {
		case err == nil:
			return nil
		case ctx.Err() == nil:
			last = err
		}
		if k.Wait(ctx, askAgain) != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostOutput))
	err = errors.Join(err, answer.Body.Close())
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(text)))
	}
	return err
}
