package metric

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Matcher is a condition on a label, as PromQL has them. The zero value matches
// series without a label of the empty name: all.
type Matcher struct {
	Label, Op, Value string // Op is =, !=, =~ or !~

	pattern *regexp.Regexp
}

// Selector is a metric's name with conditions on its labels, such as
// requests_total{code=~"5.."}. Make one with ParseSelector.
type Selector struct {
	Name     string
	Matchers []Matcher
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*`)
)

// maxSelector bounds a selector's text; each is sent along with every request.
const maxSelector = 4000

// NewMatcher checks a condition. An expression has to match the whole value.
func NewMatcher(label, op, value string) (Matcher, error) {
	m := Matcher{Label: label, Op: op, Value: value}
	if labelName.FindString(label) != label || label == "" || label == "__name__" {
		return m, fmt.Errorf("%q is not the name of a label", label)
	}
	switch op {
	case "=", "!=":
		return m, nil
	case "=~", "!~":
		pattern, err := regexp.Compile("^(?s:" + value + ")$")
		if err != nil {
			return m, fmt.Errorf("label %s: %w", label, err)
		}
		m.pattern = pattern
		return m, nil
	}
	return m, fmt.Errorf("label %s: %q is not =, !=, =~ or !~", label, op)
}

// Equal is the condition that a label has a value. The label's name has to be valid.
func Equal(label, value string) Matcher { return Matcher{Label: label, Op: "=", Value: value} }

// Matches says whether a value fulfils the condition; a missing label has the value
// "".
func (m Matcher) Matches(value string) bool {
	switch m.Op {
	case "=":
		return value == m.Value
	case "!=":
		return value != m.Value
	case "=~":
		return m.pattern.MatchString(value)
	}
	return !m.pattern.MatchString(value)
}

func (m Matcher) String() string { return m.Label + m.Op + strconv.Quote(m.Value) }

// FormatMatchers writes conditions as PromQL does between braces.
func FormatMatchers(matchers []Matcher) string {
	parts := make([]string, len(matchers))
	for i, m := range matchers {
		parts[i] = m.String()
	}
	return strings.Join(parts, ",")
}

func (s Selector) String() string {
	if len(s.Matchers) == 0 {
		return s.Name
	}
	return s.Name + "{" + FormatMatchers(s.Matchers) + "}"
}

// With is the selector with more conditions.
func (s Selector) With(more ...Matcher) Selector {
	return Selector{s.Name, append(s.Matchers[:len(s.Matchers):len(s.Matchers)], more...)}
}

// Matches says whether a series fulfils all conditions.
func (s Selector) Matches(name string, labels map[string]string) bool {
	if name != s.Name {
		return false
	}
	for _, m := range s.Matchers {
		if !m.Matches(labels[m.Label]) {
			return false
		}
	}
	return true
}

// ParseSelector reads a selector with a name.
func ParseSelector(text string) (Selector, error) {
	if len(text) > maxSelector {
		return Selector{}, fmt.Errorf("a selector has at most %d bytes", maxSelector)
	}
	rest := strings.TrimSpace(text)
	s := Selector{Name: metricName.FindString(rest)}
	if s.Name == "" {
		return Selector{}, fmt.Errorf("%q does not begin with the name of a metric", text)
	}
	rest = strings.TrimSpace(rest[len(s.Name):])
	if rest == "" {
		return s, nil
	}
	inner, closed := strings.CutSuffix(rest, "}")
	inner, opened := strings.CutPrefix(inner, "{")
	if !closed || !opened {
		return Selector{}, fmt.Errorf("%q is not a plain selector such as requests_total{code=~\"5..\"}; functions, ranges and offsets are not possible here", text)
	}
	var err error
	s.Matchers, err = ParseMatchers(inner)
	return s, err
}

// ParseMatchers reads conditions with commas in between, such as
// job="shop",pod=~"shop-.+".
func ParseMatchers(text string) ([]Matcher, error) {
	if len(text) > maxSelector {
		return nil, fmt.Errorf("a selector has at most %d bytes", maxSelector)
	}
	var all []Matcher
	for rest := strings.TrimSpace(text); rest != ""; {
		label := labelName.FindString(rest)
		rest = strings.TrimSpace(rest[len(label):])
		op := ""
		for _, o := range []string{"=~", "!~", "!=", "="} {
			if strings.HasPrefix(rest, o) {
				op = o
				break
			}
		}
		if label == "" || op == "" {
			return nil, fmt.Errorf("%q: expected a condition such as code=~\"5..\" at %q", text, rest)
		}
		value, after, err := unquote(strings.TrimSpace(rest[len(op):]))
		if err != nil {
			return nil, fmt.Errorf("%q: label %s: %w", text, label, err)
		}
		m, err := NewMatcher(label, op, value)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		all = append(all, m)
		rest = strings.TrimSpace(after)
		next, comma := strings.CutPrefix(rest, ",")
		if !comma && rest != "" {
			return nil, fmt.Errorf("%q: expected a comma at %q", text, rest)
		}
		rest = strings.TrimSpace(next)
	}
	return all, nil
}

var errQuotes = errors.New(`expected a value in quotes, such as "5.."`)

// unquote reads a text in ", ' or ` from the begin, with the escapes of Go.
func unquote(text string) (value, rest string, err error) {
	if text == "" || !strings.ContainsRune("\"'`", rune(text[0])) {
		return "", "", errQuotes
	}
	quote, rest := text[0], text[1:]
	if quote == '`' {
		value, rest, closed := strings.Cut(rest, "`")
		if !closed {
			return "", "", errQuotes
		}
		return value, rest, nil
	}
	var out strings.Builder
	for rest != "" && rest[0] != quote {
		r, multibyte, tail, err := strconv.UnquoteChar(rest, quote)
		if err != nil {
			return "", "", errQuotes
		}
		if r < 0x80 || multibyte {
			out.WriteRune(r)
		} else {
			out.WriteByte(byte(r))
		}
		rest = tail
	}
	if rest == "" {
		return "", "", errQuotes
	}
	return out.String(), rest[1:], nil
}
