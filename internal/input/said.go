package input

import (
	"bytes"
	"io"
	"log"
	"os"
	"strings"
	"sync"
)

// said passes on what kustomize says, line by line. Each line begins with what it is
// about. It says nothing twice: kustomize reads a base once for every overlay.
type said struct {
	mu    sync.Mutex
	note  func(line string) // nil after the end
	known map[string]bool   // lines, and messages of which the file is known
	kept  []string          // lines for a build that succeeds; an error is enough to read
}

func newSaid(note func(line string)) *said { return &said{note: note, known: map[string]bool{}} }

// ofFile keeps a message about a file.
func (s *said) ofFile(file, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[message] = true
	s.keep(file, message)
}

// ofBuild keeps a message of a build, unless the file that it is about is known.
func (s *said) ofBuild(dir, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known[message] {
		s.keep(dir, message)
	}
}

func (s *said) keep(about, message string) {
	line := about + ": kustomize: " + strings.TrimPrefix(strings.TrimPrefix(message, "# "), "Warning: ")
	if !s.known[line] {
		s.known[line] = true
		s.kept = append(s.kept, line)
	}
}

// logged passes on a message at once: if it is one of log.Fatal, it is the last.
func (s *said) logged(dir, message string) {
	s.ofBuild(dir, message)
	s.tell()
}

// tell passes on the kept messages.
func (s *said) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.kept {
		if s.note != nil {
			s.note(line)
		}
	}
	s.kept = nil
}

// end makes later messages disappear, if the build goes on after an interruption.
func (s *said) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note = nil
}

// listening guards os.Stderr and the output of package log while somebody listens.
var listening sync.Mutex

// listen calls do, printed for every line that do writes to os.Stderr, and logged for
// every line that it writes by package log. Kustomize has no other way to say something. Nothing else in this program uses either
// of them while it reads its input: its own messages go to the stderr that it was started
// with.
func listen(do func(), printed, logged func(line string)) error {
	listening.Lock()
	defer listening.Unlock()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	stderr, output, flags := os.Stderr, log.Writer(), log.Flags()
	read := make(chan struct{})
	go func() {
		defer close(read)
		written := &lines{say: printed}
		_, _ = io.Copy(written, r)
		written.end()
	}()
	defer func() {
		os.Stderr = stderr
		log.SetOutput(output)
		log.SetFlags(flags)
		_ = w.Close()
		<-read
		_ = r.Close()
	}()
	os.Stderr = w
	log.SetFlags(0)
	log.SetOutput(&lines{say: logged}) // not the pipe: log.Fatal ends the program at once
	do()
	return nil
}

// lines divides what is written to it.
type lines struct {
	say  func(line string)
	rest []byte // the beginning of a line
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.rest = rest
		l.one(line)
	}
}

func (l *lines) end() { l.one(l.rest) }

func (l *lines) one(line []byte) {
	if text := strings.TrimSpace(string(line)); text != "" {
		l.say(text)
	}
}
