package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/demo/stage"
)

// pageFlags are the unparsed flags of a verb with a live page.
type pageFlags struct {
	noBrowser bool
	port      int
	asked     bool // --port was given
}

func (f *pageFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.noBrowser, "no-browser", false, "open no browser; show the release on the terminal only, unless there is a --port")
	flags.IntVar(&f.port, "port", 0, "serve the page on this `PORT` of loopback, or the next free one; 0 takes any")
}

// player is a demo, with or without a page.
type player struct {
	*demo.Session
	URL     string // "" without a page
	close   func()
	watched func() int
}

// Close ends the demo and its page.
func (p player) Close() { p.close() }

// start starts a demo, with a page if somebody can look at it.
func (f *demoFlags) start(ctx context.Context, options demo.Options, streams Streams) (player, error) {
	open := browser(os.Getenv)
	_, terminal := streams.terminal()
	wanted := !f.page.noBrowser && f.output == "" && terminal && open != nil
	if !wanted && !f.page.asked {
		session, err := demo.Start(ctx, options)
		if err != nil {
			return player{}, err
		}
		return player{Session: session, close: session.Close}, nil
	}
	s, err := stage.Start(ctx, options, f.page.port)
	if err != nil {
		return player{}, err
	}
	if wanted {
		opening := exec.Command(open[0], append(open[1:], s.URL)...) //nolint:gosec // our own address
		if opening.Start() == nil {
			go func() { _ = opening.Wait() }() // the address is on the terminal
		}
	}
	return player{s.Session, s.URL, s.Close, s.Watched}, nil
}

// browser returns the command that opens an address; nil if there is none.
func browser(getenv func(string) string) []string {
	var command []string
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open"}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler"}
	default:
		if getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" && getenv("WSL_DISTRO_NAME") == "" {
			return nil
		}
		command = []string{"xdg-open"}
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		return nil
	}
	return command
}

// leaving is how long nobody may watch the page before the demo ends. A tab that is
// reloaded, or has just been opened, comes back sooner.
const leaving = 3 * time.Second

// stay keeps the page until nobody watches it any more.
func (p player) stay(ctx context.Context, streams Streams) {
	told, left := false, time.Now().Add(leaving)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(left) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if p.watched() > 0 {
			left = time.Now().Add(leaving)
			if !told {
				_, _ = fmt.Fprintln(streams.Err, "The page stays until you close it; Ctrl-C ends it, too.") // nobody may read it
				told = true
			}
		}
	}
}
