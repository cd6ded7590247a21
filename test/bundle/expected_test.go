package bundle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// expectation is a line of expected.txt.
type expectation struct {
	status status
	object string // KIND/NAME, or "" for the error
	what   string // "canary", "left", "error" or the name of a warning
	review string // why it is right, or what is wrong
}

// status says whether canarize does what is right.
type status string

const (
	right status = ""
	later status = "later" // it would be right, but canarize does not do it yet
	wrong status = "wrong" // canarize does it, but should not
)

const failure = "error"

func (e expectation) key() string { return strings.TrimSpace(e.object + " " + e.what) }

type expectations []expectation

// parseExpected reads expected.txt, which a person writes. A line is
// "[later|wrong] KIND/NAME WHAT[: REVIEW]" or "[later|wrong] error: REVIEW".
func parseExpected(t *testing.T, folder string) expectations {
	t.Helper()
	var all expectations
	for text := range strings.Lines(read(t, folder, "expected.txt")) {
		said, review, _ := strings.Cut(strings.TrimSpace(text), ": ")
		e := expectation{review: review}
		words := strings.Fields(said)
		if len(words) > 0 && slices.Contains([]status{later, wrong}, status(words[0])) {
			e.status, words = status(words[0]), words[1:]
		}
		switch {
		case len(words) == 1 && words[0] == failure:
			e.what = failure
		case len(words) == 2:
			e.object, e.what = words[0], words[1]
		default:
			t.Fatalf("%s/expected.txt: cannot read the line %q", folder, text)
		}
		if e.review == "" && e.what != canaried && e.what != leftAlone {
			t.Errorf("%s/expected.txt: the line %q says no reason", folder, text)
		}
		all = append(all, e)
	}
	return all
}

// write writes expected.txt.
func (all expectations) write(t *testing.T, folder string) {
	t.Helper()
	var b strings.Builder
	for _, e := range all {
		text := strings.TrimSpace(string(e.status) + " " + e.key())
		if e.review != "" {
			text += ": " + e.review
		}
		b.WriteString(text + "\n")
	}
	if err := os.WriteFile(filepath.Join(folder, "expected.txt"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// arrived returns the expectations without "later" where the outcome is right by now, and
// without what was wrong and is gone.
func (all expectations) arrived(o outcome) expectations {
	have := o.keys()
	var left expectations
	for _, e := range all {
		switch found := slices.Contains(have, e.key()); {
		case e.status == wrong && !found:
			continue
		case e.status == later && found:
			e.status = right
		}
		left = append(left, e)
	}
	return left
}

// compare returns how an outcome differs from what is expected.
func (all expectations) compare(o outcome) (problems []string) {
	have := o.keys()
	var known []string
	for _, e := range all {
		known = append(known, e.key())
		switch found := slices.Contains(have, e.key()); {
		case e.status == later && found:
			problems = append(problems, e.key()+" is no longer to come; -update says so in expected.txt")
		case e.status == wrong && !found:
			problems = append(problems, e.key()+" is no longer wrong; -update says so in expected.txt")
		case e.status == right && !found:
			problems = append(problems, "the outcome has no "+e.key())
		}
	}
	for _, key := range have {
		if !slices.Contains(known, key) {
			problems = append(problems, "expected.txt has no "+key+"; is it right?")
		}
	}
	return problems
}

// keys returns what expected.txt has to judge: all but notes, and the Services that come
// with every canary.
func (o outcome) keys() []string {
	var keys []string
	for _, l := range o.lines {
		if l.what != noted && (l.what != canaried || !strings.HasPrefix(l.object, "Service/")) {
			keys = append(keys, l.object+" "+l.what)
		}
	}
	if o.err != "" {
		keys = append(keys, failure)
	}
	return keys
}
