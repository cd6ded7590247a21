package lines

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/analysis"
)

func same(text []byte) []byte { return text }

func TestServeLongLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	in := strings.NewReader(`{"time":0}` + "\n" + long + long + "\n" + `{"time":15}` + "\n" + long + "y")
	var out bytes.Buffer
	if _, err := Serve(t.Context(), in, &out, analysis.Default(), same); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d answers:\n%s", len(lines), out.String())
	}
	for i, refused := range []bool{false, true, false, true} {
		if strings.Contains(lines[i], "longer than") != refused {
			t.Errorf("line %d: %s", i+1, lines[i])
		}
	}
}

// TestServeAnswersAtOnce checks that an answer does not wait for the next line.
func TestServeAnswersAtOnce(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	in, feed := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error)
	go func() {
		_, err := Serve(ctx, in, out, analysis.Default(), same)
		ended <- err
	}()
	if _, err := io.WriteString(feed, "{\"time\":0}\n"); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 1<<10)
	if n, err := answers.Read(text); err != nil || !bytes.HasSuffix(text[:n], []byte("\n")) {
		t.Fatalf("%q, %v", text[:n], err)
	}
	stop() // while it waits for a line
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error)  { return 0, io.ErrUnexpectedEOF }
func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestServeOutside(t *testing.T) {
	if _, err := Serve(t.Context(), broken{}, io.Discard, analysis.Default(), same); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	if _, err := Serve(t.Context(), strings.NewReader("{}\n"), broken{}, analysis.Default(), same); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}
