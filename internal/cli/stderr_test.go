package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/canarize/canarize/internal/spool"
)

// busyServer is an API server that answers every request with an error and the given
// text. It calls asked with the number of each request.
func busyServer(t *testing.T, asked func(n int64), words string) (kubeconfig string) {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, words)
		asked(requests.Add(1))
	}))
	t.Cleanup(server.Close)
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
"clusters": [{"name": "c", "cluster": {"server": %q}}], "contexts": [{"name": "c", "context": {"cluster": "c"}}]}`, server.URL)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// TestUnreadOutput: nobody reads stderr, and its pipe is full. The verb still works, and
// ends when it is interrupted. (Before, it blocked on its first line of progress, and
// Ctrl-C did not end it.)
func TestUnreadOutput(t *testing.T) {
	for _, c := range [][]string{
		{"reject", "shop"},
		{"reject", "shop", "--progress", "terminal", "--ci", "github"},
		{"hold", "shop"},
	} {
		t.Run(strings.Join(c, " "), func(t *testing.T) {
			t.Parallel()
			ctx, interrupt := context.WithCancel(t.Context())
			kubeconfig := busyServer(t, func(n int64) {
				if n == 6 { // retries print progress from the third on
					interrupt()
				}
			}, "busy")
			code := Main(ctx, append(append([]string{"canarize"}, c...), "-n", "eu", "--kubeconfig", kubeconfig), Streams{Out: os.Stdout, Err: unread(t)})
			if code != exitInterrupted && code != exitOutside {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// unread returns a full pipe that nobody reads.
func unread(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = read.Close(), write.Close() })
	raw, err := write.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{4 << 10, 1} { // until not even a byte has room
		block := bytes.Repeat([]byte("x"), size)
		if err := raw.Write(func(fd uintptr) bool {
			for {
				if _, err := syscall.Write(int(fd), block); err != nil && !errors.Is(err, syscall.EINTR) {
					return true
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	return write
}

// TestUnreadResult: the result does not block a verb if stdout is the terminal or pipe
// that nobody reads.
func TestUnreadResult(t *testing.T) {
	full := unread(t)
	streams := Streams{Out: full, Err: full, rawErr: full, spool: spool.New(spool.Options{MaxDroppable: maxProgress, Patience: patience})}
	streams.spool.PutText(full, "progress")
	if err := streams.result(func() error {
		_, err := full.WriteString("the result")
		return err
	}); err != nil {
		t.Error(err)
	}
	read, own, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	streams.Out = own
	if err := streams.result(func() error {
		_, err := own.WriteString("the result")
		return errors.Join(err, own.Close())
	}); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(read); err != nil || string(text) != "the result" {
		t.Errorf("a stdout of its own got %q, %v", text, err)
	}
}
