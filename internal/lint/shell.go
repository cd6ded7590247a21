package lint

import (
	"path"
	"slices"
	"strings"
)

// word is a word of a shell command.
type word struct {
	text string
	// opaque means that only the shell knows how many words it becomes, such as $FLAGS.
	opaque bool
}

// command is a simple command of a script.
type command struct {
	line  int // from 0
	words []word
	after string // the operator that follows: "|", "||", "&&", ";" or ""
	next  []word // the words of the next command
}

// commands splits a script into its simple commands. It knows quotes, continued lines,
// comments and variables. What it cannot understand has opaque words.
func commands(script string) []command {
	s := &scanner{text: script}
	for s.at < len(s.text) {
		s.step()
	}
	s.end("")
	for i := range s.found {
		if i+1 < len(s.found) {
			s.found[i].next = s.found[i+1].words
		}
	}
	return s.found
}

type scanner struct {
	text     string
	at, line int

	word    strings.Builder
	started bool // a word has begun
	opaque  bool
	quoted  bool // the word has a quoted part
	now     command
	found   []command
}

func (s *scanner) step() {
	c := s.text[s.at]
	switch rest := s.text[s.at:]; {
	case strings.HasPrefix(rest, "\\\n"):
		s.finish()
		s.skip(2)
	case strings.HasPrefix(rest, "\\\r\n"):
		s.finish()
		s.skip(3)
	case c == '\n':
		s.end("")
		s.skip(1)
	case c == ' ' || c == '\t' || c == '\r':
		s.finish()
		s.skip(1)
	case c == '#' && !s.started:
		s.skip(lengthTo(rest, "\n"))
	case c == '\'':
		s.quote(rest[1:], "'")
	case c == '"':
		s.double()
	case c == '$':
		s.variable()
	case c == '\\' && len(rest) > 1:
		s.put(rest[1:2])
		s.skip(2)
	case strings.HasPrefix(rest, "||"), strings.HasPrefix(rest, "&&"):
		s.end(rest[:2])
		s.skip(2)
	case c == '>' || c == '<' || strings.HasPrefix(rest, "&>"):
		s.redirect()
	case strings.ContainsRune("|;&()`", rune(c)):
		s.end(string(c))
		s.skip(1)
	default:
		s.put(rest[:1])
		s.skip(1)
	}
}

func (s *scanner) skip(n int) {
	n = min(n, len(s.text)-s.at)
	s.line += strings.Count(s.text[s.at:s.at+n], "\n")
	s.at += n
}

func (s *scanner) put(text string) {
	s.started = true
	s.word.WriteString(text)
}

// lengthTo returns the number of bytes before the end mark, or of all.
func lengthTo(text, mark string) int {
	if i := strings.Index(text, mark); i >= 0 {
		return i
	}
	return len(text)
}

func (s *scanner) quote(rest, mark string) {
	n := lengthTo(rest, mark)
	s.put(rest[:n])
	s.quoted = true
	s.skip(1 + n + len(mark))
}

func (s *scanner) double() {
	s.put("")
	s.quoted = true
	opaque := s.opaque
	for s.skip(1); s.at < len(s.text) && s.text[s.at] != '"'; {
		switch rest := s.text[s.at:]; {
		case rest[0] == '$':
			s.variable()
		case rest[0] == '\\' && len(rest) > 1:
			s.put(rest[1:2])
			s.skip(2)
		default:
			s.put(rest[:1])
			s.skip(1)
		}
	}
	s.opaque = opaque // a quoted variable is one word
	s.skip(1)
}

// variable passes a variable or substitution, also ${{ … }} of a CI system.
func (s *scanner) variable() {
	rest := s.text[s.at:]
	n := 1
	switch {
	case strings.HasPrefix(rest, "${{"):
		n = lengthTo(rest, "}}") + 2
	case strings.HasPrefix(rest, "${"):
		n = lengthTo(rest, "}") + 1
	case strings.HasPrefix(rest, "$("):
		n = closing(rest[1:]) + 1
	default:
		for n < len(rest) && (rest[n] == '_' || rest[n] >= '0' && rest[n] <= '9' || rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z') {
			n++
		}
	}
	n = min(n, len(rest))
	if !s.started {
		s.opaque = true
	}
	s.put("$" + strings.Repeat("x", min(n-1, 8)))
	s.skip(n)
}

// closing returns the length of a text in parentheses.
func closing(text string) int {
	depth := 0
	for i, r := range text {
		switch r {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// redirect passes a redirection with its file, or a process substitution.
func (s *scanner) redirect() {
	if inner := s.text[s.at:]; strings.HasPrefix(inner, "<(") || strings.HasPrefix(inner, ">(") {
		n := closing(inner[1:]) + 1
		for _, c := range commands(strings.TrimSuffix(inner[2:n], ")")) {
			c.line += s.line
			s.found = append(s.found, c)
		}
		s.opaque = true
		s.put("$file")
		s.skip(n)
		return
	}
	if w := s.word.String(); strings.Trim(w, "0123456789") == "" && !s.quoted { // the number of a file
		s.word.Reset()
		s.started = false
	}
	s.finish()
	rest := s.text[s.at:]
	n := len(rest) - len(strings.TrimLeft(rest, "<>&"))
	n += len(rest[n:]) - len(strings.TrimLeft(rest[n:], " \t"))
	for n < len(rest) && !strings.ContainsRune(" \t\r\n;|)", rune(rest[n])) {
		n++
	}
	s.skip(n)
}

// finish ends a word.
func (s *scanner) finish() {
	if !s.started {
		return
	}
	if len(s.now.words) == 0 {
		s.now.line = s.line
	}
	s.now.words = append(s.now.words, word{s.word.String(), s.opaque})
	s.word.Reset()
	s.started, s.opaque, s.quoted = false, false, false
}

// end ends a command.
func (s *scanner) end(operator string) {
	s.finish()
	if len(s.now.words) > 0 {
		s.now.after = operator
		s.found = append(s.found, s.now)
	}
	s.now = command{}
}

// canarize returns the arguments of canarize if the command calls it.
func (c command) canarize() (args []word, is bool) {
	words := c.words
	for len(words) > 0 && (slices.Contains([]string{"exec", "sudo", "time", "env", "if", "then", "else", "while", "until", "do", "!", "{", "timeout", "nice"}, words[0].text) || isAssignment(words[0].text)) {
		if words[0].text == "timeout" && len(words) > 1 {
			words = words[1:]
		}
		words = words[1:]
	}
	switch {
	case len(words) > 0 && path.Base(words[0].text) == "canarize":
		return words[1:], true
	case len(words) > 1 && path.Base(words[0].text) == "kubectl" && words[1].text == "canarize":
		return words[2:], true
	}
	return nil, false
}

func isAssignment(text string) bool {
	name, _, found := strings.Cut(text, "=")
	return found && name != "" && !strings.ContainsAny(name, "-/.:")
}

// Calls returns the arguments of every call of canarize in a script. The value of a
// variable is written as "x" if it may be several words.
func Calls(script string) (calls [][]string) {
	for _, c := range commands(script) {
		if words, is := c.canarize(); is {
			calls = append(calls, argumentsOf(words))
		}
	}
	return calls
}

func argumentsOf(words []word) []string {
	args := make([]string, len(words))
	for i, w := range words {
		if args[i] = w.text; w.opaque {
			args[i] = "x"
		}
	}
	return args
}
