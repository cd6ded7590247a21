// Package gate asks the gates of a release: programs, and URLs.
package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/canarize/canarize/internal/excerpt"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/rollout"
)

// Options say for which release gates are asked, and how.
type Options struct {
	Release, Namespace string
	// Environ is the environment of programs; they also get CANARIZE_RELEASE,
	// CANARIZE_NAMESPACE and CANARIZE_GATE.
	Environ func() []string
	Wait    func(ctx context.Context, d time.Duration) error
	// Grace is how long a program may take to end once it was asked to, before it is
	// killed; 0 means one second.
	Grace time.Duration
}

// Keeper asks gates of a release. The caller closes it.
type Keeper struct {
	Options
	ending sync.WaitGroup // programs that were asked to end
}

// New makes a Keeper.
func New(options Options) *Keeper { return &Keeper{Options: options} }

// Close waits until no program is left of those that were started. It takes about
// two seconds at most, for programs that do not want to end.
func (k *Keeper) Close() { k.ending.Wait() }

// Ask waits until a gate agrees. The error says why it does not: what the program
// printed last, or what the server answered last. When ctx ends it returns at once;
// a program that still runs is ended meanwhile, see Close.
func (k *Keeper) Ask(ctx context.Context, g rollout.Gate) error {
	timeout := cmp.Or(g.Timeout, rollout.DefaultGateTimeout)
	ctx, stop := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it has not agreed within %s", timeout))
	defer stop()
	if len(g.Exec) > 0 {
		return k.exec(ctx, g)
	}
	return k.http(ctx, g)
}

const (
	// askAgain is how long a server that does not agree is left in peace.
	askAgain = 5 * time.Second
	// mostAnswer is how much is read of what a server answers.
	mostAnswer = 16 << 10
	// mostSaid is how much is told of what a program or a server said, in bytes.
	mostSaid = 400
)

// http asks a URL until it answers with a status of 2xx. Redirections are not
// followed: they may lead anywhere. No secret of the URL is in the error.
func (k *Keeper) http(ctx context.Context, g rollout.Gate) error {
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
			return fmt.Errorf("%w: %w", context.Cause(ctx), redact.KnownError(last, redact.InURL(g.HTTP)...))
		}
	}
}

func get(ctx context.Context, client *http.Client, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	err = errors.Join(err, answer.Body.Close())
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", answer.Status, said(string(text), len(text) == mostAnswer, redact.InURL(address)))
	}
	return err
}

// said prepares the text of a program or a server for a message: it removes secrets and
// shortens it. When the text goes on, its last word is cut, which may be part of a secret.
func said(text string, goesOn bool, secrets []string) string {
	if goesOn {
		text = text[:strings.LastIndexFunc(text, unicode.IsSpace)+1]
	}
	text = redact.Text(redact.Known(text, secrets...))
	return excerpt.Cut(strings.TrimSpace(text), mostSaid)
}
