// Package gate asks the gates of a release: programs and URLs.
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

// Options says for which release gates are asked, and how.
type Options struct {
	Release, Namespace string
	// Environ returns the environment of programs. They also get CANARIZE_RELEASE,
	// CANARIZE_NAMESPACE and CANARIZE_GATE.
	Environ func() []string
	Wait    func(ctx context.Context, d time.Duration) error
	// Grace is how long a program may take to end after it was asked to; then it is
	// killed. 0 means one second.
	Grace time.Duration
}

// Keeper asks the gates of a release. The caller has to close it.
type Keeper struct {
	Options
	ending sync.WaitGroup // programs that were asked to end
}

// New returns a Keeper.
func New(options Options) *Keeper { return &Keeper{Options: options} }

// Close waits until no started program is left. That takes at most about two seconds, for
// programs that do not end by themselves.
func (k *Keeper) Close() { k.ending.Wait() }

// Ask waits until a gate agrees. The error says why it does not: the last output of the
// program, or the last response of the server. When ctx ends, Ask returns at once, and a
// program that still runs is ended in the background; see Close.
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
	// retryInterval is the pause before a server that did not agree is asked again.
	retryInterval = 5 * time.Second
	// maxBody bounds what is read of a response, in bytes.
	maxBody = 16 << 10
	// maxExcerpt bounds what an error quotes of a program or a server, in bytes.
	maxExcerpt = 400
)

// http requests a URL until the response has a 2xx status. It follows no redirects,
// because they may lead anywhere. The error contains no secret of the URL.
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
		if k.Wait(ctx, retryInterval) != nil {
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
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	err = errors.Join(err, answer.Body.Close())
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", answer.Status, sanitized(string(text), len(text) == maxBody, redact.InURL(address)))
	}
	return err
}

// sanitized prepares the text of a program or a server for a message: it removes secrets
// and shortens the text. If the text was cut off, it drops the last word, which may be a
// part of a secret.
func sanitized(text string, goesOn bool, secrets []string) string {
	if goesOn {
		text = text[:strings.LastIndexFunc(text, unicode.IsSpace)+1]
	}
	text = redact.Text(redact.Known(text, secrets...))
	return excerpt.Cut(strings.TrimSpace(text), maxExcerpt)
}
