//go:build unix

package script

import (
	"flag"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// heard collects the messages of the commands that failed.
var heard messages

// messages has messages without what varies in them, and whether they have a code.
type messages struct {
	sync.Mutex
	coded map[string]bool
}

var (
	aCode = regexp.MustCompile(` \[(CZ[1-9][0-9]{3})\]$`)
	// varies matches files with lines, values in quotes, and numbers.
	varies = regexp.MustCompile(`[^ ]+:[0-9]+:|"[^"]*"|[0-9]+`)
)

// splitCode splits a message from the code at its end.
func splitCode(line string) (message, code string) {
	line = strings.TrimSuffix(line, "\n")
	if m := aCode.FindStringSubmatch(line); m != nil {
		return strings.TrimSuffix(line, m[0]), m[1]
	}
	return line, ""
}

// add adds the last line of a command that failed. Every message must have a code.
func (m *messages) add(ts *testscript.TestScript, stderr string) {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last, is := strings.CutPrefix(lines[len(lines)-1], "canarize: ")
	if !is {
		return // the result says why
	}
	message, code := splitCode(last)
	m.Lock()
	defer m.Unlock()
	if m.coded == nil {
		m.coded = map[string]bool{}
	}
	m.coded[varies.ReplaceAllString(message, "…")] = code != ""
	if code == "" {
		ts.Fatalf("no code ends the message %s; internal/saying has them", last)
	}
}

// report logs how many messages have a code.
func (m *messages) report(t *testing.T) {
	m.Lock()
	defer m.Unlock()
	coded := 0
	for _, has := range m.coded {
		if has {
			coded++
		}
	}
	t.Logf("%d of %d different messages end with a code", coded, len(m.coded))
	if some := flag.Lookup("test.run"); some != nil && some.Value.String() != "" {
		return // not all scripts ran
	}
	if len(m.coded) < 200 {
		t.Error("too few; did the form of the scripts change?")
	}
}
