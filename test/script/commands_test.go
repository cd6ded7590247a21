//go:build unix

package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"sigs.k8s.io/yaml"
)

// refused MESSAGE PROGRAM ARG... runs a program. It must exit with 2, print nothing on
// stdout, and print MESSAGE as one line on stderr. In MESSAGE ... stands for any text.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: refused MESSAGE PROGRAM ARG...")
	}
	exits(ts, false, append([]string{"2"}, args[1:]...))
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("%d bytes on stdout, where there should be none", len(out))
	}
	literal := strings.Split(args[0], "...")
	for i := range literal {
		literal[i] = regexp.QuoteMeta(literal[i])
	}
	want := regexp.MustCompile("^canarize: " + strings.Join(literal, ".*") + "$") // . matches no line feed
	if message, _ := splitCode(ts.ReadFile("stderr")); !want.MatchString(message) {
		ts.Fatalf("stderr is not the one line\ncanarize: %s", args[0])
	}
}

// exits CODE PROGRAM ARG... runs a program that must exit with CODE.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d instead of %s", code, args[0])
	}
	if code != 0 {
		heard.add(ts, ts.ReadFile("stderr"))
	}
}

// alter NEW FILE TEXT REPLACEMENT writes a copy of FILE to NEW, with the first TEXT
// replaced. In both texts \n and \t mean line feed and tab.
func alter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: alter NEW FILE TEXT REPLACEMENT")
	}
	plain := strings.NewReplacer(`\n`, "\n", `\t`, "\t")
	before, after, found := strings.Cut(ts.ReadFile(args[1]), plain.Replace(args[2]))
	if !found {
		ts.Fatalf("%s does not contain %q", args[1], args[2])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(before+plain.Replace(args[3])+after), 0o600))
}

// bytes FILE TEXT writes TEXT to FILE. TEXT may contain Go's escapes. A leading \f stands
// for the contents of app.yml.
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bytes FILE TEXT")
	}
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(args[1], `"`, `\"`) + `"`)
	ts.Check(err)
	if rest, found := strings.CutPrefix(text, "\f"); found {
		text = ts.ReadFile("app.yml") + rest
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// fifo NAME FILE creates a named pipe and writes FILE into it once.
func fifo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fifo NAME FILE")
	}
	name, text := ts.MkAbs(args[0]), ts.ReadFile(args[1])
	ts.Check(syscall.Mkfifo(name, 0o600))
	go func() { // ends when somebody reads the pipe
		_ = os.WriteFile(name, []byte(text), 0)
	}()
}

// keeps KIND PATH BEFORE AFTER compares a value in the first object of KIND in two
// streams, decoded as kubectl does. Slashes join the parts of PATH, which must exist.
func keeps(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: keeps KIND PATH BEFORE AFTER")
	}
	before, err := find(ts.ReadFile(args[2]), args[0], args[1])
	ts.Check(err)
	after, err := find(ts.ReadFile(args[3]), args[0], args[1])
	ts.Check(err)
	if !reflect.DeepEqual(before, after) {
		ts.Fatalf("%s of the %s was %#v and is %#v", args[1], args[0], before, after)
	}
}

func find(stream, kind, path string) (any, error) {
	objects, err := decode(stream)
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		if object["kind"] != kind {
			continue
		}
		var value any = object
		for key := range strings.SplitSeq(path, "/") {
			m, _ := value.(map[string]any)
			if value = m[key]; value == nil {
				return nil, fmt.Errorf("the %s has no %s", kind, path)
			}
		}
		return value, nil
	}
	return nil, fmt.Errorf("no %s", kind)
}

var separator = regexp.MustCompile(`(?m)^---( .*)?$`)

// decode parses a stream of objects as kubectl does, with a separate parser for JSON.
func decode(stream string) ([]map[string]any, error) {
	var objects []map[string]any
	if strings.HasPrefix(stream, "{") {
		for d := json.NewDecoder(strings.NewReader(stream)); ; {
			var object map[string]any
			if err := d.Decode(&object); err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				return objects, err
			}
			objects = append(objects, object)
		}
	}
	for _, doc := range separator.Split(stream, -1) {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(doc), &object); err != nil {
			return nil, err
		}
		if object != nil {
			objects = append(objects, object)
		}
	}
	return objects, nil
}

// decoded FILE FILE compares the meaning of two streams of objects.
func decoded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: decoded FILE FILE")
	}
	first, err := decode(ts.ReadFile(args[0]))
	ts.Check(err)
	second, err := decode(ts.ReadFile(args[1]))
	ts.Check(err)
	if len(first) == 0 || !reflect.DeepEqual(first, second) {
		ts.Fatalf("%s (%d objects) and %s (%d) do not mean the same", args[0], len(first), args[1], len(second))
	}
}

// mode OCTAL FILE checks the permissions of a file.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode OCTAL FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if have := fmt.Sprintf("%03o", info.Mode().Perm()); have != args[0] {
		ts.Fatalf("%s has the permissions %s", args[1], have)
	}
}
