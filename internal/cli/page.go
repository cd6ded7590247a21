package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/dashboard"
	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/demo/stage"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/wiring"
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

// check checks the flags.
func (f *pageFlags) check() error {
	if f.port < 0 || f.port > 65535 {
		return fmt.Errorf("--port %d: expected a number from 0 to 65535", f.port)
	}
	return nil
}

// canOpen reports whether a person would see a browser.
func canOpen(streams Streams) bool {
	_, terminal := streams.terminal()
	return terminal && browser(os.Getenv) != nil
}

// open opens a browser, if a person would see it. The address is on the terminal, too.
func open(url string, streams Streams) {
	if !canOpen(streams) {
		return
	}
	command := browser(os.Getenv)
	opening := exec.Command(command[0], append(command[1:], url)...) //nolint:gosec // our own address
	if opening.Start() == nil {
		go func() { _ = opening.Wait() }()
	}
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
	wanted := !f.page.noBrowser && f.output == "" && canOpen(streams)
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
		open(s.URL, streams)
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

// stay keeps a page until nobody watches it any more.
func stay(ctx context.Context, watched func() int, streams Streams) {
	told, left := false, time.Now().Add(leaving)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(left) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if watched() > 0 {
			left = time.Now().Add(leaving)
			if !told {
				_, _ = fmt.Fprintln(streams.Err, "The page stays until you close it; Ctrl-C ends it, too.") // nobody may read it
				told = true
			}
		}
	}
}

// openPage is the page of a run with --open. Its zero value shows nothing.
type openPage struct{ dashboard *dashboard.Dashboard }

// start serves the page, and says where. A release goes on without its page.
func (o *openPage) start(ctx context.Context, engine wiring.Hub, release runner.Release, streams Streams) string {
	d, err := startDashboard(ctx, engine, dashboard.Options{Namespace: release.Namespace, Name: release.Name, Host: "canarize run", Ends: true})
	if err != nil {
		return fmt.Sprintf("the page cannot be shown, and the release goes on without it: %v", redact.Error(err))
	}
	o.dashboard = d
	open(d.URL, streams)
	return "the page is at " + d.URL
}

func (o *openPage) tell(e rollout.Event) {
	if o.dashboard != nil {
		o.dashboard.Tell(e)
	}
}

// stay keeps the page until nobody watches it, if a person does.
func (o *openPage) stay(ctx context.Context, streams Streams) {
	if _, terminal := streams.terminal(); o.dashboard != nil && terminal && ctx.Err() == nil {
		stay(ctx, o.dashboard.Watched, streams)
	}
}

func (o *openPage) close() {
	if o.dashboard != nil {
		o.dashboard.Close()
	}
}
