package lines

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/canarize/canarize/internal/analysis"
)

// MaxLine is the longest line that Serve reads, in bytes.
const MaxLine = 1 << 20

// Serve reads lines from in and answers each at once with a line on out, until
// in or the context ends. It returns the last decision. harmless may change an
// answer before it is written.
func Serve(ctx context.Context, in io.Reader, out io.Writer, config analysis.Config, harmless func([]byte) []byte) (analysis.Decision, error) {
	judge, err := analysis.New(config)
	if err != nil {
		return analysis.Decision{}, err
	}
	last := judge.Standing()
	read := readLines(ctx, in)
	for {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case l, more := <-read:
			if !more {
				return last, nil
			}
			if errors.Is(l.err, errRead) {
				return last, l.err
			}
			var text []byte
			last, text, err = decide(judge, l, last)
			if err != nil {
				return last, err
			}
			if _, err := out.Write(harmless(text)); err != nil {
				return last, fmt.Errorf("writing an answer: %w", err)
			}
		}
	}
}

// decide returns the decision and the answer for a line.
func decide(judge *analysis.Judge, l inputLine, last analysis.Decision) (analysis.Decision, []byte, error) {
	if l.err != nil {
		text, err := Refusal(l.err, last)
		return last, text, err
	}
	o, err := Parse(l.text, last.Weight)
	if err != nil {
		text, err := Refusal(err, last)
		return last, text, err
	}
	last = judge.Observe(o)
	text, err := Answer(o, last)
	return last, text, err
}

// inputLine is a line, or the error why there is none.
type inputLine struct {
	text []byte
	err  error
}

// errRead reports that the input cannot be read any further.
var errRead = errors.New("reading an observation")

// readLines reads in the background, because a read cannot be interrupted.
func readLines(ctx context.Context, in io.Reader) <-chan inputLine {
	out := make(chan inputLine)
	go func() {
		defer close(out)
		reader := bufio.NewReaderSize(in, 64<<10)
		for {
			l, end := readLine(reader)
			if end && len(l.text) == 0 && l.err == nil {
				return
			}
			select {
			case out <- l:
			case <-ctx.Done():
				return
			}
			if end {
				return
			}
		}
	}()
	return out
}

// readLine reads up to a line break. It discards a line that is too long.
func readLine(reader *bufio.Reader) (l inputLine, end bool) {
	long := false
	for {
		part, err := reader.ReadSlice('\n')
		if long = long || len(l.text)+len(part) > MaxLine; !long {
			l.text = append(l.text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return inputLine{err: fmt.Errorf("%w: %w", errRead, err)}, true
		case long:
			return inputLine{err: fmt.Errorf("the line is longer than %d bytes", MaxLine)}, err != nil
		}
		return l, err != nil
	}
}
