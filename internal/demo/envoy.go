package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Envoy is a program that takes the users' requests.
type Envoy struct {
	Path    string `json:"path"`
	Version string `json:"version"` // such as 1.40.0
}

// FindEnvoy returns the path of the Envoy that the environment variable ENVOY names, or else
// of the one in PATH.
func FindEnvoy(getenv func(string) string) (string, error) {
	path, err := exec.LookPath(cmp.Or(getenv("ENVOY"), "envoy"))
	if err != nil {
		return "", fmt.Errorf("find Envoy: %w; install Envoy (https://www.envoyproxy.io/docs/envoy/latest/start/install) or set ENVOY to its path", err)
	}
	return filepath.Abs(path)
}

// envoy is a running Envoy.
type envoy struct {
	about   Envoy
	address string // where the users' requests go
	files   files
	program *guarded
	admin   *http.Transport
}

// envoyStart is how long Envoy may take to start; it usually takes a quarter of a second.
const envoyStart = time.Minute

// startEnvoy starts the Envoy at a path, and waits until it serves.
func startEnvoy(ctx context.Context, path string, first routing) (*envoy, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, envoyStart, fmt.Errorf("it does not serve after %s", envoyStart))
	defer cancel()
	dir, err := os.MkdirTemp("", "canarize-envoy-")
	if err != nil {
		return nil, err
	}
	e := &envoy{
		about: Envoy{Path: path}, files: files{dir: dir, clusters: map[string]string{}, written: map[string]string{}},
		admin: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, adminSocket))
		}},
	}
	err = errors.Join(e.files.write(first), e.files.bootstrap())
	if err == nil {
		e.program, err = startGuarded(dir, path, "-c", e.files.path(bootstrapFile), "-l", "error", "--disable-hot-restart", "--concurrency", "1")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start Envoy: %w", err), os.RemoveAll(dir))
	}
	if err := e.ready(ctx); err != nil {
		return nil, fmt.Errorf("start Envoy %s: %w", path, errors.Join(err, e.program.end()))
	}
	return e, nil
}

// ready waits until Envoy serves, and asks it for its version and the users' address.
func (e *envoy) ready(ctx context.Context) error {
	for {
		state, err := e.get(ctx, "/ready")
		if err == nil && strings.TrimSpace(string(state)) == "LIVE" {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-e.program.ended:
			return e.program.died()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	var info struct {
		Version string `json:"version"` // revision/version/state of the sources/build/TLS library
	}
	var listeners struct {
		Statuses []struct {
			Address struct {
				Socket struct {
					Host string `json:"address"`
					Port int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	for path, into := range map[string]any{"/server_info": &info, "/listeners?format=json": &listeners} {
		text, err := e.get(ctx, path)
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			return fmt.Errorf("read %s of its admin interface: %w", path, err)
		}
	}
	parts := strings.Split(info.Version, "/")
	if len(parts) < 2 || len(listeners.Statuses) != 1 {
		return fmt.Errorf("its admin interface shows version %q and %d listeners; is it an Envoy?", info.Version, len(listeners.Statuses))
	}
	at := listeners.Statuses[0].Address.Socket
	e.about.Version, e.address = parts[1], net.JoinHostPort(at.Host, strconv.Itoa(at.Port))
	return nil
}

// get returns a page of the admin interface.
func (e *envoy) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://envoy"+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := e.admin.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(io.LimitReader(answer.Body, 1<<20))
}

func (e *envoy) page(r *http.Request) (*http.Response, error) {
	return e.admin.RoundTrip(r)
}

func (e *envoy) route(r routing) error {
	if err := e.files.write(r); err != nil {
		return fmt.Errorf("configure Envoy: %w", err)
	}
	return nil
}

func (e *envoy) run(ctx context.Context) error {
	defer e.admin.CloseIdleConnections()
	select {
	case <-ctx.Done():
		return e.program.end()
	case <-e.program.ended:
		return errors.Join(fmt.Errorf("Envoy %s has ended by itself: %w; without --envoy the demo needs none", e.about.Path, e.program.died()), e.program.end())
	}
}
