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
	"testing"

	"github.com/canarize/canarize/internal/spool"
)

// busyServer is an API server that does nothing but say that it is busy, in some words.
// It calls asked with the number of every request.
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

// TestUnreadOutput: nobody reads stderr, and what there was room for is full. The
// verb works on all the same, and it ends when it is interrupted. Before, it stopped
// in the write of its first line of progress, and Ctrl-C did not end it.
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
				if n == 6 { // from the third on there is progress
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

// unread is a pipe that is full and that nobody reads.
func unread(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	full := make(chan struct{})
	go func() {
		defer close(full)
		for range 1 << 10 { // more than any pipe holds
			if n, err := write.Write(bytes.Repeat([]byte("x"), 4<<10)); n == 0 || err != nil {
				return // it is closed
			}
		}
	}()
	t.Cleanup(func() { _, _ = read.Close(), write.Close(); <-full })
	return write
}

// TestUnreadResult: where stdout is the terminal or the pipe that nobody reads any more,
// the result does not keep a verb from ending.
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
